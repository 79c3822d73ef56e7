/** A backend of which only what a test needs is there; everything else answers that it is unsupported or fails the test. */
import * as DevboxBackend from "@effect-devbox/core/DevboxBackend"
import { BackendError, TransportError, UnavailableError } from "@effect-devbox/core/DevboxError"
import { DevboxId, DevboxInfo, LaunchParameters } from "@effect-devbox/core/DevboxModel"
import { Effect, Stream } from "effect"

export const devboxId = DevboxId.make("dbx_stub")

export const info = (over: Partial<ConstructorParameters<typeof DevboxInfo>[0]> = {}) =>
  new DevboxInfo({
    id: devboxId,
    status: "running",
    createTimeMs: 0,
    launchParameters: new LaunchParameters({}),
    metadata: {},
    capabilities: [],
    stateTransitions: [],
    ...over
  })

export const failure = (outcome: "rejected" | "ambiguous", over: { readonly retryable?: boolean } = {}) =>
  new BackendError({
    backend: "stub",
    operation: "stub",
    outcome,
    reason:
      over.retryable === false
        ? new TransportError({ detail: "broken" })
        : new UnavailableError({ detail: "not now", status: 503 }),
    ...(over.retryable === false ? { shouldRetry: false } : {})
  })

const unexpected = (operation: string) => () => Effect.die(new Error(`the test did not expect ${operation}`))

export const stub = (
  implementation: Partial<DevboxBackend.Implementation> & { readonly features?: ReadonlyArray<string> }
): DevboxBackend.Shape =>
  DevboxBackend.make({
    name: "stub",
    capabilities: {
      features: new Set(implementation.features ?? ["exactBytes", "killSignals", "consistentList"]),
      limits: { memory: "unavailable", cpu: "unavailable", pids: "unavailable", disk: "unavailable" },
      networks: new Set()
    },
    create: unexpected("create"),
    get: unexpected("get"),
    list: unexpected("list"),
    shutdown: unexpected("shutdown"),
    keepAlive: unexpected("keepAlive"),
    logs: unexpected("logs"),
    startExecution: unexpected("startExecution"),
    getExecution: unexpected("getExecution"),
    output: () => Stream.die(new Error("the test did not expect output")),
    kill: unexpected("kill"),
    download: () => Stream.die(new Error("the test did not expect download")),
    upload: unexpected("upload"),
    ...implementation
  })

/**
 * Devboxes on this machine: real isolated processes, no daemon, no account. A scoped devbox belongs to this process and dies
 * with it; a detached one is kept by a small process of its own. State lies in one folder and survives. It waits for no
 * state and retries nothing: `DevboxService` does.
 */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { DevboxBackend, make, type Shape } from "@effect-devbox/core/DevboxBackend"
import type { BackendError, LookupError, OutputError, ReadyError, ResourceNotFound, ShutdownError } from "@effect-devbox/core/DevboxError"
import type { Channel, OutputEvent } from "@effect-devbox/core/Execution"
import { randomUUID } from "node:crypto"
import type { Engine } from "./internal/local/engine.ts"
import { attempt, attemptInterruptibly, backendName, toError } from "./internal/local/errors.ts"
import * as Executions from "./internal/local/executions.ts"
import * as Files from "./internal/local/files.ts"
import { makeHost } from "./internal/local/host.ts"
import * as Lifecycle from "./internal/local/lifecycle.ts"
import { sweep, type SweepReport } from "./internal/local/recovery.ts"
import { endOwner, insertOwner } from "./internal/store/owners.ts"
import { acquireOwnerLock } from "./internal/store/ownerLock.ts"
import { defaultStateDir, openStore } from "./internal/store/store.ts"

/** Where devboxes live and how weak they may be. */
export interface Options {
  /** Default: `effect-devbox` in the XDG state folder; for root `/var/lib/effect-devbox`. */
  readonly stateDir?: string | undefined
  /** The weakest isolation for devboxes that do not say; default `"isolated"`. */
  readonly minimumIsolation?: "isolated" | "container" | "process" | undefined
  /** How long a devbox lives without `keepAlive`, for devboxes that do not say; default one hour. */
  readonly keepAliveTime?: Duration.Input | undefined
  /** Path of bubblewrap, or false to do without. Default: found on PATH. */
  readonly bubblewrap?: string | false | undefined
  /** Uses the process tier although the machine could isolate. Devboxes still have to accept it. */
  readonly tier?: "process" | undefined
}

const open = (options: Options): Promise<Engine & { readonly close: () => Promise<void> }> =>
  (async () => {
    const { db, dir } = openStore(options.stateDir ?? defaultStateDir())
    const ownerId = randomUUID()
    const lock = acquireOwnerLock(dir.owners, ownerId)
    insertOwner(db, { id: ownerId, kind: "process", pid: process.pid, socket: null })
    await sweep(dir, db)
    const engine: Engine = {
      dir,
      db,
      ownerId,
      host: makeHost(dir.root, options),
      live: new Map(),
      attaching: new Map(),
      waiters: new Map(),
      background: new Set()
    }
    const close = async () => {
      const rest = [...engine.live.values()]
      await Promise.allSettled(
        rest.map(async ({ box }) => {
          const row = Lifecycle.find(engine, box.id)
          if (row?.detached === 1) await box.detach()
          else await Lifecycle.shutdown(engine, box.id as Parameters<typeof Lifecycle.shutdown>[1])
        })
      )
      while (engine.background.size > 0) await Promise.all(engine.background)
      endOwner(db, ownerId)
      lock.release()
      db.close()
    }
    return { ...engine, close }
  })()

const both: ReadonlyArray<Channel> = ["stdout", "stderr"]

const shape = (engine: Engine, defaults: Lifecycle.Defaults): Shape => {
  const output: Shape["output"] = (id, executionId, channel, cursor) => {
    const one = (on: Channel) =>
      Stream.suspend(() => {
        const stop = new AbortController()
        return Stream.fromAsyncIterable<OutputEvent, OutputError>(
          Executions.readOutput(engine, id, executionId, on, cursor, stop.signal),
          toError<OutputError>("output", id)
        ).pipe(Stream.ensuring(Effect.sync(() => stop.abort())))
      })
    return channel === "both" ? Stream.mergeAll(both.map(one), { concurrency: 2 }) : one(channel)
  }
  return make({
    name: backendName,
    capabilities: {
      features: new Set([
        "stdin",
        "exactBytes",
        "killSignals",
        "metadataFilter",
        "update",
        "executionEnv",
        "consistentList",
        "idempotentStdin",
        "detached"
      ]),
      limits: { memory: "perProcess", cpu: "perProcess", pids: "perProcess", disk: "unavailable" },
      networks: new Set(["none", "host"])
    },
    create: (params) =>
      attempt<BackendError | ResourceNotFound, Awaited<ReturnType<typeof Lifecycle.create>>>("create", () =>
        Lifecycle.create(engine, params, defaults)
      ),
    get: (id) => attempt<LookupError, ReturnType<typeof Lifecycle.get>>("getInfo", () => Lifecycle.get(engine, id)),
    list: (query) => attempt("list", () => Lifecycle.list(engine, query)),
    update: (id, change) =>
      attempt<LookupError, ReturnType<typeof Lifecycle.update>>("update", () => Lifecycle.update(engine, id, change)),
    shutdown: (id) =>
      attempt<ShutdownError, Awaited<ReturnType<typeof Lifecycle.shutdown>>>("shutdown", () => Lifecycle.shutdown(engine, id)),
    keepAlive: (id) =>
      attempt<ReadyError, void>("keepAlive", () => Lifecycle.keepAlive(engine, id, defaults.keepAliveSeconds)),
    logs: (id, filter) =>
      attempt<LookupError, ReturnType<typeof Lifecycle.logs>>("logs", () => Lifecycle.logs(engine, id, filter)),
    waitForStatus: (id, statuses, hold) =>
      attemptInterruptibly<LookupError, Awaited<ReturnType<typeof Lifecycle.waitForStatus>>>("awaitStatus", (signal) =>
        Lifecycle.waitForStatus(engine, id, statuses, Duration.toMillis(hold), signal)
      ),
    startExecution: (id, params) =>
      attempt<ReadyError, Awaited<ReturnType<typeof Executions.startExecution>>>("exec", () =>
        Executions.startExecution(engine, id, params)
      ),
    getExecution: (id, executionId, options) =>
      attempt<LookupError, Awaited<ReturnType<typeof Executions.getExecution>>>("getExecution", () =>
        Executions.getExecution(engine, id, executionId, options?.lastLines)
      ),
    waitForExecution: (id, executionId, hold, options) =>
      attemptInterruptibly<LookupError, Awaited<ReturnType<typeof Executions.getExecution>>>("awaitExecution", (signal) =>
        Executions.waitForExecution(engine, id, executionId, Duration.toMillis(hold), options?.lastLines, signal)
      ),
    output,
    sendStdin: (id, executionId, input) =>
      attemptInterruptibly<ReadyError, void>("sendStdin", () => Executions.sendStdin(engine, id, executionId, input)),
    kill: (id, executionId, options) =>
      attempt<ReadyError, Awaited<ReturnType<typeof Executions.killExecution>>>("kill", () =>
        Executions.killExecution(engine, id, executionId, options ?? {})
      ),
    download: (id, path) => Files.download(engine, id, path),
    upload: (id, path, contents) => Files.upload(engine, id, path, contents)
  })
}

/** Devboxes on this machine. Those that are not detached end with the layer. */
export const layer = (options: Options = {}): Layer.Layer<DevboxBackend, BackendError> =>
  Layer.effect(
    DevboxBackend,
    Effect.map(
      Effect.acquireRelease(
        attempt<never, Awaited<ReturnType<typeof open>>>("open", () => open(options)),
        (engine) => Effect.promise(engine.close)
      ),
      (engine) =>
        shape(engine, {
          minimumIsolation: options.minimumIsolation ?? Lifecycle.defaults.minimumIsolation,
          keepAliveSeconds:
            options.keepAliveTime === undefined
              ? Lifecycle.defaults.keepAliveSeconds
              : Math.ceil(Duration.toSeconds(Duration.fromInputUnsafe(options.keepAliveTime)))
        })
    )
  )

/** As {@link layer}; `EFFECT_DEVBOX_STATE_DIR` and `EFFECT_DEVBOX_MINIMUM_ISOLATION` say what the options do not. */
export const layerConfig = (options: Options = {}): Layer.Layer<DevboxBackend, BackendError | Config.ConfigError> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const stateDir = yield* Config.option(Config.String("EFFECT_DEVBOX_STATE_DIR"))
      const isolation = yield* Config.option(
        Config.Literals(["isolated", "container", "process"], "EFFECT_DEVBOX_MINIMUM_ISOLATION")
      )
      return layer({
        stateDir: Option.getOrUndefined(stateDir),
        minimumIsolation: Option.getOrUndefined(isolation),
        ...options
      })
    })
  )

/** Puts in order what crashes left in a state folder; never touches what belongs to a living process. */
export const gc = (stateDir?: string): Effect.Effect<SweepReport, BackendError> =>
  attempt("gc", async () => {
    const { db, dir } = openStore(stateDir ?? defaultStateDir())
    try {
      return await sweep(dir, db)
    } finally {
      db.close()
    }
  })

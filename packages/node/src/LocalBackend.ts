/**
 * Devboxes on this machine: real isolated processes, no daemon, no account. A scoped devbox belongs to this process and dies
 * with it; a detached one is kept by a small process of its own. State lies in one folder and survives. It waits for no
 * state and retries nothing: `DevboxService` does.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import { DevboxBackend, make, type Shape } from "@effect-devbox/core/DevboxBackend"
import type {
  BackendError,
  Conflict,
  LookupError,
  ReadyError,
  ResourceNotFound,
  ShutdownError
} from "@effect-devbox/core/DevboxError"
import type { DevboxInfo, NetworkMode, Usage } from "@effect-devbox/core/DevboxModel"
import type { ExecutionInfo } from "@effect-devbox/core/Execution"
import type { SnapshotInfo, SnapshotState } from "@effect-devbox/core/Snapshot"
import { Book } from "./LocalNetworkPolicies.ts"
import { StorageObjects } from "@effect-devbox/core/StorageObjects"
import { ends } from "./internal/local/boot.ts"
import { keepAlive, notices } from "./internal/local/clock.ts"
import { create, type Defaults } from "./internal/local/create.ts"
import { shutdown } from "./internal/local/end.ts"
import { type Engine, inBackground } from "./internal/local/engine.ts"
import type { SshKey, Tunnel } from "@effect-devbox/core/Network"
import { withEngine } from "./internal/gates/engines.ts"
import { reopenGates } from "./internal/gates/keeper.ts"
import { createSshKey } from "./internal/gates/sshKeys.ts"
import { enableTunnel, removeTunnel } from "./internal/gates/tunnels.ts"
import { attempt, attemptInterruptibly, backendName } from "./internal/local/errors.ts"
import * as Executions from "./internal/local/executions.ts"
import * as Files from "./internal/local/files.ts"
import { logs } from "./internal/local/logs.ts"
import * as Look from "./internal/local/look.ts"
import { offered } from "./internal/local/network.ts"
import { output } from "./internal/local/output.ts"
import { dial } from "./internal/net/dial.ts"
import { fetch } from "./internal/net/fetch.ts"
import { type OpenEngine, openEngine } from "./internal/local/owner.ts"
import { sweep, type SweepReport } from "./internal/local/recovery.ts"
import { resume } from "./internal/local/resume.ts"
import * as Snapshots from "./internal/local/snapshots.ts"
import { putPolicy } from "./internal/local/policy.ts"
import { publicCode } from "./internal/local/sources.ts"
import { startExecution } from "./internal/local/start.ts"
import { suspend } from "./internal/local/suspend.ts"
import { openTerminal } from "./internal/local/terminal.ts"
import { findTool } from "./internal/sandbox/tools.ts"
import { deleteNetworkPolicy } from "./internal/store/networkPolicies.ts"
import { defaultStateDir, openStore } from "./internal/store/store.ts"

/** Where devboxes live and how weak they may be. */
export interface Options {
  /** Default: `effect-devbox` in the XDG state folder; for root `/var/lib/effect-devbox`. */
  readonly stateDir?: string | undefined
  /** The weakest isolation for devboxes that do not say; default `"isolated"`. */
  readonly minimumIsolation?: "isolated" | "container" | "process" | undefined
  /** How long a devbox lives without `keepAlive`, for devboxes that do not say; default one hour. */
  readonly keepAliveTime?: Duration.Input | undefined
  /** The network of devboxes that do not say; default `"proxy"`. */
  readonly network?: NetworkMode | undefined
  /**
   * The address below which `owner/name.git` is the repository of a code mount, by `https` or `http`; default `https://github.com`. It
   * may be in a network of yours: devboxes do not reach it, but for the cloning, which reaches nothing else.
   */
  readonly codeHost?: string | undefined
  /** The value of a stored secret, for devboxes that name one; `undefined` when there is none. Default: none are stored. */
  readonly secrets?: ((name: string) => Effect.Effect<Redacted.Redacted | undefined, BackendError>) | undefined
  /** Path of bubblewrap, or false to do without. Default: found on PATH. */
  readonly bubblewrap?: string | false | undefined
  /** Uses the process tier although the machine could isolate. Devboxes still have to accept it. */
  readonly tier?: "process" | undefined
}

/** What makes terminals is a program, and elsewhere one of the same name is another program. */
const hasTerminals = (): boolean => process.platform === "linux" && findTool("script") !== undefined

const shape = (engine: Engine, defaults: Defaults): Shape =>
  make({
    name: backendName,
    capabilities: {
      features: new Set([
        "suspend",
        "snapshot",
        "liveSnapshot",
        "notices",
        "stdin",
        ...(hasTerminals() ? ["pty"] : []),
        "exactBytes",
        "killSignals",
        "metadataFilter",
        "update",
        "usage",
        "executionEnv",
        "consistentList",
        "idempotentStdin",
        "detached",
        "ownerBound",
        "dial",
        "tunnel",
        "perPortTunnel",
        "ssh",
        "fetch"
      ]),
      limits: engine.limits,
      networks: offered(defaults.tier)
    },
    create: (params) =>
      attempt<BackendError | ResourceNotFound, DevboxInfo>("create", async () =>
        Look.get(engine, await create(engine, params, defaults))
      ).pipe(Effect.tap(warnWhenOpen)),
    get: (id) => attempt<LookupError, DevboxInfo>("getInfo", () => Look.get(engine, id)),
    list: (query) => attempt("list", () => Look.list(engine, query)),
    update: (id, change) => attempt<LookupError, DevboxInfo>("update", () => Look.update(engine, id, change)),
    usage: (id) => attempt<LookupError, Usage>("usage", () => Look.usage(engine, id)),
    suspend: (id) =>
      attempt<ReadyError, DevboxInfo>("suspend", async () => {
        await suspend(engine, id)
        return Look.get(engine, id)
      }),
    resume: (id) =>
      attempt<ReadyError, DevboxInfo>("resume", async () => {
        await resume(engine, id)
        // What leads to a detached devbox may have gone while it slept.
        await reopenGates(engine)
        return Look.get(engine, id)
      }),
    shutdown: (id, options) =>
      attempt<ShutdownError, DevboxInfo>("shutdown", async () => {
        await shutdown(engine, id, { force: options?.force })
        return Look.get(engine, id)
      }),
    keepAlive: (id) => attempt<ReadyError, void>("keepAlive", () => keepAlive(engine, id, ends(engine))),
    notices: notices(engine),
    startSnapshot: (id, params) =>
      attempt<ReadyError | Conflict, SnapshotInfo>("snapshotDisk", () => Snapshots.startSnapshot(engine, id, params)),
    getSnapshot: (id) => attempt<LookupError, SnapshotState>("getSnapshot", () => Snapshots.getState(engine, id)),
    waitForSnapshot: (id, hold) =>
      attemptInterruptibly<LookupError, SnapshotState>("awaitSnapshot", (signal) =>
        Snapshots.waitForSnapshot(engine, id, Duration.toMillis(hold), signal)
      ),
    listSnapshots: (query) => attempt("listSnapshots", () => Snapshots.list(engine, query)),
    updateSnapshot: (id, params) =>
      attempt<LookupError, SnapshotInfo>("updateSnapshot", () => Snapshots.update(engine, id, params)),
    deleteSnapshot: (id) => attempt<LookupError, void>("deleteSnapshot", () => Snapshots.remove(engine, id)),
    logs: (id, filter) => attempt<LookupError, ReturnType<typeof logs>>("logs", () => logs(engine, id, filter)),
    waitForStatus: (id, statuses, hold) =>
      attemptInterruptibly<LookupError, DevboxInfo>("awaitStatus", (signal) =>
        Look.waitForStatus(engine, id, statuses, Duration.toMillis(hold), signal)
      ),
    startExecution: (id, params) =>
      attempt<ReadyError, ExecutionInfo>("exec", () => startExecution(engine, id, params)),
    getExecution: (id, executionId, options) =>
      attempt<LookupError, ExecutionInfo>("getExecution", () =>
        Executions.getExecution(engine, id, executionId, options?.lastLines)
      ),
    waitForExecution: (id, executionId, hold, options) =>
      attemptInterruptibly<LookupError, ExecutionInfo>("awaitExecution", (signal) =>
        Executions.waitForExecution(engine, id, executionId, Duration.toMillis(hold), options?.lastLines, signal)
      ),
    output: (id, executionId, channel, cursor) => output(engine, id, executionId, channel, cursor),
    sendStdin: (id, executionId, input) =>
      attemptInterruptibly<ReadyError, void>("sendStdin", () => Executions.sendStdin(engine, id, executionId, input)),
    kill: (id, executionId, options) =>
      attempt<ReadyError, ExecutionInfo>("kill", () =>
        Executions.killExecution(engine, id, executionId, options ?? {})
      ),
    openTerminal: (id, options) => openTerminal(engine, id, options),
    createSshKey: (id) => attempt<ReadyError, SshKey>("createSshKey", () => createSshKey(engine, id)),
    enableTunnel: (id, options) => attempt<ReadyError, Tunnel>("enableTunnel", () => enableTunnel(engine, id, options)),
    removeTunnel: (id, options) =>
      attempt<ReadyError, void>("removeTunnel", () => removeTunnel(engine, id, options?.port)),
    dial: (id, port) => dial(engine, id, port),
    fetch: (id, port, request) => fetch(engine, id, port, request),
    download: (id, path) => Files.download(engine, id, path),
    upload: (id, path, contents) => Files.upload(engine, id, path, contents)
  })

const warnWhenOpen = (info: DevboxInfo): Effect.Effect<void> =>
  info.isolation === "process"
    ? Effect.logWarning(`Devbox ${info.id} is not isolated from this machine (tier: process).`)
    : Effect.void

/**
 * Devboxes on this machine. Those that are not detached end with the layer. Where `StorageObjects` is provided to the layer,
 * devboxes can be given objects.
 */
export const layer = (options: Options = {}): Layer.Layer<DevboxBackend | Book, BackendError> =>
  Layer.effectContext(
    Effect.map(
      Effect.acquireRelease(
        Effect.flatMap(Effect.serviceOption(StorageObjects), (objects) =>
          attempt<never, OpenEngine>("open", () => {
            const keepAlive = Duration.fromInputUnsafe(options.keepAliveTime ?? "1 hour")
            const opened = openEngine(options.stateDir ?? defaultStateDir(), {
              ...options,
              sources: {
                codeHost: options.codeHost ?? publicCode,
                objects: Option.getOrUndefined(objects),
                secrets: options.secrets
              },
              keepAliveSeconds: Math.ceil(Duration.toSeconds(keepAlive))
            })
            inBackground(opened.engine, reopenGates(opened.engine))
            return opened
          })
        ),
        ({ close }) => Effect.promise(close)
      ),
      ({ engine }) => {
        const { minimumIsolation = "isolated", network = "proxy", tier } = options
        const backend = withEngine(shape(engine, { minimumIsolation, network, tier }), engine)
        return Context.make(DevboxBackend, backend).pipe(
          Context.add(Book, {
            put: (info) => attempt("putNetworkPolicy", () => putPolicy(engine.db, "putNetworkPolicy", info)),
            remove: (id) => attempt("removeNetworkPolicy", () => void deleteNetworkPolicy(engine.db, id))
          })
        )
      }
    )
  )

/** As {@link layer}; `EFFECT_DEVBOX_STATE_DIR` and `EFFECT_DEVBOX_MINIMUM_ISOLATION` say what the options do not. */
export const layerConfig = (
  options: Options = {}
): Layer.Layer<DevboxBackend | Book, BackendError | Config.ConfigError> =>
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
      return await sweep({ dir, db })
    } finally {
      db.close()
    }
  })

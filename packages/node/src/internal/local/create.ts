/** The creation of a devbox: what was asked for is checked before anything exists, and nothing is left when it fails. */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { CreateParams, CreateParamsJson, DevboxId } from "@effect-devbox/core/DevboxModel"
import { ExecutionId } from "@effect-devbox/core/Execution"
import { startBox } from "../sandbox/box.ts"
import { insertDevbox, isFinal, transition } from "../store/devboxes.ts"
import { appendLogs } from "../store/logs.ts"
import { startDetached } from "./detached.ts"
import { end, ended, removeBox, renewExpiry, watchExpiry } from "./end.ts"
import { type Engine, enlist, inBackground, type Live, rowOf, specOf } from "./engine.ts"
import { upload } from "./files.ts"
import { invalid } from "./errors.ts"
import { checkIsolation } from "./host.ts"
import { toExecutionInfo } from "./info.ts"
import { checkRequest } from "./request.ts"
import { executionRow, launch } from "./start.ts"

const encodeRequest = Schema.encodeSync(Schema.fromJsonString(CreateParamsJson))

/** What the layer's options say about every devbox. */
export interface Defaults {
  readonly minimumIsolation: "isolated" | "container" | "process"
  readonly keepAliveSeconds: number
}

/** The defaults of the defaults. */
export const defaults: Defaults = { minimumIsolation: "isolated", keepAliveSeconds: 3600 }

/** Starts a devbox. What needs time (launch commands, files) goes on beside the caller. */
export const create = (engine: Engine, params: CreateParams, options: Defaults): Promise<DevboxId> => {
  checkRequest(params)
  if (engine.closing) throw invalid("create", "the local backend is closed, or closing; create within its scope")
  const making = make(engine, params, options)
  const settled = making.catch(() => {}).finally(() => engine.creating.delete(settled))
  engine.creating.add(settled)
  return making
}

const make = async (engine: Engine, params: CreateParams, options: Defaults): Promise<DevboxId> => {
  const host = await engine.host()
  checkIsolation(host.report, params.minimumIsolation ?? options.minimumIsolation)
  const id = DevboxId.make(`dbx_${SecureRandom.uuidV7Unsafe().replaceAll("-", "")}`)
  const detached = params.detached === true
  const { limits, tier } = host.report
  // Values given for this devbox may be secret, and nothing needs them later.
  const { environmentVariables, metadata, mounts = [], ...kept } = params
  insertDevbox(engine.db, {
    id,
    owner_id: engine.ownerId,
    detached: detached ? 1 : 0,
    status: "provisioning",
    name: params.name ?? null,
    metadata: JSON.stringify(metadata ?? {}),
    request: encodeRequest(new CreateParams(kept)),
    create_time_ms: Date.now(),
    isolation: tier,
    network: tier === "process" ? "host" : (params.network ?? "none"),
    limits: JSON.stringify({ memory: limits.memory, cpu: limits.cpu, pids: limits.processes, disk: limits.disk })
  })
  renewExpiry(engine, rowOf(engine, id), options.keepAliveSeconds)
  const spec = specOf(engine, host, id, {
    network: params.network === "host" ? "host" : "none",
    env: environmentVariables
  })
  let live: Live
  try {
    live = detached ? await startDetached(engine, spec) : enlist(engine, await startBox(spec))
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    transition(engine.db, id, "failure", { failureReason: "execution_failed", detail })
    await removeBox(engine, id).catch(() => {})
    throw error
  }
  if (!detached)
    inBackground(
      engine,
      live.box.closed.then(() => ended(engine, live))
    )
  // Somebody who saw it in a list has shut it down meanwhile.
  if (isFinal(rowOf(engine, id).status)) {
    await end(engine, rowOf(engine, id))
    return id
  }
  if (!detached) watchExpiry(engine, live)
  const setup = params.launchParameters?.launchCommands ?? []
  if (setup.length + mounts.length === 0) transition(engine.db, id, "running")
  else {
    transition(engine.db, id, "initializing")
    inBackground(engine, initialize(engine, live, id, setup, mounts))
  }
  return id
}

/** What the log keeps of each output of a launch command that failed. */
const loggedLines = 100

/** Runs a launch command; why it failed goes to the log. */
const runSetup = async (engine: Engine, live: Live, id: DevboxId, command: string): Promise<boolean> => {
  const commandId = ExecutionId.make(SecureRandom.uuidV7Unsafe())
  await launch(engine, live, { commandId, command }, "setup_commands")
  await live.followed.get(commandId)?.over
  const info = await toExecutionInfo(engine, executionRow(engine, id, commandId), loggedLines)
  if (info.exitStatus === 0) return true
  const of = { source: "setup_commands", cmd_id: commandId } as const
  const printed = (["stdout", "stderr"] as const).flatMap((channel) => {
    const message = info[channel] ?? ""
    return message === ""
      ? []
      : [{ ...of, level: channel === "stdout" ? ("info" as const) : ("error" as const), message }]
  })
  const verdict = `the launch command ${JSON.stringify(command)} ended with ${info.exitStatus ?? "no exit status"}`
  appendLogs(engine.db, id, [...printed, { ...of, level: "error", message: verdict }])
  return false
}

/** Files, then launch commands; the devbox runs when they are done, and fails when one of them does. */
const initialize = async (
  engine: Engine,
  live: Live,
  id: DevboxId,
  commands: ReadonlyArray<string>,
  mounts: NonNullable<CreateParams["mounts"]>
): Promise<void> => {
  const setUp = async (): Promise<boolean> => {
    for (const mount of mounts) {
      if (mount.type !== "file_mount") continue
      const bytes = Stream.make(new TextEncoder().encode(mount.content))
      await Effect.runPromise(upload(engine, id, mount.target, bytes))
    }
    for (const command of commands) if (!(await runSetup(engine, live, id, command))) return false
    return true
  }
  const succeeded = await setUp().catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error)
    appendLogs(engine.db, id, [{ level: "error", source: "setup_commands", message, cmd_id: null }])
    return false
  })
  if (succeeded) transition(engine.db, id, "running")
  else {
    transition(engine.db, id, "failure", { failureReason: "execution_failed" })
    await end(engine, rowOf(engine, id))
  }
  engine.news.changed(id)
}

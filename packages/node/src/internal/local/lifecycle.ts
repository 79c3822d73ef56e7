/** The life of a devbox on this machine: create, look, keep, end. */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Schema from "effect/Schema"
import type { ListQuery, Page } from "@effect-devbox/core/DevboxBackend"
import { Conflict } from "@effect-devbox/core/DevboxError"
import {
  CreateParams,
  CreateParamsJson,
  type DevboxId,
  type DevboxInfo,
  type DevboxStatus,
  LogEntry
} from "@effect-devbox/core/DevboxModel"
import { ExecutionId } from "@effect-devbox/core/Execution"
import * as path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { startBox } from "../sandbox/box.ts"
import { removeBoxDir } from "../sandbox/remove.ts"
import {
  type DevboxRow,
  getDevbox,
  insertDevbox,
  listDevboxes,
  setExpiry,
  transition,
  updateDevbox,
  wishEnd
} from "../store/devboxes.ts"
import { completeExecution, getExecution, listExecutions, openExecutionsOf } from "../store/executions.ts"
import { appendLogs, listLogs } from "../store/logs.ts"
import { getOwner } from "../store/owners.ts"
import { isOwnerAlive } from "../store/ownerLock.ts"
import { startDetached } from "./detached.ts"
import { boxDir, changed, connect, type Engine, enlist, inBackground, type Live, nextChange, rowOf, running, specOf } from "./engine.ts"
import { launch } from "./executions.ts"
import { checkIsolation } from "./host.ts"
import { toInfo } from "./info.ts"
import { checkRequest } from "./request.ts"

const encodeRequest = Schema.encodeSync(Schema.fromJsonString(CreateParamsJson))
const defaultKeepAlive = 3600
/** Node fires timers beyond this at once. */
const longestTimer = 2 ** 31 - 1

/** Final statuses are never left. */
export const isFinal = (status: string): boolean => status === "shutdown" || status === "failure"

/** What the layer's options say about every devbox. */
export interface Defaults {
  readonly minimumIsolation: "isolated" | "container" | "process"
  readonly keepAliveSeconds: number
}

/** The defaults of the defaults. */
export const defaults: Defaults = { minimumIsolation: "isolated", keepAliveSeconds: defaultKeepAlive }

const keepAliveSeconds = (row: DevboxRow, fallback: number): number =>
  (JSON.parse(row.request) as { launch_parameters?: { keep_alive_time_seconds?: number } }).launch_parameters
    ?.keep_alive_time_seconds ?? fallback

/** Starts a devbox. What needs time (launch commands, files) goes on beside the caller. */
export const create = async (engine: Engine, params: CreateParams, options: Defaults): Promise<DevboxInfo> => {
  checkRequest(params)
  const host = await engine.host()
  checkIsolation(host.report, params.minimumIsolation ?? options.minimumIsolation)
  const id = `dbx_${SecureRandom.uuidV7Unsafe().replaceAll("-", "")}` as DevboxId
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
    await removeBoxDir(boxDir(engine, id), path.join(engine.dir.root, "trash")).catch(() => {})
    throw error
  }
  if (!detached) inBackground(engine, live.box.closed.then(() => ended(engine, id, live)))
  renew(engine, rowOf(engine, id), live, options.keepAliveSeconds)
  const setup = params.launchParameters?.launchCommands ?? []
  if (setup.length + mounts.length === 0) transition(engine.db, id, "running")
  else {
    transition(engine.db, id, "initializing")
    inBackground(engine, initialize(engine, live, setup, mounts))
  }
  return toInfo(engine, rowOf(engine, id))
}

/** Files, then launch commands; the devbox runs when they are done, and fails when one of them does. */
const initialize = async (
  engine: Engine,
  live: Live,
  commands: ReadonlyArray<string>,
  mounts: NonNullable<CreateParams["mounts"]>
): Promise<void> => {
  const { id } = live.box
  const run = async (command: string | ReadonlyArray<string>, what: string): Promise<boolean> => {
    const commandId = ExecutionId.make(SecureRandom.uuidV7Unsafe())
    await launch(engine, live, { commandId, command }, "setup_commands")
    await live.followed.get(commandId)?.over
    const row = getExecution(engine.db, id, commandId)
    if (row?.exit_status === 0) return true
    const message = `${what} ended with ${row?.exit_status ?? "no exit status"}`
    appendLogs(engine.db, id, [{ level: "error", source: "setup_commands", message, cmd_id: commandId }])
    return false
  }
  const put = 'case $1 in "~/"*) f=$HOME/${1#"~/"} ;; *) f=$1 ;; esac; mkdir -p -- "$(dirname -- "$f")" && printf %s "$2" >"$f"'
  try {
    for (const mount of mounts) {
      if (mount.type !== "file_mount") continue
      if (!(await run(["sh", "-c", put, "sh", mount.target, mount.content], `the file mount ${mount.target}`))) {
        return fail(engine, id)
      }
    }
    for (const command of commands) {
      if (!(await run(command, `the launch command ${JSON.stringify(command)}`))) return fail(engine, id)
    }
    transition(engine.db, id, "running")
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    appendLogs(engine.db, id, [{ level: "error", source: "setup_commands", message, cmd_id: null }])
    return fail(engine, id)
  } finally {
    changed(engine, id)
  }
}

const fail = async (engine: Engine, id: string): Promise<void> => {
  transition(engine.db, id, "failure", { failureReason: "execution_failed" })
  await end(engine, rowOf(engine, id))
}

/** The box of a devbox is gone: by our wish, or of its own accord, which is a failure. */
export const ended = async (engine: Engine, id: string, live: Live): Promise<void> => {
  clearTimeout(live.timer)
  // Those who follow an execution write its end down first; what is left has nobody.
  await Promise.all([...live.followed.values()].map(({ over }) => over))
  engine.live.delete(id)
  closeExecutions(engine, id, "devbox_ended")
  if (!live.ending) {
    transition(engine.db, id, "failure", { failureReason: "health_check_failed", detail: "every process of the devbox ended" })
    await removeBoxDir(boxDir(engine, id), path.join(engine.dir.root, "trash"))
  }
  changed(engine, id)
}

/** Executions that nobody will hear of any more have no exit status. */
export const closeExecutions = (engine: Pick<Engine, "db">, id: string, failureReason: string): void => {
  for (const row of openExecutionsOf(engine.db, id)) {
    completeExecution(engine.db, id, row.id, { failureReason, stdoutBytes: 0, stderrBytes: 0 })
  }
}

/** Starts the keep-alive time again. Of a detached devbox the holder watches it. */
const renew = (engine: Engine, row: DevboxRow, live: Live, fallback: number): void => {
  const millis = keepAliveSeconds(row, fallback) * 1000
  setExpiry(engine.db, row.id, Date.now() + millis)
  if (row.detached === 1) return
  clearTimeout(live.timer)
  live.timer = setTimeout(
    () => inBackground(engine, shutdown(engine, row.id as DevboxId, "keep_alive_timeout")),
    Math.min(millis, longestTimer)
  )
  live.timer.unref()
}

/** See the contract. */
export const keepAlive = async (engine: Engine, id: DevboxId, fallback: number): Promise<void> => {
  const { live, row } = await running(engine, id, ["initializing"])
  renew(engine, row, live, fallback)
}

/** Ends the box of a devbox and removes what it left on disk. */
const end = async (engine: Engine, row: DevboxRow): Promise<void> => {
  const live = await connect(engine, row).catch(() => undefined)
  if (live !== undefined) {
    live.ending = true
    clearTimeout(live.timer)
    await live.box.stop()
    await live.box.closed
    await ended(engine, row.id, live)
    if (row.detached === 1) await holderGone(engine, row.owner_id)
  } else if (row.owner_id !== engine.ownerId && isOwnerAlive(engine.dir.owners, row.owner_id)) {
    throw new Conflict({
      devboxId: row.id,
      detail: `it belongs to process ${getOwner(engine.db, row.owner_id)?.pid ?? "?"}, which is running; end it there.`
    })
  }
  closeExecutions(engine, row.id, "devbox_ended")
  await removeBoxDir(boxDir(engine, row.id), path.join(engine.dir.root, "trash"))
}

/** How long a holder may take to leave after its box, and how often it is looked for: its lock tells nobody by itself. */
const holderLeaves = 5000
const holderLook = 5

const holderGone = async (engine: Engine, ownerId: string): Promise<void> => {
  const deadline = Date.now() + holderLeaves
  while (isOwnerAlive(engine.dir.owners, ownerId) && Date.now() < deadline) await sleep(holderLook)
}

/** Ends a devbox for good. Asked again it makes sure once more. */
export const shutdown = async (
  engine: Engine,
  id: DevboxId,
  reason: "api_shutdown" | "keep_alive_timeout" = "api_shutdown"
): Promise<DevboxInfo> => {
  const row = rowOf(engine, id)
  // The status is written last: "shutdown" means that the box was seen gone.
  const live = engine.live.get(id)
  if (live !== undefined) live.ending = true
  wishEnd(engine.db, id, reason)
  if (!isFinal(row.status) || live !== undefined) await end(engine, row)
  transition(engine.db, id, "shutdown", { shutdownReason: reason })
  changed(engine, id)
  return toInfo(engine, rowOf(engine, id))
}

/** One devbox. */
export const get = (engine: Engine, id: DevboxId): DevboxInfo => toInfo(engine, rowOf(engine, id))

/** A page of devboxes, newest first. */
export const list = (
  engine: Engine,
  query: ListQuery & { readonly status?: DevboxStatus | undefined }
): Page<DevboxInfo> => {
  const limit = Math.min(Math.max(1, query.limit ?? 20), 5000)
  const rows = listDevboxes(engine.db, { ...query, limit: limit + 1 })
  return { items: rows.slice(0, limit).map((row) => toInfo(engine, row)), hasMore: rows.length > limit }
}

/** Changes name and metadata. An empty name removes it. */
export const update = (
  engine: Engine,
  id: DevboxId,
  change: { readonly name?: string | undefined; readonly metadata?: Readonly<Record<string, string>> | undefined }
): DevboxInfo => {
  rowOf(engine, id)
  updateDevbox(engine.db, id, {
    name: change.name === "" ? null : change.name,
    metadata: change.metadata === undefined ? undefined : JSON.stringify(change.metadata)
  })
  return get(engine, id)
}

const foreignHold = 500

/** Holds until the devbox has one of the statuses or the time is over. */
export const waitForStatus = async (
  engine: Engine,
  id: DevboxId,
  statuses: ReadonlyArray<DevboxStatus>,
  millis: number,
  signal: AbortSignal
): Promise<DevboxInfo> => {
  const deadline = Date.now() + millis
  for (;;) {
    const row = rowOf(engine, id)
    const left = deadline - Date.now()
    if (statuses.includes(row.status as DevboxStatus) || left <= 0 || signal.aborted) return toInfo(engine, row)
    // Nobody tells us what another process does with its devbox.
    await nextChange(engine, id, engine.live.has(id) ? left : Math.min(left, foreignHold), signal)
    if (!engine.live.has(id)) return get(engine, id)
  }
}

/** What happened in a devbox: its commands, and what its setup said. */
export const logs = (
  engine: Engine,
  id: DevboxId,
  filter: { readonly executionId?: ExecutionId | undefined; readonly shellName?: string | undefined } = {}
): ReadonlyArray<LogEntry> => {
  rowOf(engine, id)
  const entries: Array<LogEntry> = []
  for (const row of listExecutions(engine.db, id, filter)) {
    const source = row.source === "exec" ? "exec" : row.source
    const of = { source, cmdId: row.id, ...(row.shell_name === null ? {} : { shellName: row.shell_name }) } as const
    entries.push(new LogEntry({ ...of, level: "info", timestampMs: row.start_time_ms, cmd: row.command }))
    if (row.end_time_ms === null) continue
    const exit = row.exit_status
    entries.push(
      new LogEntry({
        ...of,
        level: exit === 0 ? "info" : "error",
        timestampMs: row.end_time_ms,
        ...(exit === null ? { message: `ended without an exit status: ${row.failure_reason}` } : { exitCode: exit })
      })
    )
  }
  if (filter.shellName === undefined) {
    for (const row of listLogs(engine.db, id)) {
      if (filter.executionId !== undefined && row.cmd_id !== filter.executionId) continue
      entries.push(
        new LogEntry({
          level: row.level,
          source: row.source as LogEntry["source"],
          timestampMs: row.time_ms,
          ...(row.message === null ? {} : { message: row.message }),
          ...(row.cmd_id === null ? {} : { cmdId: row.cmd_id })
        })
      )
    }
  }
  return entries.sort((a, b) => a.timestampMs - b.timestampMs)
}


/** The row of a devbox, if there is one. */
export const find = (engine: Engine, id: string): DevboxRow | undefined => getDevbox(engine.db, id)

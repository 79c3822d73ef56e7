/** What happens in a devbox between its start and "running": files, launch commands, and then its entrypoint. */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { DevboxId, type Mount } from "@effect-devbox/core/DevboxModel"
import { ExecutionId } from "@effect-devbox/core/Execution"
import { quote } from "../sandbox/quote.ts"
import { isFinal, transition } from "../store/devboxes.ts"
import { appendLogs } from "../store/logs.ts"
import { requestOf } from "./bounds.ts"
import { type Acts, renewExpiry, watchTime } from "./clock.ts"
import { type Engine, inBackground, type Live, rowOf } from "./engine.ts"
import { upload } from "./files.ts"
import { toExecutionInfo } from "./info.ts"
import { executionRow, launch } from "./start.ts"

/** What a start brings along besides what is written down. */
export interface Setup {
  readonly mounts?: ReadonlyArray<Mount> | undefined
  /** The devbox was there before: only its launch commands and its entrypoint run, its files are in place. */
  readonly again: boolean
}

/** What the log keeps of each output of a command that failed. */
const loggedLines = 100

/** Runs a command of the devbox's life to its end; why it failed goes to the log. */
export const runCommand = async (
  engine: Engine,
  live: Live,
  id: string,
  command: string,
  kind: "launch" | "suspend"
): Promise<boolean> => {
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
  const verdict = `the ${kind} command ${JSON.stringify(command)} ended with ${info.exitStatus ?? "no exit status"}`
  appendLogs(engine.db, id, [...printed, { ...of, level: "error", message: verdict }])
  return false
}

/** What installs a repository, in its folder. */
const installOf = (mount: Mount): ReadonlyArray<string> =>
  mount.type === "code_mount" && mount.installCommand !== undefined
    ? [`cd -- "$HOME"/${quote(mount.repoName)} && { ${mount.installCommand}\n}`]
    : []

const place = async (engine: Engine, id: DevboxId, mount: Mount): Promise<void> => {
  if (mount.type !== "file_mount") return
  await Effect.runPromise(upload(engine, id, mount.target, Stream.make(new TextEncoder().encode(mount.content))))
}

/** How the life of a devbox goes on. */
export interface Ends extends Acts {
  /** Ends a devbox that failed. */
  readonly fail: (id: string) => Promise<void>
  readonly exited: (id: DevboxId) => Promise<unknown>
}

const runs = async (engine: Engine, live: Live, id: DevboxId, ends: Ends): Promise<void> => {
  const row = rowOf(engine, id)
  if (isFinal(row.status) || row.shutdown_reason !== null) return
  renewExpiry(engine, row)
  live.activeAtMs = Date.now()
  transition(engine.db, id, "running")
  engine.news.changed(id)
  watchTime(engine, live, ends)
  const { entrypoint } = requestOf(row)
  if (entrypoint === undefined) return
  const commandId = ExecutionId.make(`entrypoint-${SecureRandom.uuidV7Unsafe()}`)
  const ended = async (): Promise<void> => {
    await launch(engine, live, { commandId, command: entrypoint }, "entrypoint")
    await live.followed.get(commandId)?.over
    // Its end is the devbox's, unless it was the other way round.
    if (!live.ending && executionRow(engine, id, commandId).failure_reason === null) await ends.exited(id)
  }
  inBackground(
    engine,
    ended().catch(async (error: unknown) => {
      // Suspended or ended before it began; after a resume there is another one.
      if (live.ending || rowOf(engine, id).status !== "running") return
      const message = `the entrypoint did not start: ${error instanceof Error ? error.message : String(error)}`
      appendLogs(engine.db, id, [{ level: "error", source: "entrypoint", message, cmd_id: null }])
      await ends.exited(id)
    })
  )
}

/** Makes a devbox that was started run. Without anything to do it runs when this returns; otherwise that goes on beside. */
export const settleIn = async (engine: Engine, live: Live, setup: Setup, ends: Ends): Promise<void> => {
  const id = DevboxId.make(live.box.id)
  const commands = requestOf(rowOf(engine, id)).launchParameters?.launchCommands ?? []
  const mounts = setup.again ? [] : (setup.mounts ?? []).filter((mount) => mount.type === "file_mount")
  const installs = setup.again ? [] : (setup.mounts ?? []).flatMap((mount) => installOf(mount))
  if (commands.length + mounts.length + installs.length === 0) return runs(engine, live, id, ends)
  if (!setup.again) transition(engine.db, id, "initializing")
  watchTime(engine, live, ends)
  const prepare = async (): Promise<boolean> => {
    for (const mount of mounts) await place(engine, id, mount)
    for (const command of [...installs, ...commands])
      if (!(await runCommand(engine, live, id, command, "launch"))) return false
    return true
  }
  const work = async (): Promise<void> => {
    const succeeded = await prepare().catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error)
      appendLogs(engine.db, id, [{ level: "error", source: "setup_commands", message, cmd_id: null }])
      return false
    })
    if (succeeded) return runs(engine, live, id, ends)
    // When it is being ended, that is why its commands failed.
    if (live.ending || rowOf(engine, id).shutdown_reason !== null) return
    transition(engine.db, id, "failure", { failureReason: "execution_failed" })
    await ends.fail(id)
    engine.news.changed(id)
  }
  inBackground(engine, work())
}

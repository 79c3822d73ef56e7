/** Rows → the models of the contract. */
import { DevboxInfo, Limits, LaunchParameters, StateTransition } from "@effect-devbox/core/DevboxModel"
import { DevboxId, SnapshotId } from "@effect-devbox/core/DevboxModel"
import { ExecutionId, ExecutionInfo } from "@effect-devbox/core/Execution"
import { OutputLostError } from "../journal/types.ts"
import { type DevboxRow, getTransitions } from "../store/devboxes.ts"
import type { ExecutionRow } from "../store/executions.ts"
import { toTunnel } from "../gates/tunnel.ts"
import { getTunnel } from "../store/tunnels.ts"
import { requestOf } from "./bounds.ts"
import { type Engine, journalOf } from "./engine.ts"

/** A devbox as users see it. */
export const toInfo = (engine: Engine, row: DevboxRow): DevboxInfo => {
  const request = requestOf(row)
  const reason = row.failure_reason
  const tunnel = getTunnel(engine.db, row.id)
  return new DevboxInfo({
    id: DevboxId.make(row.id),
    status: row.status as DevboxInfo["status"],
    createTimeMs: row.create_time_ms,
    launchParameters: request.launchParameters ?? new LaunchParameters({}),
    metadata: JSON.parse(row.metadata) as Record<string, string>,
    capabilities: [],
    stateTransitions: getTransitions(engine.db, row.id).map(
      (step) =>
        new StateTransition({
          status: step.status as DevboxInfo["status"],
          transitionTimeMs: step.time_ms,
          ...(step.failure_reason === null ? {} : { failureReason: step.failure_reason })
        })
    ),
    ...(row.end_time_ms === null ? {} : { endTimeMs: row.end_time_ms }),
    ...(row.name === null ? {} : { name: row.name }),
    ...(row.snapshot_id === null ? {} : { snapshotId: SnapshotId.make(row.snapshot_id) }),
    ...(reason === null ? {} : { failureReason: reason as NonNullable<DevboxInfo["failureReason"]> }),
    ...(row.shutdown_reason === null
      ? {}
      : { shutdownReason: row.shutdown_reason as NonNullable<DevboxInfo["shutdownReason"]> }),
    ...(row.isolation === null ? {} : { isolation: row.isolation as NonNullable<DevboxInfo["isolation"]> }),
    ...(tunnel === undefined ? {} : { tunnel: toTunnel(tunnel) }),
    ...(row.network === null ? {} : { network: row.network as NonNullable<DevboxInfo["network"]> }),
    ...(row.limits === null ? {} : { limits: new Limits(JSON.parse(row.limits) as Limits) })
  })
}

/** Text that comes along with an execution is at most this long; more is flagged and can be streamed. */
const textLimit = 64 * 1024
const defaultLines = 100

interface Text {
  readonly text: string
  readonly truncated: boolean
}

/** The last lines of a text (PROTOCOL P6): whole when there are no more, without what is before otherwise. */
const lastLines = (text: string, lines: number): Text => {
  const end = text.endsWith("\n") ? "\n" : ""
  const all = text.slice(0, text.length - end.length).split("\n")
  if (all.length <= lines) return { text, truncated: false }
  return { text: lines <= 0 ? "" : all.slice(-lines).join("\n") + end, truncated: true }
}

const readText = async (
  engine: Engine,
  row: ExecutionRow,
  channel: "stdout" | "stderr",
  lines: number
): Promise<Text | undefined> => {
  const bytes = (channel === "stdout" ? row.stdout_bytes : row.stderr_bytes) ?? 0
  if (bytes === 0) return { text: "", truncated: false }
  const opened = journalOf(engine, row.devbox_id)
  // The journal went with its devbox. No text is given rather than a wrong one; reading the output says what is lost.
  if (opened === undefined) return undefined
  const { close, journal } = opened
  try {
    const parts: Array<Uint8Array> = []
    const fromByte = Math.max(0, bytes - textLimit)
    for await (const chunk of journal.read(row.id, channel, { fromByte, promised: bytes })) parts.push(chunk.bytes)
    const { text, truncated } = lastLines(
      Buffer.concat(parts)
        .subarray(0, bytes - fromByte)
        .toString("utf8"),
      lines
    )
    return { text, truncated: truncated || fromByte > 0 }
  } catch (error) {
    if (error instanceof OutputLostError) return undefined
    throw error
  } finally {
    close()
  }
}

/** An execution as users see it; text comes along when it is completed. */
export const toExecutionInfo = async (
  engine: Engine,
  row: ExecutionRow,
  lines: number = defaultLines
): Promise<ExecutionInfo> => {
  const completed = row.status === "completed"
  const stdout = completed ? await readText(engine, row, "stdout", lines) : undefined
  const stderr = completed ? await readText(engine, row, "stderr", lines) : undefined
  return new ExecutionInfo({
    devboxId: DevboxId.make(row.devbox_id),
    executionId: ExecutionId.make(row.id),
    status: row.status,
    startTimeMs: row.start_time_ms,
    ...(row.exit_status === null ? {} : { exitStatus: row.exit_status }),
    ...(row.shell_name === null ? {} : { shellName: row.shell_name }),
    ...(row.signal === null ? {} : { signal: row.signal }),
    ...(row.failure_reason === null
      ? {}
      : { failureReason: row.failure_reason as NonNullable<ExecutionInfo["failureReason"]> }),
    ...(row.end_time_ms === null ? {} : { endTimeMs: row.end_time_ms }),
    ...(row.stdout_bytes === null ? {} : { stdoutBytes: row.stdout_bytes }),
    ...(row.stderr_bytes === null ? {} : { stderrBytes: row.stderr_bytes }),
    ...(stdout === undefined ? {} : { stdout: stdout.text, stdoutTruncated: stdout.truncated }),
    ...(stderr === undefined ? {} : { stderr: stderr.text, stderrTruncated: stderr.truncated }),
    ...(engine.live.get(row.devbox_id)?.afterDeath.has(row.id) === true ? { shellRestarted: true } : {})
  })
}

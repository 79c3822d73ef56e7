/** A completed command → its result: a bounded preview in memory, the rest a stream away. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Shape } from "../../DevboxBackend.ts"
import type { OutputError } from "../../DevboxError.ts"
import { type Channel, cursorStart, type ExecutionInfo } from "../../Execution.ts"
import type { ExecResult } from "../../ExecResult.ts"
import { decodeText, makeDecoder } from "../decode.ts"
import { tail } from "../tail.ts"
import type { Completed } from "./waits.ts"

const defaultPreview = 1024 * 1024

interface Preview {
  readonly text: string
  readonly truncated: boolean
}

const byteLength = (text: string, limit: number): number =>
  // A UTF-16 unit is at most three bytes of UTF-8, so short texts need no encoding to be known short.
  text.length * 3 <= limit ? 0 : new TextEncoder().encode(text).length

/** Drops continuation bytes at the start, so that a cut in the middle of a character leaves no replacement character. */
const wholeCharacters = (bytes: Uint8Array): Uint8Array => {
  let start = 0
  while (start < 3 && start < bytes.length && (bytes[start]! & 0xc0) === 0x80) start++
  return bytes.subarray(start)
}

/** The last `limit` bytes of a stream, in constant memory. */
const lastBytes = <E>(
  stream: Stream.Stream<Uint8Array, E>,
  limit: number
): Effect.Effect<{ readonly bytes: Uint8Array; readonly dropped: boolean }, E> =>
  Effect.suspend(() => {
    const kept: Array<Uint8Array> = []
    let size = 0
    let total = 0
    return Effect.map(
      Stream.runForEach(stream, (bytes) =>
        Effect.sync(() => {
          kept.push(bytes)
          size += bytes.length
          total += bytes.length
          while (kept.length > 0 && size - kept[0]!.length >= limit) size -= kept.shift()!.length
        })
      ),
      () => {
        const all = new Uint8Array(size)
        let at = 0
        for (const bytes of kept) {
          all.set(bytes, at)
          at += bytes.length
        }
        return { bytes: all.subarray(Math.max(0, size - limit)), dropped: total > limit }
      }
    )
  })

const preview = (
  backend: Shape,
  info: ExecutionInfo,
  channel: Channel,
  limit: number
): Effect.Effect<Preview, OutputError> => {
  const text = info[channel]
  const cut = channel === "stdout" ? info.stdoutTruncated : info.stderrTruncated
  if (text !== undefined && cut !== true && byteLength(text, limit) <= limit) {
    return Effect.succeed({ text, truncated: false })
  }
  const known = backend.capabilities.features.has("exactBytes")
    ? channel === "stdout"
      ? info.stdoutBytes
      : info.stderrBytes
    : undefined
  const skip = Math.max(0, (known ?? 0) - limit)
  const stream = Stream.map(
    tail(backend, info.devboxId, info.executionId, channel, { ...cursorStart, [channel]: skip }),
    (chunk) => chunk.bytes
  )
  return Effect.map(lastBytes(stream, limit), ({ bytes, dropped }) => {
    const truncated = skip > 0 || dropped
    return { text: makeDecoder().decode(truncated ? wholeCharacters(bytes) : bytes), truncated }
  })
}

/** Where the newlines at the end of a text begin. */
const endOf = (text: string): number => {
  let end = text.length
  while (end > 0 && text[end - 1] === "\n") end--
  return end
}

/** The last lines of a text, without the newlines at its end (PROTOCOL P6). */
const lastLines = (text: string, lines: number): string => {
  if (lines <= 0) return ""
  const end = endOf(text)
  let start = end
  for (let left = lines; left > 0 && start !== -1; left--) {
    start = start === 0 ? -1 : text.lastIndexOf("\n", start - 1)
  }
  return text.slice(start + 1, end)
}

/** The same of a text that comes in pieces, with little more of it in memory than is asked for. */
const lastLinesOf = <E>(stream: Stream.Stream<string, E>, lines: number): Effect.Effect<string, E> =>
  Effect.suspend(() => {
    let kept = ""
    let most = 0
    return Effect.map(
      Stream.runForEach(stream, (text) =>
        Effect.sync(() => {
          kept += text
          if (kept.length < most) return
          // Newlines at the end are empty lines once something follows; more of them than lines make no difference.
          const newlines = Math.min(kept.length - endOf(kept), lines + 1)
          kept = lastLines(kept, lines) + "\n".repeat(Math.max(0, newlines))
          most = 2 * kept.length + 65_536
        })
      ),
      () => lastLines(kept, lines)
    )
  })

/** Builds the result of a completed command. */
export const makeResult = (
  backend: Shape,
  info: Completed,
  limit: number = defaultPreview,
  took: (nowMs: number) => number
): Effect.Effect<ExecResult, OutputError> =>
  Effect.gen(function* () {
    const stdout = yield* preview(backend, info, "stdout", limit)
    const stderr = yield* preview(backend, info, "stderr", limit)
    const now = yield* Clock.currentTimeMillis
    const bytes = (channel: Channel) =>
      Stream.map(tail(backend, info.devboxId, info.executionId, channel), (chunk) => chunk.bytes)
    const text = (channel: Channel) => decodeText(bytes(channel))
    const all = (channel: Channel, seen: Preview) => (lines?: number) =>
      !seen.truncated
        ? Effect.succeed(lines === undefined ? seen.text : lastLines(seen.text, lines))
        : lines === undefined
          ? Stream.mkString(text(channel))
          : lastLinesOf(text(channel), lines)
    return {
      devboxId: info.devboxId,
      executionId: info.executionId,
      exitCode: info.exitStatus,
      signal: info.signal,
      failureReason: info.failureReason,
      stdout: stdout.text,
      stderr: stderr.text,
      stdoutTruncated: stdout.truncated,
      stderrTruncated: stderr.truncated,
      duration: Duration.millis(Math.max(0, took(now))),
      succeeded: info.exitStatus === 0,
      allStdout: all("stdout", stdout),
      allStderr: all("stderr", stderr),
      stdoutStream: text("stdout"),
      stderrStream: text("stderr"),
      stdoutBytes: bytes("stdout"),
      stderrBytes: bytes("stderr")
    }
  })

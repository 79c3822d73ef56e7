// One command of an SSH session: its streams joined to the channel, its end said in the protocol's words.
import { randomUUID } from "node:crypto"
import * as os from "node:os"
import type { ServerChannel } from "ssh2"
import type { TerminalSize } from "@effect-devbox/core/Execution"
import { openIn, type Opened, resizeIn } from "../local/terminal.ts"
import { BoxClosedError } from "../sandbox/errors.ts"
import type { Box, BoxExecution } from "../sandbox/types.ts"
import { closedOf, pour } from "./channel.ts"

/** What a session asked for. */
export interface Asked {
  /** Text for the box's shell; without one the shell itself. */
  readonly command: string | undefined
  readonly env: Readonly<Record<string, string>>
  /** In a terminal of this size. */
  readonly size: TerminalSize | undefined
}

/** A command that runs for a channel. */
export interface Running {
  /** Sends a signal, named as SSH does (`INT`); the end is then told as the end by that signal. */
  readonly signal: (name: string) => void
  /** Changes the size of its terminal; of several changes in a row the last counts. */
  readonly resize: (size: TerminalSize) => void
}

/** What `ssh` itself exits with when something of its own goes wrong. */
const failed = 255

const numbers = os.constants.signals as Readonly<Record<string, number>>

/** Says that a command could not be run, and closes the channel. */
export const refuse = (channel: ServerChannel, error: unknown): void => {
  const message =
    error instanceof BoxClosedError
      ? "it has ended or was suspended"
      : error instanceof Error
        ? error.message
        : String(error)
  channel.stderr.write(`devbox: ${message}\n`)
  channel.exit(failed)
  channel.end()
}

const feed = async (channel: ServerChannel, execution: BoxExecution, heard: () => void): Promise<void> => {
  const stdin = execution.stdin!
  try {
    for await (const bytes of channel as AsyncIterable<Uint8Array>) {
      heard()
      await stdin.write(bytes)
    }
    await stdin.end()
  } catch {
    // It reads no more; the rest is thrown away so that the channel's end is seen.
    channel.resume()
  }
}

async function* stderrOf(box: Box, id: string): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of box.journal.read(id, "stderr", { follow: true })) yield bytes
}

async function* screenOf({ first, reader }: Opened): AsyncGenerator<Uint8Array> {
  try {
    for (let next = await first; next.done !== true; next = await reader.next()) yield next.value
  } finally {
    void reader.return?.()
  }
}

/** One size after another, without those that were overtaken. */
const resizer = (terminal: Opened): Running["resize"] => {
  let wanted: TerminalSize | undefined
  let busy = false
  const apply = async () => {
    busy = true
    while (wanted !== undefined) {
      const size = wanted
      wanted = undefined
      await resizeIn(terminal, size).catch(() => {})
    }
    busy = false
  }
  return (size) => {
    wanted = size
    if (!busy) void apply()
  }
}

/** Runs a command for a channel to its end. Rejects when it could not be run. */
export const run = async (box: Box, channel: ServerChannel, asked: Asked, heard: () => void): Promise<Running> => {
  const gone = closedOf(channel)
  const { command, env, size } = asked
  const terminal = size === undefined ? undefined : await openIn(box, { ...size, command, env })
  const execution =
    terminal?.execution ??
    box.exec({ id: `ssh-${randomUUID()}`, command: command ?? ["bash", "-l"], env, stdin: true, stdout: "pipe" })
  execution.done.catch(() => {})
  let signalled: string | undefined
  const signal = (name: string) => {
    signalled = name
    void box.kill(execution.id, { signal: name, group: true }).catch(() => {})
  }
  const outputs =
    terminal === undefined
      ? [
          pour(execution.stdoutPipe!, channel, gone, heard),
          pour(stderrOf(box, execution.id), channel.stderr, gone, heard)
        ]
      : [pour(screenOf(terminal), channel, gone, heard)]
  const toTheEnd = async () => {
    await Promise.all(outputs)
    const { code } = await execution.done
    if (signalled !== undefined && code === 128 + (numbers[`SIG${signalled}`] ?? 0)) channel.exit(signalled)
    else channel.exit(code)
    channel.end()
  }
  void feed(channel, execution, heard)
  toTheEnd()
    .catch((error: unknown) => refuse(channel, error))
    .finally(() => box.journal.remove(execution.id))
  // A terminal that is closed hangs up, as everywhere; a command without one just has no reader any more.
  if (terminal !== undefined) void gone.then(() => signal("HUP"))
  return { signal, resize: terminal === undefined ? () => {} : resizer(terminal) }
}

/**
 * Terminals: script(1) inside the box gives the command a pseudoterminal of the box's own, so that no descriptor of one crosses
 * the boundary. When it is resized, the kernel tells whoever runs in it. Why not a library: decisions/0009.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Terminal } from "@effect-devbox/core/DevboxBackend"
import type { ReadyError } from "@effect-devbox/core/DevboxError"
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import type { TerminalOptions, TerminalSize } from "@effect-devbox/core/Execution"
import { randomUUID } from "node:crypto"
import { setTimeout as pause } from "node:timers/promises"
import type { Box } from "../sandbox/types.ts"
import { quote } from "../sandbox/quote.ts"
import { touch } from "./clock.ts"
import { type Engine, running } from "./engine.ts"
import { attemptInterruptibly, invalid, missing } from "./errors.ts"
import { type Hidden, said, startHidden, withHidden } from "./hidden.ts"

/** How long what runs in a terminal that was closed may take to put its things in order. */
const hangUpMs = 250

/** script(1) runs its command by $SHELL; which shell the user likes must make no difference. */
const outer = `DEVBOX_SHELL=\${SHELL:-/bin/bash} SHELL=/bin/sh; export DEVBOX_SHELL SHELL
exec 3>&2; exec script -qefc "$1" /dev/null`

/** Says which terminal it has, takes its size and becomes the command. */
const inner = ({ cols, command, rows }: TerminalOptions): string => `SHELL=$DEVBOX_SHELL; unset DEVBOX_SHELL
stty rows ${rows} cols ${cols}; tty >&3; exec 3>&-
b=$(command -v bash) || b=sh
exec "$b" ${command === undefined ? "-il" : `-c ${quote(command)} bash`}`

const unsupported = (detail: string) => missing("pty", "pty", `terminals need script(1) of util-linux: ${detail}`)

/** A terminal that has said its name. */
export interface Opened extends Hidden {
  readonly tty: string
  readonly reader: AsyncIterator<Uint8Array, void>
  /** Asked for at once: a reading that never began could not be ended. */
  readonly first: Promise<IteratorResult<Uint8Array, void>>
}

/** Starts what is to run in a terminal; whoever asked for it sees to its end. */
export const openIn = async (box: Box, options: TerminalOptions): Promise<Opened> => {
  const hidden = await startHidden(box, {
    id: `pty-${randomUUID()}`,
    command: ["sh", "-c", outer, "sh", inner(options)],
    env: options.env,
    cwd: options.cwd,
    stdin: true,
    stdout: "pipe"
  })
  const { execution } = hidden
  let line = ""
  const over = new AbortController()
  const ended = execution.done.finally(() => over.abort())
  ended.catch(() => {})
  for await (const { bytes } of box.journal.read(execution.id, "stderr", { follow: true, signal: over.signal })) {
    line += Buffer.from(bytes).toString("latin1")
    if (line.includes("\n")) break
  }
  const tty = /^(\/dev\/pts\/[0-9]{1,9})\n/.exec(line)?.[1]
  if (tty === undefined) {
    await box.kill(execution.id, { signal: "KILL", group: true })
    await execution.done
    const words = await said(box, execution.id)
    box.journal.remove(execution.id)
    throw unsupported(words === "" ? "it gave no terminal" : words)
  }
  const reader = execution.stdoutPipe![Symbol.asyncIterator]()
  const first = reader.next()
  first.catch(() => {})
  return { ...hidden, tty, reader, first }
}

const open = async (engine: Engine, id: DevboxId, options: TerminalOptions): Promise<Opened> => {
  const { live } = await running(engine, id)
  if ((await engine.host()).report.tools["script"] === undefined) throw unsupported("it was not found on this machine")
  return openIn(live.box, options)
}

/**
 * `TIOCSWINSZ` sets rows and columns at once, and programs are told once. stty(1) does it in two steps: vi(1) takes the size between
 * them for the last word now and then.
 */
const setSize = `perl -e 'open(T, "<", shift) && ioctl(T, 0x5414, pack("S4", @ARGV, 0, 0)) || die' "$@" 2>/dev/null ||
  stty -F "$1" rows "$2" cols "$3"`

/** Changes the size of a terminal; what runs in it is told. */
export const resizeIn = async ({ box, tty }: Opened, { cols, rows }: TerminalSize): Promise<void> => {
  const command = ["sh", "-c", setSize, "sh", tty, `${rows}`, `${cols}`]
  const { execution } = await startHidden(box, { id: `pty-${randomUUID()}`, command })
  const { code } = await execution.done
  const words = code === 0 ? "" : await said(box, execution.id)
  box.journal.remove(execution.id)
  if (code !== 0) throw invalid("pty", `the terminal could not be resized: ${words}`)
}

/** As when a connection is lost: everything hears of it, and what does not end is ended. */
const close = async ({ box, execution, reader }: Opened): Promise<void> => {
  const ended = execution.done.then(
    () => true,
    () => true
  )
  // Nobody reads any more; what is still written must not hold up the end.
  void reader.return?.()
  if (await Promise.race([ended, pause(0, false)])) return
  await box.kill(execution.id, { signal: "HUP", group: true })
  await Promise.race([ended, pause(hangUpMs, undefined, { ref: false })])
  await box.kill(execution.id, { signal: "KILL", group: true })
}

/** A stream that goes on where its last reader stopped, even when that was interrupted while it waited. */
const continued = ({ first, reader }: Opened): Terminal["output"] => {
  let pending: Promise<IteratorResult<Uint8Array, void>> | undefined = first
  const next = attemptInterruptibly<ReadyError, IteratorResult<Uint8Array, void>>(
    "pty",
    () => (pending ??= reader.next())
  )
  return Stream.paginate(undefined, () =>
    Effect.map(next, ({ done, value }): readonly [ReadonlyArray<Uint8Array>, Option.Option<undefined>] => {
      pending = undefined
      return done === true ? [[], Option.none()] : [[value], Option.some(undefined)]
    })
  )
}

/** See the contract of `DevboxBackend.openTerminal`. */
export const openTerminal = (
  engine: Engine,
  id: DevboxId,
  options: TerminalOptions
): Effect.Effect<Terminal, ReadyError, Scope.Scope> =>
  Effect.map(
    withHidden<ReadyError, Opened>("pty", () => open(engine, id, options), close),
    (opened): Terminal => {
      const { execution } = opened
      let over = false
      void execution.exited.then(
        () => (over = true),
        () => (over = true)
      )
      const whileItRuns = (run: () => Promise<void>) =>
        attemptInterruptibly<ReadyError, void>("pty", async () => {
          if (over) throw invalid("pty", "the terminal has ended")
          touch(engine, id)
          await run()
        })
      return {
        // What is typed and what is shown counts as activity.
        output: Stream.tap(continued(opened), () => Effect.sync(() => touch(engine, id))),
        input: Sink.forEach((bytes: Uint8Array) => whileItRuns(() => execution.stdin!.write(bytes))),
        resize: (size) => whileItRuns(() => resizeIn(opened, size)),
        exit: attemptInterruptibly<ReadyError, number>("pty", async () => (await execution.done).code)
      }
    }
  )

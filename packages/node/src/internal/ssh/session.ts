// One SSH session: what the client asks for (variables, a terminal, a command, a shell, files) and what becomes of it.
import type { ServerChannel, Session } from "ssh2"
import type { TerminalSize } from "@effect-devbox/core/Execution"
import type { Box } from "../sandbox/types.ts"
import { refuse, run, type Running } from "./run.ts"
import { serveFiles } from "./sftp.ts"

/** What a server needs of its devbox. */
export interface SshBox {
  /** The box, or an error that says why there is none now. */
  readonly box: () => Promise<Box>
  /** Something went through a connection: the devbox is in use. */
  readonly heard: () => void
}

/** A number of columns or rows that a terminal can have. */
const whole = (value: number, fallback: number): number =>
  Number.isInteger(value) && value > 0 && value < 10_000 ? value : fallback

/** Serves a session. */
export const serveSession = (session: Session, { box: boxOf, heard }: SshBox): void => {
  const env: Record<string, string> = {}
  let size: TerminalSize | undefined
  let running: Promise<Running> | undefined

  const start = (accept: () => ServerChannel, command: string | undefined) => {
    const channel = accept()
    channel.on("error", () => {})
    channel.stderr.on("error", () => {})
    heard()
    running = boxOf().then((box) => run(box, channel, { command, env, size }, heard))
    running.catch((error: unknown) => refuse(channel, error))
  }
  /** For what runs by now; a command that could not be run is told as such. */
  const later = (act: (running: Running) => void): void => void running?.then(act, () => {})

  session.on("env", (accept, reject, { key, val }) => {
    // What a shell cannot export it cannot have; everything else is the business of whoever has the key.
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(key) || val.includes("\0")) return reject?.()
    env[key] = val
    accept?.()
  })
  session.on("pty", (accept, _reject, { cols, rows, term }) => {
    size = { cols: whole(cols, 80), rows: whole(rows, 24) }
    env["TERM"] = term === "" ? "xterm-256color" : term
    accept?.()
  })
  session.on("window-change", (accept, _reject, { cols, rows }) => {
    later(({ resize }) => resize({ cols: whole(cols, 80), rows: whole(rows, 24) }))
    heard()
    accept?.()
  })
  session.on("signal", (accept, reject, { name }) => {
    const signal = String(name).replace(/^SIG/, "")
    if (running === undefined || !/^[A-Z0-9]{1,12}$/.test(signal)) return reject?.()
    later((command) => command.signal(signal))
    accept?.()
  })
  session.on("exec", (accept, _reject, { command }) => start(accept, command))
  session.on("shell", (accept) => start(accept, undefined))
  session.on("sftp", (accept) => serveFiles(accept(), boxOf, heard))
}

/**
 * The real program, as a shell starts it: over pipes, or in a pseudo-terminal made by script(1), which every Linux with
 * util-linux has. Each world has a state folder and a home of its own; ending it ends what is left in it and says so.
 */
import { spawn } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { once } from "node:events"

/** The program. */
export const bin = path.resolve(import.meta.dirname, "../../../packages/node/src/bin.ts")

/** A word as a shell reads it. */
export const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** What came of a run. */
export interface Outcome {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
  readonly bytes: Buffer
}

/** How a run differs from the usual. */
export interface How {
  readonly input?: string | Uint8Array | undefined
  readonly cwd?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
}

/** A program in a pseudo-terminal. */
export interface Screen {
  /** Everything that was shown so far. */
  readonly shown: () => string
  /** Waits until the screen shows something after what was waited for before. */
  readonly until: (what: string | RegExp) => Promise<void>
  readonly type: (text: string) => void
  /** The exit status of the program. */
  readonly ended: Promise<number>
}

/** A place of its own for runs of the program. */
export class World {
  readonly root: string
  readonly stateDir: string
  readonly home: string

  constructor() {
    this.root = mkdtempSync(path.join(os.tmpdir(), "effect-devbox-cli-"))
    // The user that devboxes of root run as passes through.
    chmodSync(this.root, 0o755)
    this.stateDir = path.join(this.root, "state")
    this.home = path.join(this.root, "home")
    mkdirSync(this.home)
  }

  environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      PATH: process.env["PATH"] ?? "",
      HOME: this.home,
      SHELL: "/bin/bash",
      TERM: "xterm",
      LANG: "C.UTF-8",
      EFFECT_DEVBOX_STATE_DIR: this.stateDir,
      ...(process.env["EFFECT_DEVBOX_BUBBLEWRAP"] === undefined
        ? {}
        : { EFFECT_DEVBOX_BUBBLEWRAP: process.env["EFFECT_DEVBOX_BUBBLEWRAP"] }),
      ...more
    }
  }

  /** Starts the program with pipes. */
  start(args: ReadonlyArray<string>, how: How = {}) {
    return spawn(process.execPath, [bin, ...args], {
      cwd: how.cwd ?? this.home,
      env: this.environment(how.env),
      stdio: ["pipe", "pipe", "pipe"]
    })
  }

  /** Runs the program to its end, with pipes. */
  async run(args: ReadonlyArray<string>, how: How = {}): Promise<Outcome> {
    const child = this.start(args, how)
    const [out, err]: [Array<Buffer>, Array<Buffer>] = [[], []]
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk))
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk))
    // Who ends without reading has closed it.
    child.stdin.on("error", () => {})
    child.stdin.end(how.input ?? "")
    const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null]
    const bytes = Buffer.concat(out)
    return {
      status: code ?? 128 + (signal === null ? 0 : os.constants.signals[signal]),
      stdout: bytes.toString(),
      stderr: Buffer.concat(err).toString(),
      bytes
    }
  }

  /** As {@link run}; throws unless it succeeds. */
  async ok(args: ReadonlyArray<string>, how: How = {}): Promise<string> {
    const outcome = await this.run(args, how)
    if (outcome.status !== 0) {
      throw new Error(`devbox ${args.join(" ")}: exit status ${outcome.status}\n${outcome.stdout}${outcome.stderr}`)
    }
    return outcome.stdout.trimEnd()
  }

  /** Creates a devbox; gives its id. */
  create(...args: ReadonlyArray<string>): Promise<string> {
    return this.ok(["create", ...args])
  }

  /** Runs the program in a pseudo-terminal. */
  screen(args: ReadonlyArray<string>, how: How = {}): Screen {
    return this.terminal([process.execPath, bin, ...args].map(quote).join(" "), how)
  }

  /** Runs a shell command in a pseudo-terminal. */
  terminal(command: string, how: How = {}): Screen {
    const child = spawn("script", ["--quiet", "--return", "--flush", "--command", command, "/dev/null"], {
      cwd: how.cwd ?? this.home,
      env: this.environment(how.env),
      stdio: ["pipe", "pipe", "inherit"]
    })
    let text = ""
    let seen = 0
    const waiting = new Set<() => void>()
    const changed = () => waiting.forEach((look) => look())
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk
      changed()
    })
    let over = false
    const ended = once(child, "close").then(([code]) => {
      over = true
      changed()
      return (code as number | null) ?? -1
    })
    return {
      shown: () => text,
      until: (what) =>
        new Promise<void>((resolve, reject) => {
          const look = () => {
            const rest = text.slice(seen)
            const at = typeof what === "string" ? rest.indexOf(what) : rest.search(what)
            if (at < 0 && !over) return
            waiting.delete(look)
            if (at < 0) reject(new Error(`it ended without showing ${String(what)}:\n${text}`))
            else {
              const length = typeof what === "string" ? what.length : what.exec(rest)![0].length
              seen += at + length
              resolve()
            }
          }
          waiting.add(look)
          look()
        }),
      type: (words) => void child.stdin.write(words),
      ended
    }
  }

  /** Ends what is left, and removes everything. */
  async end(): Promise<void> {
    const left = (await this.ok(["list", "-q"])).split("\n").filter((id) => id !== "")
    if (left.length > 0) await this.ok(["rm", ...left])
    rmSync(this.root, { recursive: true, force: true })
  }
}

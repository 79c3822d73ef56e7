/** A server process that is killed and started again on the same port and state. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as net from "node:net"
import { join } from "node:path"
import { createInterface } from "node:readline"

/** A port that is free, and below those of the laws and those that the system gives to connections: it stays so while its server is away. */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 7000)
    const probe = net.createServer().listen(port, "127.0.0.1")
    try {
      await once(probe, "listening")
    } catch {
      continue
    }
    probe.close()
    await once(probe, "close")
    return port
  }
}

/** See above. */
export class ServerProcess {
  readonly url: string
  readonly #stateDir: string
  readonly #port: number
  #child: ChildProcess | undefined
  #up = Promise.withResolvers<void>()
  /** What it said on stderr: nothing, unless something went wrong. */
  stderr = ""

  constructor(stateDir: string, port: number) {
    this.#stateDir = stateDir
    this.#port = port
    this.url = `http://127.0.0.1:${port}`
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Resolves when there is one to talk to. */
  up(): Promise<void> {
    return this.#up.promise
  }

  async start(onExit: "keep" | "shutdown" = "keep"): Promise<void> {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, "serverProcess.ts"), this.#stateDir, String(this.#port), onExit],
      { stdio: ["ignore", "pipe", "pipe"] }
    )
    this.#child = child
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.stderr += text))
    const ended = once(child, "exit").then(() => {
      throw new Error(`the server ended before it was up:\n${this.stderr}`)
    })
    await Promise.race([once(createInterface({ input: child.stdout }), "line"), ended])
    ended.catch(() => {})
    this.#up.resolve()
  }

  /** Ends it and waits until it is gone. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<number | null> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    this.#up = Promise.withResolvers()
    const gone = once(child, "exit") as Promise<[number | null]>
    child.kill(signal)
    const [code] = await gone
    return code
  }
}

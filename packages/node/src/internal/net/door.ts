// Sockets that live in a box's network and belong to this process: connected to a port inside, or listening on one. The
// program that makes them comes with the first wish, serves all of them, and goes when nobody wished for a while.
import { type ChildProcess, spawn } from "node:child_process"
import * as net from "node:net"
import { getSystemErrorName } from "node:util"
import { dropped } from "../sandbox/tools.ts"
import type { Base, Entrance, HostReport } from "../sandbox/types.ts"
import { nodeDoor, perlDoor } from "./doorScripts.ts"

/** Why there is no socket. */
export class DoorError extends Error {
  override readonly name = "DoorError"
  /** `gone`: the box is not there any more. `refused`: nobody listens. `missing`: this machine has no way in. */
  readonly kind: "gone" | "refused" | "missing" | "failed"
  constructor(kind: DoorError["kind"], message: string) {
    super(message)
    this.kind = kind
  }
}

interface Wish {
  readonly give: (socket: net.Socket | net.Server) => void
  readonly fail: (error: DoorError) => void
}

interface Answer {
  readonly id: number
  readonly stage?: string
  readonly errno?: number
}

/** How long the program stays when nobody wishes for anything. */
const linger = 10_000

const toError = ({ errno = 5, stage = "" }: Answer): DoorError => {
  const name = getSystemErrorName(-errno)
  if (stage === "enter" && (name === "ENOENT" || name === "ESRCH")) return new DoorError("gone", "its box has ended")
  if (stage === "connect" && name === "ECONNREFUSED") return new DoorError("refused", "connection refused")
  return new DoorError("failed", `${stage} in the devbox's network failed: ${name}`)
}

/** One running program. */
class Keeper {
  readonly #child: ChildProcess
  readonly #wishes = new Map<number, Wish>()
  #next = 0
  #idle: NodeJS.Timeout | undefined
  #open = true

  constructor(argv: ReadonlyArray<string>, report: HostReport) {
    // A session of its own: Ctrl-C is for the program of whoever uses us. It ends when the channel does.
    this.#child = spawn(argv[0]!, argv.slice(1), {
      detached: true,
      cwd: "/",
      env: {},
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      ...dropped(report)
    })
    this.#child.on("message", (answer, handle) => this.#answered(answer as Answer, handle))
    this.#child.once("error", (error) => this.#lost(error.message))
    this.#child.once("exit", (code, signal) => this.#lost(`it ended with ${code ?? signal}`))
    this.#rest()
  }

  get isOpen(): boolean {
    return this.#open
  }

  ask(op: "connect" | "listen", entrance: Entrance, port: number): Promise<net.Socket | net.Server> {
    return new Promise((give, fail) => {
      const id = this.#next++
      clearTimeout(this.#idle)
      this.#wishes.set(id, { give, fail })
      // Only a wish keeps the process of whoever wished alive.
      this.#child.ref()
      this.#child.channel?.ref()
      this.#child.send(`${op} ${id} ${entrance.userPid} ${entrance.pid} ${entrance.inode} ${port}`, (error) => {
        if (error !== null) this.#answered({ id, stage: "entering", errno: 32 }, undefined)
      })
    })
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    clearTimeout(this.#idle)
    if (this.#child.connected) this.#child.disconnect()
  }

  #answered(answer: Answer, handle: unknown): void {
    const wish = this.#wishes.get(answer.id)
    this.#wishes.delete(answer.id)
    if (handle instanceof net.Socket || handle instanceof net.Server) {
      // Before anything is read of it: whoever ends one direction may still use the other.
      if (handle instanceof net.Socket) Object.assign(handle, { allowHalfOpen: true })
      if (wish !== undefined) wish.give(handle)
      else if (handle instanceof net.Socket) handle.destroy()
      else handle.close()
    } else wish?.fail(toError(answer))
    if (this.#wishes.size === 0) this.#rest()
  }

  #rest(): void {
    this.#child.unref()
    this.#child.channel?.unref()
    clearTimeout(this.#idle)
    if (this.#open) this.#idle = setTimeout(() => this.close(), linger).unref()
  }

  #lost(why: string): void {
    this.#open = false
    clearTimeout(this.#idle)
    const error = new DoorError("failed", `the helper that enters devboxes' networks is gone: ${why}`)
    for (const wish of this.#wishes.values()) wish.fail(error)
    this.#wishes.clear()
  }
}

/** Makes sockets in the networks of boxes. Close it with whatever owns it. */
export class Door {
  readonly #host: () => Promise<{ readonly report: HostReport; readonly base: Base }>
  readonly #keepers = new Map<string, Keeper>()

  constructor(host: () => Promise<{ readonly report: HostReport; readonly base: Base }>) {
    this.#host = host
  }

  /** A connection to a port on the box's loopback; half open when one side ends. */
  async connect(entrance: Entrance, port: number): Promise<net.Socket> {
    return (await (await this.#keeper(entrance)).ask("connect", entrance, port)) as net.Socket
  }

  /** A server on the box's loopback whose connections come here. */
  async listen(entrance: Entrance, port: number): Promise<net.Server> {
    return (await (await this.#keeper(entrance)).ask("listen", entrance, port)) as net.Server
  }

  close(): void {
    for (const keeper of this.#keepers.values()) keeper.close()
    this.#keepers.clear()
  }

  async #keeper(entrance: Entrance): Promise<Keeper> {
    const { base, report } = await this.#host()
    const { nsenter, perl } = report.tools
    const script = perl === undefined ? undefined : perlDoor()
    const key = script === undefined ? `${entrance.inode} ${entrance.pid}` : ""
    const found = this.#keepers.get(key)
    if (found?.isOpen === true) return found
    for (const [other, keeper] of this.#keepers) if (!keeper.isOpen) this.#keepers.delete(other)
    let argv: ReadonlyArray<string>
    if (script !== undefined) argv = [perl!, ...script]
    else if (nsenter !== undefined) {
      const { pid, userPid } = entrance
      const enter = [`--user=/proc/${userPid}/ns/user`, "--preserve-credentials", `--net=/proc/${pid}/ns/net`]
      argv = [nsenter, ...enter, nodeOf(base), "-e", nodeDoor]
    } else throw new DoorError("missing", `entering a devbox's network ${doorProblem(report)}`)
    const keeper = new Keeper(argv, report)
    this.#keepers.set(key, keeper)
    return keeper
  }
}

/** Why a machine has no door, as the end of a sentence; `undefined` when it has. */
export const doorProblem = ({ tools }: HostReport): string | undefined =>
  (tools["perl"] !== undefined && perlDoor() !== undefined) || tools["nsenter"] !== undefined
    ? undefined
    : "takes perl, or nsenter of util-linux; install one"

/** The Node that boxes' users can run; see `nodeShare.ts`. */
const nodeOf = ({ node }: Base): string =>
  node === undefined ? process.execPath : node.kind === "file" ? node.path : `${node.path}/bin/node`

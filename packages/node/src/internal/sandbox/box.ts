// The driver of a running box: writes requests, sends lines to the box's owner and hears what became of them. It is
// the same for a box that this process owns and for one behind a holder's socket.
import { openJournal } from "../journal/journal.ts"
import { entranceOf } from "./entrance.ts"
import type { Channel, Journal } from "../journal/types.ts"
import { BoxClosedError, ExecStartError, SaveError } from "./errors.ts"
import { Execution } from "./execution.ts"
import { FifoPool } from "./fifo.ts"
import { boxDirs } from "./layout.ts"
import { BoxOwner } from "./owner.ts"
import { shellKey, shellScriptOf, writeRequest } from "./request.ts"
import { connectHolder } from "./socketLink.ts"
import type {
  AgentLink,
  Box,
  BoxClosed,
  BoxExecution,
  BoxSpec,
  Entrance,
  ExecDone,
  ExecRequest,
  KillOptions,
  LateListener,
  KillOutcome,
  Saved,
  SavePlan
} from "./types.ts"

const reasons: Record<string, readonly [ExecStartError["reason"], string]> = {
  duplicate: ["duplicate id", "the box has seen this id before; use a new one"],
  nospace: ["no space", "its files could not be created; free space in the state directory"],
  fork: ["fork failed", "the box has no free process; end some of its processes and run it again"],
  shell: ["shell died", "its shell was killed before it began; run it again in a fresh shell"],
  killed: ["killed", "it was killed while it waited for its shell"]
}

/** What the words of a line about the end of an execution say. */
export const doneOf = (words: ReadonlyArray<string>): ExecDone => {
  const [code, stdoutBytes, stderrBytes] = words.map(Number) as [number, number, number]
  const outOfMemory = words[5] === "cause" || words[5] === "seen" ? words[5] : "no"
  return { code, stdoutBytes, stderrBytes, shellDied: words[3] === "1", shellFresh: words[4] === "1", outOfMemory }
}

interface Reply {
  readonly resolve: (words: ReadonlyArray<string>) => void
  readonly reject: (error: Error) => void
}

export class DrivenBox implements Box {
  readonly id: string
  readonly dir: string
  readonly tier: Box["tier"]
  readonly launcher: Box["launcher"]
  readonly journal: Journal
  readonly closed: Promise<BoxClosed>
  readonly left: Promise<void>
  pid: number | undefined
  userPid: number | undefined
  entrance: Entrance | undefined
  readonly #link: AgentLink
  readonly #fifos: FifoPool
  readonly #q: string
  readonly #owns: boolean
  #executions = new Map<string, Execution>()
  #replies = new Map<string, Reply>()
  #backlog: Promise<void> | undefined
  #late: LateListener = () => {}
  #nonce = 0
  #restarted: Array<() => void> = []
  // Several clients of one holder must not take each other's answers.
  readonly #self = `${process.pid}.${Math.trunc(Math.random() * 2 ** 32)}.`
  #gone: BoxClosedError | undefined

  constructor(spec: BoxSpec, link: AgentLink, journal: Journal, fifos: FifoPool, owns: boolean) {
    this.id = spec.id
    this.dir = spec.dir
    this.tier = spec.report.tier
    this.launcher = spec.report.launcher
    this.journal = journal
    this.#link = link
    this.#fifos = fifos
    this.#owns = owns
    this.#q = boxDirs(spec.dir).requests
    link.onLine((line) => this.#line(line))
    this.closed = link.closed.then((closed) => {
      this.#gone = new BoxClosedError(this.id, closed.stderr.trim() || "its agent has ended")
      for (const execution of this.#executions.values()) execution.fail(this.#gone)
      for (const reply of this.#replies.values()) reply.reject(this.#gone)
      this.#executions.clear()
      this.#replies.clear()
      journal.close()
      return closed
    })
    this.left = (link.left ?? this.closed).then(() => {})
  }

  onRestart(listener: () => void): void {
    this.#restarted.push(listener)
  }

  onLate(listener: LateListener): void {
    this.#late = listener
  }

  readonly running = (): ReadonlyArray<string> => [...this.#executions.keys()]

  exec(request: ExecRequest): BoxExecution {
    const execution = new Execution(request.id, request.stdin === true, request.stdout === "pipe")
    let script: string | undefined
    try {
      if (this.#gone !== undefined) throw this.#gone
      if (this.#executions.has(request.id)) throw new ExecStartError(request.id, ...reasons["duplicate"]!)
      if (request.shellName !== undefined && this.#link.sendScript !== undefined) script = shellScriptOf(request)
      else writeRequest(this.#q, request)
    } catch (error) {
      execution.fail(error as Error)
      return execution
    }
    this.#executions.set(request.id, execution)
    const need = (request.stdin === true ? 1 : 0) + (request.stdout === "pipe" ? 1 : 0)
    const names = this.#backlog !== undefined ? undefined : need === 0 ? [] : this.#fifos.take(need)
    if (names !== undefined) this.#send(request, execution, names, script)
    else this.#later(request, execution, need, script)
    return execution
  }

  /** Requests keep their order: whoever comes while this one waits for a FIFO waits behind it. */
  #later(request: ExecRequest, execution: Execution, need: number, script: string | undefined): void {
    const turn = (this.#backlog ?? Promise.resolve()).then(async () => {
      try {
        const names = await this.#fifos.takeSoon(need)
        if (this.#executions.get(request.id) === execution) this.#send(request, execution, names, script)
      } catch {
        this.#executions.delete(request.id)
        execution.fail(new ExecStartError(request.id, ...reasons["nospace"]!))
      }
      if (this.#backlog === turn) this.#backlog = undefined
    })
    this.#backlog = turn
  }

  #send(request: ExecRequest, execution: Execution, names: ReadonlyArray<string>, script: string | undefined): void {
    const free = [...names]
    const attach = (end: { open(file: string, onClosed: (clean?: boolean) => void): void } | undefined): string => {
      if (end === undefined) return "-"
      const name = free.pop()!
      end.open(`${this.#q}/${name}`, (clean) => clean !== false && this.#fifos.release(name))
      return name
    }
    const shell = request.shellName === undefined ? "-" : shellKey(request.shellName)
    try {
      const stdin = attach(execution.stdin)
      const stdout = attach(execution.stdoutPipe)
      const line = `E ${request.id} ${stdin} ${stdout} ${shell}`
      if (script === undefined) this.#link.send(line)
      else this.#link.sendScript!(line, script)
    } catch {
      this.#executions.delete(request.id)
      execution.fail(new ExecStartError(request.id, ...reasons["nospace"]!))
    }
  }

  adopt(executionId: string): BoxExecution | undefined {
    return this.#executions.get(executionId)
  }

  async kill(executionId: string, options: KillOptions): Promise<KillOutcome> {
    // It may still wait for its turn to be sent.
    if (this.#backlog !== undefined) await this.#backlog
    const [signalled, remaining] = await this.#ask("K", (nonce) =>
      this.#link.send(`K ${executionId} ${nonce} ${options.signal ?? "KILL"} ${options.group ? "g" : "m"}`)
    )
    return { signalled: Number(signalled), remaining: Number(remaining) }
  }

  async freeze(): Promise<void> {
    await this.#signalAll("STOP")
  }

  async thaw(): Promise<void> {
    await this.#signalAll("CONT")
  }

  async ping(): Promise<void> {
    await this.#ask("P", (nonce) => this.#link.send(`P ${nonce}`))
  }

  save(plan: SavePlan): Promise<Saved> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone)
    return this.#link.save?.(plan) ?? Promise.reject(new SaveError("only the process that owns the box can save it"))
  }

  async order(text: string): Promise<string> {
    const [answer = ""] = await this.#ask("O", (nonce) =>
      this.#link.send(`O ${nonce} ${Buffer.from(text).toString("base64")}`)
    )
    return Buffer.from(answer, "base64").toString()
  }

  async #signalAll(signal: string): Promise<void> {
    await this.#ask("Z", (nonce) => this.#link.send(`Z ${signal} ${nonce}`))
  }

  #ask(op: string, send: (nonce: string) => void): Promise<ReadonlyArray<string>> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone)
    const nonce = `${this.#self}${this.#nonce++}`
    return new Promise((resolve, reject) => {
      // Before it is sent: an owner in this process may answer at once.
      this.#replies.set(`${op} ${nonce}`, { resolve, reject })
      send(nonce)
    })
  }

  async stop(): Promise<void> {
    if (this.#owns) await this.#link.close()
    else this.#link.send("stop")
    await this.closed
  }

  async detach(): Promise<void> {
    await this.#link.close()
    await this.closed
  }

  #line(line: string): void {
    const [op = "", id = "", ...words] = line.split(" ")
    if (op === "R") {
      this.pid = Number(words[0]) || undefined
      this.userPid = Number(words[1]) || undefined
      const restarted = this.entrance !== undefined
      this.entrance = entranceOf(this.pid, this.userPid)
      if (restarted) for (const listener of this.#restarted) listener()
      return
    }
    if (op === "K" || op === "Z" || op === "P" || op === "O") {
      const key = op === "K" ? `K ${words.shift()}` : `${op} ${id}`
      this.#replies.get(key)?.resolve(words)
      this.#replies.delete(key)
      return
    }
    if (op === "L") return this.#late(id, words[0] as Channel, Buffer.from(words[1] ?? "", "base64").toString())
    let execution = this.#executions.get(id)
    if (op === "S") {
      // Somebody else's, when several clients share a detached box.
      if (execution === undefined) this.#executions.set(id, (execution = new Execution(id, false, false)))
      return execution.start(Number(words[0]))
    }
    if (execution === undefined) return
    if (op === "X") return execution.exit(Number(words[0]), words[1] === "1")
    this.#executions.delete(id)
    if (op === "D") {
      const done = doneOf(words)
      this.journal.complete(id, { stdout: done.stdoutBytes, stderr: done.stderrBytes })
      execution.finish(done)
    } else if (op === "F") {
      const reason = reasons[words[0] ?? ""]
      execution.fail(
        reason === undefined
          ? new BoxClosedError(this.id, "it ended under the command")
          : new ExecStartError(id, ...reason)
      )
    }
  }
}

/** The driver of a box whose owner is in this process. */
export const drive = (spec: BoxSpec, owner: BoxOwner): Box => {
  const box = new DrivenBox(spec, owner, owner.journal, owner.fifos, true)
  owner.greet()
  return box
}

/** Starts a box that lives as long as this process wants, and never longer than this process. */
export const startBox = async (spec: BoxSpec): Promise<Box> => drive(spec, await BoxOwner.start(spec))

/** Joins a box that a holder keeps; its executions appear in `running`. */
export const attachBox = async (spec: BoxSpec, socketPath: string): Promise<Box> => {
  const { requests, output } = boxDirs(spec.dir)
  const link = await connectHolder(spec.id, socketPath)
  const prefix = `c${process.pid}-${Math.trunc(Math.random() * 1e9)}.`
  const fifos = new FifoPool(requests, prefix, spec.report.tools["mkfifo"] ?? "mkfifo")
  const box = new DrivenBox(spec, link, openJournal(output), fifos, false)
  await link.greeted()
  return box
}

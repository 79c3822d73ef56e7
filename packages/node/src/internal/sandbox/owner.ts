// The owner's side of a box: holds the agent, gives each execution a process to run in, moves its output into the
// journal and answers clients in lines. A client is the driver in this process or, through a holder's socket, others.
//
// From clients:  E id stdin stdout shell | K id nonce SIG g|m | Z SIG nonce | P nonce | stop
// To clients:    R agentPid insidePid launcherPid | S id pid | X id code lingering | D id code out err died fresh
//                (D also: no|seen|cause, of a lack of memory)
//                L id channel text (base64, what background children print later)
//                F id reason | K id nonce signalled remaining | Z nonce | P nonce
import * as fs from "node:fs"
import { openJournal } from "../journal/journal.ts"
import type { Journal } from "../journal/types.ts"
import { BoxChild } from "./child.ts"
import { SandboxStartError, SaveError } from "./errors.ts"
import { FifoPool } from "./fifo.ts"
import { memoryKills } from "./groups.ts"
import { Job, newMark } from "./jobs.ts"
import { Kills, REPORT_MS } from "./kills.ts"
import { boxDirs, firstFifos, prepareBoxDir } from "./layout.ts"
import { isQuiet } from "./quiet.ts"
import { copyDisk, rotateDisk, type Saving } from "./save.ts"
import { Shells } from "./shells.ts"
import { Slots } from "./slots.ts"
import type { AgentLink, BoxClosed, BoxSpec, Saved, SavePlan } from "./types.ts"

const START_TIMEOUT_MS = 20_000
const id = /^[A-Za-z0-9_-]{1,64}$/
const word = /^[A-Za-z0-9_.-]{1,64}$/
const number = /^-?[0-9]{1,10}$/

export class BoxOwner implements AgentLink {
  readonly journal: Journal
  readonly closed: Promise<BoxClosed>
  readonly #over = Promise.withResolvers<BoxClosed>()
  #spec: BoxSpec
  #child: BoxChild
  readonly #fifos: FifoPool
  #slots: Slots
  #shells: Shells
  /** What clients say while the disk is saved: it is heard afterwards. */
  #held: Array<readonly [line: string, script: string | undefined]> | undefined
  /** The child that ends because another one takes its place. */
  #leaving: BoxChild | undefined
  #ending = false
  #jobs = new Map<string, Job>()
  #nonces = new Set<string>()
  readonly #kills: Kills
  #listeners: Array<(line: string) => void> = []
  #ready: ((line: string) => void) | undefined
  #readyLine = ""
  #stocked = false
  #saves = new Map<string, () => void>()
  #killsSeen = 0

  private constructor(spec: BoxSpec) {
    this.#spec = spec
    prepareBoxDir(spec)
    const { requests, output } = boxDirs(spec.dir)
    this.journal = openJournal(output, { owner: true })
    this.#fifos = new FifoPool(requests, "f.", spec.report.tools["mkfifo"] ?? "mkfifo")
    this.#child = this.#launchChild(false)
    ;[this.#slots, this.#shells] = this.#seats()
    this.#kills = new Kills({
      job: (executionId) => this.#jobs.get(executionId),
      drop: (job) => {
        const dropped = this.#shells.drop(job)
        if (dropped) this.#fail(job, "killed")
        return dropped
      },
      send: (line) => this.#child.send(line),
      emit: (line) => this.#emit(line),
      remains: () => this.#child.remains(),
      exited: (job) => (job.exit === undefined ? this.#exited(job, 137, false) : void this.#done(job))
    })
    this.closed = this.#over.promise.then(async (closed) => {
      this.#slots.close()
      this.#shells.close()
      await Promise.all([...this.#jobs.values()].map((job) => this.#cut(job)))
      this.journal.close()
      return { ...closed, outOfMemory: this.#child.memoryKills > this.#killsSeen }
    })
  }

  #launchChild(again: boolean): BoxChild {
    // Its groups are new, and count anew.
    this.#killsSeen = 0
    const child: BoxChild = new BoxChild(this.#spec, (line) => this.#child === child && this.#event(line), again)
    void child.closed.then((closed) => {
      if (child !== this.#leaving) this.#over.resolve(closed)
    })
    return child
  }

  /** Where commands run in this child: they go with it. */
  #seats(): [Slots, Shells] {
    const parts = {
      requests: boxDirs(this.#spec.dir).requests,
      fifos: this.#fifos,
      send: (line: string) => this.#child.send(line),
      lost: (job: Job, reason: string) => this.#fail(job, reason)
    }
    return [new Slots(parts), new Shells(parts, (job, code) => this.#exited(job, code, false))]
  }

  static #launch(spec: BoxSpec): BoxOwner {
    try {
      return new BoxOwner(spec)
    } catch (error) {
      throw new SandboxStartError(spec.id, (error as Error).message, "")
    }
  }

  /** Resolves when the agent answers. */
  static async start(spec: BoxSpec): Promise<BoxOwner> {
    const owner = BoxOwner.#launch(spec)
    const failure = await owner.#up()
    if (failure === undefined) return owner
    owner.#child.kill()
    await owner.closed
    throw new SandboxStartError(spec.id, failure, owner.#child.stderr)
  }

  /** Waits until the agent answers; gives the reason when it does not. */
  async #up(): Promise<string | undefined> {
    const limit = this.#spec.startTimeoutMs ?? START_TIMEOUT_MS
    let timer: NodeJS.Timeout | undefined
    const failure = await Promise.race([
      new Promise<undefined>((resolve) => (this.#ready = () => resolve(undefined))),
      this.#child.closed.then((closed) => `the launcher ended with ${closed.code ?? closed.signal ?? "an error"}`),
      new Promise<string>((resolve) => (timer = setTimeout(() => resolve(`no answer within ${limit} ms`), limit)))
    ])
    clearTimeout(timer)
    return failure
  }

  /** FIFOs of this box, for a driver in this process. */
  get fifos(): FifoPool {
    return this.#fifos
  }

  /** What a client that comes later has to know; the line "A" ends it. */
  hello(): ReadonlyArray<string> {
    const running = [...this.#jobs.values()].filter((job) => job.pid !== undefined)
    return [this.#readyLine, ...running.map((job) => `S ${job.request.id} ${job.pid}`), "A"]
  }

  greet(): void {
    for (const line of this.hello()) this.#emit(line)
  }

  onLine(listener: (line: string) => void): void {
    this.#listeners.push(listener)
  }

  /** Whether an execution is running here, or waits for its turn. */
  has(executionId: string): boolean {
    return this.#jobs.has(executionId)
  }

  async close(): Promise<void> {
    this.#ending = true
    // While one child takes the place of another the first may be gone and the second not be there yet.
    while (this.#leaving !== undefined) await this.#leaving.stop()
    await this.#child.stop()
    await this.closed
  }

  /** Saves the disk as of one instant. What clients ask for meanwhile waits. */
  async save(plan: SavePlan): Promise<Saved> {
    if (this.#held !== undefined) throw new SaveError("another save of this disk is in progress")
    this.#held = []
    try {
      const quiet =
        this.#jobs.size === 0 && this.#shells.size === 0 && !this.#slots.busy && isQuiet(this.#child.insidePid())
      return quiet ? await this.#rotate(plan) : await copyDisk(this.#saving(), plan.copyTo)
    } finally {
      const held = this.#held
      this.#held = undefined
      for (const [line, script] of held) this.send(line, script)
    }
  }

  #saving(): Saving {
    return {
      spec: this.#spec,
      gone: this.closed,
      signalAll: (signal) => {
        const nonce = `save.${newMark()}`
        return new Promise((resolve) => {
          this.#saves.set(nonce, resolve)
          this.#child.send(`Z ${signal} ${nonce}`)
        })
      }
    }
  }

  /** Nothing of the user's runs: what was written becomes a read-only layer below a new one. */
  async #rotate({ onRotate, rotateTo }: SavePlan): Promise<Saved> {
    const begun = performance.now()
    const next = rotateDisk(this.#spec, rotateTo)
    const old = this.#child
    this.#leaving = old
    this.#slots.close()
    this.#shells.close()
    await old.stop()
    if (this.#ending) {
      this.#leaving = undefined
      this.#over.resolve(await old.closed)
      throw new SaveError("the box was ended meanwhile")
    }
    this.#spec = next
    this.#readyLine = ""
    this.#child = this.#launchChild(true)
    this.#leaving = undefined
    ;[this.#slots, this.#shells] = this.#seats()
    onRotate?.()
    const failure = await this.#up()
    if (failure !== undefined) {
      this.#child.kill()
      await this.closed
      throw new SaveError(`the box did not come back: ${failure} ${this.#child.stderr}`.trim())
    }
    this.#emit(this.#readyLine)
    return { method: "rotate", pausedMs: performance.now() - begun }
  }

  sendScript(line: string, script: string): void {
    this.send(line, script)
  }

  send(line: string, script?: string): void {
    const [op, a = "", b = "", c = "", d = ""] = line.split(" ")
    if (this.#held !== undefined && op !== "stop") return void this.#held.push([line, script])
    if (op === "E" && id.test(a) && [b, c, d].every((name) => word.test(name))) {
      void this.#start({ id: a, stdin: b, stdout: c, shell: d, script })
    } else if (op === "K" && word.test(b) && /^[A-Z0-9]{1,12}$/.test(c)) this.#kills.kill(a, b, c, d === "g")
    else if ((op === "Z" || op === "P") && [a, b].every((text) => text === "" || word.test(text))) {
      this.#nonces.add(`${op} ${op === "Z" ? b : a}`)
      this.#child.send(line)
    } else if (op === "stop") void this.close()
  }

  async #start(request: Job["request"]): Promise<void> {
    if (this.#jobs.has(request.id)) return this.#emit(`F ${request.id} duplicate`)
    let job: Job
    try {
      job = new Job(request, this.journal.create(request.id))
      job.countKills = () => memoryKills(this.#spec.groups)
      job.onLate = (channel, text) => this.#emit(`L ${request.id} ${channel} ${Buffer.from(text).toString("base64")}`)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      this.#forget(request)
      return this.#emit(`F ${request.id} ${code === "EEXIST" ? "duplicate" : "nospace"}`)
    }
    this.#jobs.set(request.id, job)
    try {
      const shell = request.shell === "-" ? undefined : request.shell
      const opens = shell !== undefined && !this.#shells.has(shell)
      const need = (request.stdout === "-" ? 2 : 1) + (opens ? 1 : 0)
      const names = this.#fifos.take(need) ?? (await this.#fifos.takeSoon(need))
      if (this.#jobs.get(request.id) !== job) return
      job.open(boxDirs(this.#spec.dir).requests, this.#fifos, names)
      this.#child.adopt(job.mark)
      if (shell === undefined) await this.#slots.run(job)
      else this.#shells.run(job, shell, opens ? names.at(-1) : undefined)
    } catch {
      this.#fail(job, "nospace")
    }
  }

  // Everything from here on comes from inside the box: it is believed only about executions that exist, in numbers.
  #event(line: string): void {
    const [op = "", key = "", a = "", b = "", c = ""] = line.split(" ")
    if (![a, b, c].every((text) => text === "" || word.test(text))) return
    switch (op) {
      case "R": {
        if (this.#readyLine !== "" || !number.test(key)) return
        if (this.#spec.report.launcher !== "process" && !this.#stocked) this.#fifos.stock(firstFifos)
        this.#stocked = true
        this.#readyLine = `R ${key} ${this.#child.insidePid() ?? 0} ${this.#child.insidePid() === undefined ? 0 : this.#child.launcherPid}`
        this.#slots.warm()
        return this.#ready?.(line)
      }
      case "S": {
        const job = this.#slots.job(key) ?? this.#jobs.get(key)
        if (job === undefined || job.pid !== undefined || !/^[0-9]{1,9}$/.test(a)) return
        job.pid = Number(a)
        job.listen()
        this.#slots.started(job)
        this.#shells.started(job)
        this.#emit(`S ${job.request.id} ${job.pid}`)
        for (const kill of job.whenStarted.splice(0)) kill()
        return
      }
      case "X": {
        if (!number.test(a)) return
        const job = this.#slots.job(key) ?? this.#jobs.get(key)
        if (job?.pid !== undefined) return this.#exited(job, Number(a), b === "1")
        return this.#slots.lost(key)
      }
      case "D": {
        const job = this.#slots.job(key) ?? this.#jobs.get(key)
        if (job?.exit !== undefined) void this.#done(job)
        return
      }
      case "F":
        return this.#shells.has(key) ? this.#shells.gone(key) : this.#slots.lost(key)
      case "N":
      case "H":
      case "B":
        return this.#shells.event(op, key, a)
      case "G":
        return void this.#kills.groupKilled(key, a)
      case "K":
        return number.test(b) && number.test(c) ? this.#kills.killed(key, a, b, c) : undefined
      case "Z":
      case "P":
        if (this.#saves.has(key)) {
          this.#saves.get(key)!()
          this.#saves.delete(key)
        }
        if (this.#nonces.delete(`${op} ${key}`)) this.#emit(`${op} ${key}`)
    }
  }

  #exited(job: Job, code: number, lingering: boolean): void {
    if (job.exit !== undefined) return
    job.exit = { code, lingering }
    this.#killsSeen = memoryKills(this.#spec.groups)
    job.blame(code, this.#killsSeen, this.#jobs.values())
    this.#emit(`X ${job.request.id} ${code} ${lingering ? 1 : 0}`)
    if (!lingering || job.emptied) void this.#done(job)
    else setTimeout(() => void this.#done(job), REPORT_MS).unref()
  }

  async #done(job: Job): Promise<void> {
    if (this.#jobs.get(job.request.id) !== job) return
    const { stdout, stderr } = await job.settle()
    if (!this.#jobs.delete(job.request.id)) return
    this.#forget(job.request)
    this.#kills.remember(job)
    this.#slots.finished(job)
    this.#shells.finished(job)
    const flags = `${job.shellDied ? 1 : 0} ${job.shellFresh ? 1 : 0} ${job.outOfMemory}`
    this.#emit(`D ${job.request.id} ${job.exit?.code ?? 255} ${stdout} ${stderr} ${flags}`)
  }

  #fail(job: Job, reason: string): void {
    if (!this.#jobs.delete(job.request.id)) return
    job.abort()
    this.#forget(job.request)
    for (const kill of job.whenStarted.splice(0)) kill()
    this.#slots.finished(job)
    this.#shells.finished(job)
    this.#emit(`F ${job.request.id} ${reason}`)
  }

  /** The box ended under it: what it wrote is kept. */
  async #cut(job: Job): Promise<void> {
    if (job.exit !== undefined) return this.#done(job)
    await job.settle()
    if (this.#jobs.delete(job.request.id)) this.#emit(`F ${job.request.id} closed`)
  }

  #emit(line: string): void {
    for (const listener of this.#listeners) listener(line)
  }

  #forget({ id: executionId, script }: Job["request"]): void {
    if (script !== undefined) return
    const { requests } = boxDirs(this.#spec.dir)
    fs.unlink(`${requests}/${executionId}.sh`, () => {})
    fs.unlink(`${requests}/${executionId}.cmd`, () => {})
  }
}

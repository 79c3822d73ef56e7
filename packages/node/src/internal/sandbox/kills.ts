// Kills of executions: which processes a kill means, who looks for them, and what their executions' ends wait for then.
import type { Job } from "./jobs.ts"
import type { Remains } from "./remains.ts"

const MARKS = 4096
// The box's own report of an end comes within its grace of 100 ms, unless somebody inside killed the reporter.
export const REPORT_MS = 250

interface KillParts {
  readonly job: (executionId: string) => Job | undefined
  /** Takes back a command that waits for its shell; whether there was one. */
  readonly drop: (job: Job) => boolean
  readonly send: (line: string) => void
  readonly emit: (line: string) => void
  readonly remains: () => Remains | undefined
  readonly exited: (job: Job) => void
}

export class Kills {
  readonly #parts: KillParts
  #marks = new Map<string, string>()
  #waiting = new Map<string, Job | undefined>()
  /** Of those that wait for their group's death: the box says it once, however often it says it. */
  #groups = new Set<string>()

  constructor(parts: KillParts) {
    this.#parts = parts
  }

  /** The background processes of an execution that is over can still be found and killed. */
  remember(job: Job): void {
    this.#marks.set(job.request.id, job.mark)
    if (this.#marks.size > MARKS) this.#marks.delete(this.#marks.keys().next().value!)
  }

  kill(executionId: string, nonce: string, signal: string, group: boolean): void {
    const { drop, emit, job: find, remains, send } = this.#parts
    const job = find(executionId)
    // Waiting for its shell: it never gets there. On its way into the box: as soon as it is there.
    if (job !== undefined && job.pid === undefined && !drop(job)) {
      return void job.whenStarted.push(() => this.kill(executionId, nonce, signal, group))
    }
    const mark = job?.mark ?? this.#marks.get(executionId)
    const over = job?.pid === undefined || job.exit !== undefined
    if (mark === undefined || (over && !group)) return emit(`K ${executionId} ${nonce} 0 0`)
    if (job !== undefined && signal === "KILL") job.killed = true
    const all = signal === "KILL" && group
    this.#waiting.set(nonce, all ? job : undefined)
    // Only a running command has a process group that is certainly its own.
    const own = job !== undefined && job.exit === undefined && job.request.shell === "-"
    const mode = !group ? "m" : !own ? "s" : all && remains() !== undefined ? "q" : "g"
    if (mode === "q") this.#groups.add(nonce)
    send(`K ${executionId} ${nonce} ${signal} ${mode} ${mark} ${job?.pid ?? 0}`)
  }

  /** Its group was killed. Whether something left the group is seen from here; then it is searched for inside. */
  async groupKilled(executionId: string, nonce: string): Promise<void> {
    const job = this.#waiting.get(nonce)
    if (!this.#groups.delete(nonce) || job === undefined) return
    if (await this.#parts.remains()?.none(job.mark, job.pid!)) return this.killed(executionId, nonce, "0", "0")
    this.#parts.send(`K ${executionId} ${nonce} KILL s ${job.mark} ${job.pid}`)
  }

  killed(executionId: string, nonce: string, signalled: string, remaining: string): void {
    if (!this.#waiting.has(nonce)) return
    const job = this.#waiting.get(nonce)
    this.#waiting.delete(nonce)
    this.#groups.delete(nonce)
    this.#parts.emit(`K ${executionId} ${nonce} ${signalled} ${remaining}`)
    if (job === undefined || remaining !== "0") return
    job.emptied = true
    // The box may have killed the process that would report the end.
    if (job.exit === undefined) setTimeout(() => this.#parts.exited(job), REPORT_MS).unref()
    else this.#parts.exited(job)
  }
}

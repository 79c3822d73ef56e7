// Slots: processes inside a box that wait, warm, to become one command each. Taking a warm one is what makes an
// execution quicker than starting a process; when none is warm, one is started and gets its line at once.
import * as fs from "node:fs"
import { openBoth, type FifoPool } from "./fifo.ts"
import type { Job } from "./jobs.ts"

const IDLE_MS = 3000

export interface OwnerParts {
  readonly requests: string
  readonly fifos: FifoPool
  readonly send: (line: string) => void
  readonly lost: (job: Job, reason: string) => void
}

interface Slot {
  readonly key: string
  readonly fifo: string
  /** The host's end. Closing it without a line sends the slot home. */
  fd: number | undefined
  job: Job | undefined
}

export class Slots {
  readonly #parts: OwnerParts
  #slots = new Map<string, Slot>()
  #warm: Slot | undefined
  #count = 0
  #starting = false
  #idle: NodeJS.Timeout | undefined
  #closed = false

  constructor(parts: OwnerParts) {
    this.#parts = parts
  }

  /** A process of ours is on its way into the box. */
  get busy(): boolean {
    return this.#starting
  }

  async run(job: Job): Promise<void> {
    const slot = this.#warm ?? (await this.#open())
    if (slot === this.#warm) this.#warm = undefined
    slot.job = job
    job.slot = slot.key
    if (slot.fd !== undefined) fs.writeSync(slot.fd, job.line())
  }

  job(key: string): Job | undefined {
    return this.#slots.get(key)?.job
  }

  /** It has read its line, so the next one can be prepared while it works. */
  started(job: Job): void {
    if (job.slot !== undefined) this.warm()
  }

  /** Keeps one slot ready for a while. */
  warm(): void {
    void this.#prepare().catch(() => {})
  }

  /** A slot ended before its command began: another one may try, once. */
  lost(key: string): void {
    const slot = this.#slots.get(key)
    if (slot === undefined) return
    this.#drop(slot)
    const { job } = slot
    if (job === undefined) return
    job.slot = undefined
    if (job.retried || this.#closed) return this.#parts.lost(job, "fork")
    job.retried = true
    this.run(job).catch(() => this.#parts.lost(job, "nospace"))
  }

  finished(job: Job): void {
    const slot = job.slot === undefined ? undefined : this.#slots.get(job.slot)
    if (slot !== undefined) this.#drop(slot)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#idle)
    for (const slot of this.#slots.values()) this.#drop(slot)
  }

  async #open(): Promise<Slot> {
    const name = (this.#parts.fifos.take(1) ?? (await this.#parts.fifos.takeSoon(1)))[0]!
    // The dot keeps slots apart from executions, whose ids have none.
    const fd = openBoth(`${this.#parts.requests}/${name}`)
    const slot: Slot = { key: `.${this.#count++}`, fifo: name, fd, job: undefined }
    this.#slots.set(slot.key, slot)
    this.#parts.send(`T ${slot.key} ${name}`)
    return slot
  }

  async #prepare(): Promise<void> {
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => this.#retire(), IDLE_MS)
    this.#idle.unref()
    if (this.#warm !== undefined || this.#starting || this.#closed) return
    this.#starting = true
    try {
      this.#warm = await this.#open()
    } finally {
      this.#starting = false
    }
  }

  /** An idle box keeps only its agent. The slot stays known until its end is reported. */
  #retire(): void {
    const slot = this.#warm
    this.#warm = undefined
    if (slot !== undefined) this.#close(slot)
  }

  #close(slot: Slot): void {
    if (slot.fd !== undefined) fs.closeSync(slot.fd)
    slot.fd = undefined
  }

  /** Its process is gone, so that the FIFO has no other holder and forgets what was in it. */
  #drop(slot: Slot): void {
    if (!this.#slots.delete(slot.key)) return
    if (this.#warm === slot) this.#warm = undefined
    this.#close(slot)
    this.#parts.fifos.release(slot.fifo)
  }
}

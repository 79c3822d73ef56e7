// Named shells: one persistent shell per name, one command at a time, in the order in which they were asked for.
// A shell that dies takes the command it was running with it, no other, and its place is taken by a fresh one.
import * as fs from "node:fs"
import { openBoth } from "./fifo.ts"
import type { Job } from "./jobs.ts"
import type { OwnerParts } from "./slots.ts"

// Longer scripts are not written over.
const LONG = 4096

interface Shell {
  readonly key: string
  readonly fd: number
  /** Read by the shell for each command in turn; rewriting one file is quicker than making and removing many. */
  readonly script: { readonly name: string; readonly fd: number; length: number }
  readonly queue: Array<Job>
  /** Given to the shell and not finished. */
  current: Job | undefined
  fresh: boolean
  /** Asked of the fresh shell after a death: whether this command's line is still to come. */
  barrier: { readonly nonce: string; readonly job: Job } | undefined
}

const closeShell = ({ fd, script }: Shell): void => {
  fs.closeSync(fd)
  fs.closeSync(script.fd)
}

export class Shells {
  readonly #parts: OwnerParts
  readonly #ended: (job: Job, code: number) => void
  #shells = new Map<string, Shell>()
  #barriers = 0
  #count = 0
  #closed = false

  /** `ended`: the shell ended while it ran this command. */
  constructor(parts: OwnerParts, ended: (job: Job, code: number) => void) {
    this.#parts = parts
    this.#ended = ended
  }

  get size(): number {
    return this.#shells.size
  }

  has(key: string): boolean {
    return this.#shells.has(key)
  }

  run(job: Job, key: string, fifo: string | undefined): void {
    const shell = this.#shells.get(key) ?? this.#open(key, fifo!)
    shell.queue.push(job)
    this.#next(shell)
  }

  started(job: Job): void {
    const shell = this.#of(job)
    if (shell?.current !== job) return
    job.shellFresh = shell.fresh
    shell.fresh = false
  }

  finished(job: Job): void {
    const shell = this.#of(job)
    if (shell === undefined) return
    const index = shell.queue.indexOf(job)
    if (index >= 0) shell.queue.splice(index, 1)
    if (shell.current !== job) return
    shell.current = undefined
    this.#next(shell)
  }

  /** Takes back a command that no shell has seen. */
  drop(job: Job): boolean {
    const queue = this.#of(job)?.queue
    const index = queue?.indexOf(job) ?? -1
    if (index < 0) return false
    queue!.splice(index, 1)
    return true
  }

  event(op: string, key: string, value: string): void {
    const shell = this.#shells.get(key)
    if (shell === undefined) return
    if (op === "N") {
      shell.fresh = true
      return
    }
    const job = shell.current
    if (job === undefined) return
    if (op === "H" && job.pid !== undefined) {
      job.shellDied = true
      this.#ended(job, Number(value))
    } else if (op === "H") {
      // Did the dead shell take the command's line with it? The fresh one answers this after whatever is left.
      shell.barrier = { nonce: String(this.#barriers++), job }
      fs.writeSync(shell.fd, `B ${shell.barrier.nonce}\n`)
    } else if (op === "B" && shell.barrier?.nonce === value && shell.barrier.job === job && job.pid === undefined) {
      this.#parts.lost(job, "shell")
    }
  }

  /** No supervisor any more; the next command starts one. */
  gone(key: string): void {
    const shell = this.#shells.get(key)
    if (shell === undefined) return
    this.#shells.delete(key)
    closeShell(shell)
    const { current } = shell
    if (current !== undefined && current.exit === undefined) this.#parts.lost(current, "fork")
    // Nobody reads this FIFO any more, but a stray of the dead shell may hold it: the queue gets another one.
    const waiting = shell.queue.splice(0)
    if (waiting.length === 0) return
    this.#parts.fifos
      .takeSoon(1)
      .then(([name]) => {
        // A box that ended meanwhile ended its commands, too, and its folder may be gone.
        if (!this.#closed) for (const job of waiting) this.run(job, key, name)
      })
      .catch(() => {
        for (const job of waiting) this.#parts.lost(job, "nospace")
      })
  }

  close(): void {
    this.#closed = true
    for (const shell of this.#shells.values()) closeShell(shell)
    this.#shells.clear()
  }

  #of(job: Job): Shell | undefined {
    return this.#shells.get(job.request.shell)
  }

  #open(key: string, name: string): Shell {
    const fd = openBoth(`${this.#parts.requests}/${name}`)
    // The shell reads its line byte by byte.
    const script = `s${this.#count++}.sh`
    const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = fs.constants
    const scriptFd = fs.openSync(`${this.#parts.requests}/${script}`, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o644)
    const shell: Shell = {
      key,
      fd,
      script: { name: script, fd: scriptFd, length: 0 },
      queue: [],
      current: undefined,
      fresh: false,
      barrier: undefined
    }
    this.#shells.set(key, shell)
    this.#parts.send(`W ${key} ${name}`)
    return shell
  }

  #next(shell: Shell): void {
    if (this.#closed || shell.current !== undefined) return
    const job = shell.queue.shift()
    shell.current = job
    if (job === undefined) return
    try {
      fs.writeSync(shell.fd, this.#line(shell, job))
    } catch {
      // The disk is full: this one never ran, and the end of it brings up the next.
      this.#parts.lost(job, "nospace")
    }
  }

  #line({ script }: Shell, job: Job): string {
    const text = job.request.script
    if (text === undefined) return job.line()
    // What is left of a longer one is written over with empty lines: shortening a file takes a hundred times as long.
    if (script.length > LONG) {
      fs.ftruncateSync(script.fd)
      script.length = 0
    }
    const length = Buffer.byteLength(text)
    const bytes = Buffer.from(text.padEnd(text.length + script.length - length, "\n"))
    // As much may be there when it cannot be written to its end.
    script.length = bytes.length
    for (let at = 0; at < bytes.length;) at += fs.writeSync(script.fd, bytes, at, bytes.length - at, at)
    script.length = length
    return job.line(script.name)
  }
}

// What the owner of a box knows about one execution: its FIFOs, its pumps, its journal, and how far it has come.
import * as path from "node:path"
import { randomInt } from "node:crypto"
import type { Channel, JournalWriter, PromisedLength } from "../journal/types.ts"
import type { FifoPool } from "./fifo.ts"
import { Pump } from "./pump.ts"
import type { ExecDone } from "./types.ts"

/** A number that no other execution on this machine has: see agentScripts.ts on marks. */
export const newMark = (): string => randomInt(2 ** 40).toString()

const LATE_MAX = 65536

export interface JobRequest {
  readonly id: string
  /** Name of the client's FIFO, or "-". */
  readonly stdin: string
  /** Name of the client's FIFO, or "-" for the journal. */
  readonly stdout: string
  /** Key of a named shell, or "-". */
  readonly shell: string
  /** What the shell is to read, from a client in this process; others have written it to a file. */
  readonly script: string | undefined
}

export class Job {
  readonly request: JobRequest
  readonly mark = newMark()
  readonly journal: JournalWriter
  /** Kills that were asked for before it had a process. */
  readonly whenStarted: Array<() => void> = []
  /** Key of the slot that runs it. */
  slot: string | undefined
  pid: number | undefined
  exit: { readonly code: number; readonly lingering: boolean } | undefined
  /** Hears what its background children print after its output has ended. */
  onLate: (channel: Channel, text: string) => void = () => {}
  #lateBytes = 0
  retried = false
  /** Nothing of it is left: its end has no grace. */
  emptied = false
  /** Somebody sent it SIGKILL. */
  killed = false
  /** Says how many processes of the box have been ended for lack of memory so far. */
  countKills: () => number = () => 0
  #killsBefore = 0
  outOfMemory: ExecDone["outOfMemory"] = "no"
  shellFresh = false
  shellDied = false
  #pumps: Array<{ readonly channel: Channel; readonly pump: Pump }> = []
  #stdout = ""
  #stderr = ""
  #settled: Promise<PromisedLength> | undefined

  constructor(request: JobRequest, journal: JournalWriter) {
    this.request = request
    this.journal = journal
  }

  /** Opens the reading ends; the box may start writing afterwards. */
  open(dir: string, fifos: FifoPool, names: ReadonlyArray<string>): void {
    const pump = (name: string, channel: "stdout" | "stderr"): void => {
      this.#pumps.push({
        channel,
        pump: new Pump(
          path.join(dir, name),
          (bytes) => this.journal.write(channel, bytes),
          (clean) => clean && fifos.release(name)
        )
      })
    }
    this.#stderr = names[0]!
    pump(this.#stderr, "stderr")
    if (this.request.stdout === "-") {
      this.#stdout = names[1]!
      pump(this.#stdout, "stdout")
    } else this.#stdout = this.request.stdout
  }

  get opened(): boolean {
    return this.#pumps.length > 0
  }

  /** It has begun: its output is moved from the next turn on, and one that is over by then did without. */
  listen(): void {
    setImmediate(() => {
      if (this.exit === undefined || this.exit.lingering) for (const { pump } of this.#pumps) pump.listen()
    })
  }

  /** The line that begins it, for a slot or a named shell, which reads the file of this name. */
  line(script = `${this.request.id}.sh`): string {
    const { id, stdin } = this.request
    // Counted before the box hears of the command: it may be over when its start is reported.
    this.#killsBefore = this.countKills()
    return `${id} ${this.mark} ${stdin} ${this.#stdout} ${this.#stderr} ${script}\n`
  }

  /** Whether it failed because the kernel ended one of its processes: a death by SIGKILL that nobody asked for. */
  blame(code: number, kills: number, all: Iterable<Job>): void {
    if (kills <= this.#killsBefore) return
    const alone = [...all].every((other) => other === this || other.pid === undefined || other.exit !== undefined)
    // A program whose child was ended fails in its own way; that it was this one's is certain only when it ran alone.
    this.outOfMemory = !this.killed && (code === 137 || (code !== 0 && alone)) ? "cause" : "seen"
  }

  /** The command is over: takes in what it wrote and fixes the length. */
  settle(): Promise<PromisedLength> {
    this.#settled ??= (async () => {
      await Promise.all(this.#pumps.map(({ channel, pump }) => pump.settle(this.#afterwards(channel))))
      for (const { pump } of this.#pumps) pump.unref()
      return this.journal.complete()
    })()
    return this.#settled
  }

  /** Passes on as text what its background children print later, as far as anybody would read it. */
  #afterwards(channel: Channel): (bytes: Uint8Array) => void {
    const decoder = new TextDecoder()
    return (bytes) => {
      if (this.#lateBytes > LATE_MAX) return
      this.#lateBytes += bytes.length
      const text = decoder.decode(bytes, { stream: true })
      this.onLate(channel, this.#lateBytes > LATE_MAX ? `${text}\n(what came after this was not kept)\n` : text)
    }
  }

  /** It never ran, or the box is gone: nobody will write any more. */
  abort(): void {
    for (const { pump } of this.#pumps) pump.abort()
    this.journal.complete()
  }
}

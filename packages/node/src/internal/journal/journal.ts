// The journal of one box: creates writers, serves readers, and knows which executions are complete. Readers of an
// execution that this process owns are woken by its writer; readers of others share one inotify watch per box.
import * as fs from "node:fs"
import { Pack, packedFile } from "./pack.ts"
import { readChannel, readPacked } from "./reader.ts"
import type { Channel, Journal, JournalChunk, JournalReadOptions, JournalWriter, PromisedLength } from "./types.ts"
import { channelFile, FileJournalWriter } from "./writer.ts"

const REMEMBERED = 4096
// What is read at once, without another thread, because it is still in memory.
const FRESH_BYTES = 65536

export class FileJournal implements Journal {
  readonly dir: string
  /** Takes in what small commands print. */
  #pack: Pack | undefined
  #writers = new Map<string, FileJournalWriter>()
  // Lengths of the executions that ended last; for older ones the reader brings the length from its records.
  #promised = new Map<string, PromisedLength>()
  #listeners = new Map<string, Set<() => void>>()
  #watcher: fs.FSWatcher | undefined
  #closed = false

  readonly #owner: boolean

  constructor(dir: string, owner: boolean) {
    this.dir = dir
    this.#owner = owner
  }

  create(executionId: string): JournalWriter {
    const writer = new FileJournalWriter(this.dir, executionId, this.#join(executionId), () => {
      if (writer.completed) this.#writers.delete(executionId)
      if (writer.completed) this.#promise(executionId, writer.lengths)
      this.#wake(executionId)
    })
    this.#writers.set(executionId, writer)
    return writer
  }

  #join(executionId: string): Pack {
    if (this.#pack?.full === true) this.#retire()
    this.#pack ??= new Pack(this.dir)
    this.#pack.join(packedFile(this.dir, executionId))
    return this.#pack
  }

  #retire(): void {
    this.#pack?.retire()
    this.#pack = undefined
  }

  complete(executionId: string, promised: PromisedLength): void {
    this.#promise(executionId, promised)
    this.#wake(executionId)
  }

  lengths(executionId: string): PromisedLength | undefined {
    const packed = packedFile(this.dir, executionId)
    const size = (channel: Channel): number =>
      fs.lstatSync(channelFile(this.dir, executionId, channel), { throwIfNoEntry: false })?.size ??
      readPacked(packed, executionId, channel)?.length ??
      -1
    const stdout = size("stdout")
    const stderr = size("stderr")
    return stdout < 0 && stderr < 0 ? undefined : { stdout: Math.max(stdout, 0), stderr: Math.max(stderr, 0) }
  }

  read(executionId: string, channel: Channel, options: JournalReadOptions = {}): AsyncIterable<JournalChunk> {
    return readChannel(
      {
        file: channelFile(this.dir, executionId, channel),
        packed: packedFile(this.dir, executionId),
        executionId,
        channel,
        live: () => this.#writers.get(executionId)?.lengths[channel],
        promised: () => options.promised ?? this.#promised.get(executionId)?.[channel],
        // Its owner knows every execution that can still grow.
        closed: () => this.#closed || (this.#owner && !this.#writers.has(executionId)),
        fresh: () => (this.#owner ? (this.#promised.get(executionId)?.[channel] ?? Infinity) : Infinity) <= FRESH_BYTES,
        listen: (listener) => this.#listen(executionId, listener)
      },
      options
    )
  }

  remove(executionId: string): void {
    this.#promised.delete(executionId)
    fs.rmSync(packedFile(this.dir, executionId), { force: true })
    fs.rmSync(channelFile(this.dir, executionId, "stdout"), { force: true })
    fs.rmSync(channelFile(this.dir, executionId, "stderr"), { force: true })
  }

  close(): void {
    this.#closed = true
    this.#watcher?.close()
    this.#watcher = undefined
    for (const writer of this.#writers.values()) writer.complete()
    this.#retire()
    for (const id of this.#listeners.keys()) this.#wake(id)
  }

  #promise(executionId: string, lengths: PromisedLength): void {
    this.#promised.set(executionId, lengths)
    if (this.#promised.size > REMEMBERED) this.#promised.delete(this.#promised.keys().next().value!)
  }

  #listen(executionId: string, listener: () => void): () => void {
    let set = this.#listeners.get(executionId)
    if (set === undefined) this.#listeners.set(executionId, (set = new Set()))
    set.add(listener)
    if (!this.#owner) this.#watch()
    return () => {
      set.delete(listener)
      if (set.size > 0 || this.#listeners.get(executionId) !== set) return
      this.#listeners.delete(executionId)
      if (this.#listeners.size > 0) return
      this.#watcher?.close()
      this.#watcher = undefined
    }
  }

  #watch(): void {
    if (this.#watcher !== undefined || this.#closed) return
    this.#watcher = fs.watch(this.dir, (_, name) => {
      if (name === null) return
      const executionId = name.slice(0, name.lastIndexOf("."))
      // A pack is written under its own name, whosever output it is.
      if (executionId !== "") this.#wake(executionId)
      else for (const id of this.#listeners.keys()) this.#wake(id)
    })
    // A directory that goes away ends its readers through `closed` or their signal, not by an uncaught error.
    this.#watcher.on("error", () => {})
  }

  #wake(executionId: string): void {
    for (const listener of this.#listeners.get(executionId) ?? []) listener()
  }
}

/** Opens the journal in a box's `o` directory. `owner`: this process is the one that writes it. */
export const openJournal = (dir: string, options?: { readonly owner?: boolean | undefined }): Journal => {
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 })
  return new FileJournal(dir, options?.owner ?? false)
}

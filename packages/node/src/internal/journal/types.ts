// What a box's journal promises: every byte that its executions wrote, readable from any offset, by any
// number of readers, in this process or a later one. It knows files and bytes; it knows no box and no agent.

/** The two output channels of an execution. */
export type Channel = "stdout" | "stderr"

/** A piece of output; `end` is the byte position after it, which is the cursor to resume from. */
export interface JournalChunk {
  readonly bytes: Uint8Array
  readonly end: number
}

/** How many bytes belong to a finished execution, per channel. */
export interface PromisedLength {
  readonly stdout: number
  readonly stderr: number
}

export interface JournalReadOptions {
  /** First byte to deliver (default 0). */
  readonly fromByte?: number | undefined
  /** Wait for more until the execution is complete (default false: read what is there and end). */
  readonly follow?: boolean | undefined
  /** The length a record elsewhere says the channel has; a shorter file is `OutputLostError`. */
  readonly promised?: number | undefined
  /** Ends the iteration quietly. */
  readonly signal?: AbortSignal | undefined
}

/** The writing half of one execution's journal; only the box's owner has one. */
export interface JournalWriter {
  readonly id: string
  /** Appends bytes; `undefined` when written at once, a promise when the caller should wait. */
  write(channel: Channel, bytes: Uint8Array): Promise<void> | undefined
  /** Bytes accepted so far. */
  readonly lengths: PromisedLength
  /** Fixes the promised length at what was accepted; bytes written later are dropped. */
  complete(): PromisedLength
}

/** All journals of one box: the directory `boxes/<id>/o`, which no process in the box can see. */
export interface Journal {
  readonly dir: string
  /** Creates the journal of an execution (fails when there is one). */
  create(executionId: string): JournalWriter
  /** Reads a channel. Fails with `OutputLostError` when less is there than was promised. */
  read(executionId: string, channel: Channel, options?: JournalReadOptions): AsyncIterable<JournalChunk>
  /** Bytes on disk now, or undefined when there is no such journal. */
  lengths(executionId: string): PromisedLength | undefined
  /** Tells readers in this process that an execution written by another process is complete. */
  complete(executionId: string, promised: PromisedLength): void
  /** Deletes the files of an execution; readers that hold them open keep reading. */
  remove(executionId: string): void
  /** Ends all following readers at what is on disk and stops watching. */
  close(): void
}

/** Output that was promised is not on disk any more (owner died, disk full, file removed). */
export class OutputLostError extends Error {
  override readonly name = "OutputLostError"
  readonly executionId: string
  readonly channel: Channel
  readonly promised: number
  readonly found: number
  constructor(executionId: string, channel: Channel, promised: number, found: number) {
    super(
      `output of execution ${executionId} is incomplete: ${channel} has ${found} of ${promised} bytes; run the command again`
    )
    this.executionId = executionId
    this.channel = channel
    this.promised = promised
    this.found = found
  }
}

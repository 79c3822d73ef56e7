// An execution's stdout as an AsyncIterable: at most one chunk waits here, the rest waits in the pipe and makes the
// command wait, so that any amount passes in constant memory.
import { Pump } from "./pump.ts"

export class StdoutPipe implements AsyncIterable<Uint8Array> {
  #pump: Pump | undefined
  #chunk: Uint8Array | undefined
  #taken: (() => void) | undefined
  #arrived: (() => void) | undefined
  #error: Error | undefined
  #ended = false
  #left = false

  open(file: string, onClosed: (clean: boolean) => void): void {
    this.#pump = new Pump(file, (bytes) => this.#put(bytes), onClosed)
    if (this.#left) this.#pump.abort()
    else this.#pump.listen()
  }

  #put(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#left) return undefined
    this.#chunk = Uint8Array.from(bytes)
    const taken = new Promise<void>((resolve) => (this.#taken = resolve))
    this.#arrived?.()
    return taken
  }

  /** The command has ended: what it wrote is delivered, then the iteration ends. */
  async settle(): Promise<void> {
    await this.#pump?.settle()
    this.#pump?.unref()
    this.#end()
  }

  fail(error: Error): void {
    this.#error = error
    this.#pump?.abort()
    this.#end()
  }

  #end(): void {
    this.#ended = true
    this.#arrived?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    try {
      for (;;) {
        if (this.#chunk === undefined && !this.#ended) await new Promise<void>((resolve) => (this.#arrived = resolve))
        const chunk = this.#chunk
        if (chunk === undefined) {
          if (this.#error !== undefined) throw this.#error
          if (this.#ended) return
          continue
        }
        this.#chunk = undefined
        this.#taken?.()
        yield chunk
      }
    } finally {
      this.#left = true
      this.#chunk = undefined
      this.#taken?.()
      if (!this.#ended) this.#pump?.abort()
    }
  }
}

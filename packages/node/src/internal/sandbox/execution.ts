// One execution as its caller sees it: three promises, a stdin and perhaps a stdout pipe.
import { FifoStdin } from "./fifo.ts"
import { StdoutPipe } from "./pipe.ts"
import type { BoxExecution, ExecDone } from "./types.ts"

interface Deferred<A> {
  readonly promise: Promise<A>
  readonly resolve: (value: A) => void
  readonly reject: (error: Error) => void
}

const deferred = <A>(): Deferred<A> => {
  const result = Promise.withResolvers<A>()
  // Callers wait for what interests them; the other promises must not become unhandled rejections.
  result.promise.catch(() => {})
  return result
}

export class Execution implements BoxExecution {
  readonly id: string
  readonly #started = deferred<{ readonly pid: number }>()
  readonly #exited = deferred<{ readonly code: number; readonly lingering: boolean }>()
  readonly #done = deferred<ExecDone>()
  readonly started = this.#started.promise
  readonly exited = this.#exited.promise
  readonly done = this.#done.promise
  readonly stdin: FifoStdin | undefined
  readonly stdoutPipe: StdoutPipe | undefined

  constructor(id: string, stdin: boolean, pipe: boolean) {
    this.id = id
    this.stdin = stdin ? new FifoStdin(id, this.started) : undefined
    this.stdoutPipe = pipe ? new StdoutPipe() : undefined
  }

  start(pid: number): void {
    this.#started.resolve({ pid })
  }

  exit(code: number, lingering: boolean): void {
    this.#exited.resolve({ code, lingering })
    this.stdin?.close()
  }

  finish(done: ExecDone): void {
    this.stdin?.close()
    void this.stdoutPipe?.settle()
    this.#done.resolve(done)
  }

  fail(error: Error): void {
    this.stdin?.close()
    this.stdoutPipe?.fail(error)
    this.#started.reject(error)
    this.#exited.reject(error)
    this.#done.reject(error)
  }
}

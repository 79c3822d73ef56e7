// What passes through now, by tunnel: so that a tunnel that is removed ends what goes through it.
import type { Duplex } from "node:stream"
import { Pool } from "./exchange.ts"
import type { Target } from "./target.ts"

/** A way to end one exchange. */
export interface Track {
  readonly by: (end: () => void) => void
  readonly end: () => void
}

interface Passing {
  readonly key: string
  readonly port: number
  readonly end: () => void
}

/** See above. */
export class Traffic {
  readonly pool = new Pool()
  readonly #passing = new Set<Passing>()

  /** Keeps an exchange in the list while it lasts. */
  async during<A>(target: Target, body: (track: Track) => Promise<A>): Promise<A> {
    let end = () => {}
    const passing: Passing = { key: target.key, port: target.port, end: () => end() }
    this.#passing.add(passing)
    try {
      return await body({ by: (way) => (end = way), end: () => end() })
    } finally {
      this.#passing.delete(passing)
    }
  }

  /** Keeps a joined pair of connections in the list while it lasts. */
  joined(target: Target, client: Duplex, server: Duplex): void {
    const passing: Passing = { key: target.key, port: target.port, end: () => client.destroy() }
    this.#passing.add(passing)
    server.once("close", () => this.#passing.delete(passing))
  }

  /** Ends what goes through a tunnel to ports that it does not lead to any more. */
  cut(key: string, stays: (port: number) => boolean = () => false): void {
    this.pool.drop(key, stays)
    for (const passing of this.#passing) if (passing.key === key && !stays(passing.port)) passing.end()
  }

  close(): void {
    this.pool.close()
    for (const passing of this.#passing) passing.end()
  }
}

/** The operations of a random life, and how a seed becomes a sequence of them. Targets are numbers, taken modulo what there is. */

import { dice } from "../../packages/core/src/internal/chaos/random.ts"

/** What a devbox lives by. */
export type Limit =
  | { readonly keepAliveSeconds: number }
  | { readonly idleSeconds: number; readonly onIdle: "suspend" | "shutdown" }
  | "default"

/** One thing that is done. */
export type Operation =
  | { readonly do: "create"; readonly limit: Limit }
  | { readonly do: "restore"; readonly snapshot: number }
  | { readonly do: "fork"; readonly box: number; readonly count: number }
  | { readonly do: "endFork"; readonly fork: number }
  | { readonly do: "write" | "run" | "runAwake"; readonly box: number; readonly file: number; readonly text: number }
  | { readonly do: "read" | "cat"; readonly box: number; readonly file: number }
  | { readonly do: "suspend" | "resume" | "keepAlive" | "look" | "snapshot"; readonly box: number }
  | { readonly do: "update"; readonly box: number; readonly mark: number }
  | { readonly do: "shutdown"; readonly box: number; readonly force: boolean }
  | { readonly do: "deleteSnapshot" | "lookAtSnapshot"; readonly snapshot: number }
  | { readonly do: "updateSnapshot"; readonly snapshot: number; readonly mark: number }
  | { readonly do: "pass"; readonly millis: number }

/** What may occur. */
export interface Variety {
  /** Time goes by, and devboxes have limits. */
  readonly time: boolean
  /** Operations that wait for their end, which needs a backend that comes to it without anybody moving a clock. */
  readonly waits: boolean
}

const limits: ReadonlyArray<Limit> = [
  "default",
  { keepAliveSeconds: 60 },
  { keepAliveSeconds: 600 },
  { idleSeconds: 90, onIdle: "suspend" },
  { idleSeconds: 90, onIdle: "shutdown" }
]

/** The sequence of a seed. */
export const sequence = (seed: number, length: number, { time, waits }: Variety): ReadonlyArray<Operation> => {
  const chance = dice(seed, "lives")
  const roll = (below: number) => Math.floor(chance() * below)
  const box = () => roll(5)
  const snapshot = () => roll(4)
  const file = () => roll(3)
  const text = () => roll(1000)
  // Each as often as its number says.
  const table: ReadonlyArray<readonly [number, () => Operation]> = [
    [4, () => ({ do: "create", limit: time ? limits[roll(limits.length)]! : "default" })],
    [4, () => ({ do: "restore", snapshot: snapshot() })],
    [waits ? 3 : 0, () => ({ do: "fork", box: box(), count: 1 + roll(2) })],
    [waits ? 1 : 0, () => ({ do: "endFork", fork: roll(3) })],
    [5, () => ({ do: "write", box: box(), file: file(), text: text() })],
    [4, () => ({ do: "run", box: box(), file: file(), text: text() })],
    [waits ? 2 : 0, () => ({ do: "runAwake", box: box(), file: file(), text: text() })],
    [4, () => ({ do: "read", box: box(), file: file() })],
    [3, () => ({ do: "cat", box: box(), file: file() })],
    [4, () => ({ do: "suspend", box: box() })],
    [4, () => ({ do: "resume", box: box() })],
    [4, () => ({ do: "keepAlive", box: box() })],
    [2, () => ({ do: "look", box: box() })],
    [5, () => ({ do: "snapshot", box: box() })],
    [2, () => ({ do: "update", box: box(), mark: text() })],
    [3, () => ({ do: "shutdown", box: box(), force: roll(2) === 0 })],
    [2, () => ({ do: "deleteSnapshot", snapshot: snapshot() })],
    [1, () => ({ do: "lookAtSnapshot", snapshot: snapshot() })],
    [1, () => ({ do: "updateSnapshot", snapshot: snapshot(), mark: text() })],
    [time ? 7 : 0, () => ({ do: "pass", millis: [1, 2, 5, 29, 40, 61, 700, 3601][roll(8)]! * 1000 + 7 })]
  ]
  const total = table.reduce((sum, [weight]) => sum + weight, 0)
  const one = (): Operation => {
    let at = roll(total)
    for (const [weight, make] of table) {
      if (at < weight) return make()
      at -= weight
    }
    throw new Error("the weights do not add up")
  }
  // Seven odd milliseconds, so that no time ends with a limit and it is clear which comes first.
  const all: Array<Operation> = [{ do: "create", limit: time ? limits[roll(limits.length)]! : "default" }]
  // What was done is often done once more, at once.
  while (all.length < length) all.push(roll(8) === 0 ? all.at(-1)! : one())
  return all
}

/** A line about an operation. */
export const format = ({ do: name, ...rest }: Operation): string =>
  `${name} ${Object.entries(rest)
    .map(([key, value]) => `${key}=${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(" ")}`

/** Which calls are struck by what: by chance from a seed, or by a list. Knows calls by name and number, never what they do. */
import * as Duration from "effect/Duration"
import type { Operation } from "../intercept.ts"
import { dice } from "./random.ts"

/** What can happen to a call. */
export type Kind =
  /** The call reaches the backend late; `amount` in milliseconds. */
  | "delay"
  /** The call is held until another one got past it, for at most `amount` milliseconds. */
  | "reorder"
  /** The backend is unavailable. Nothing is done, and the error says so. */
  | "refuse"
  /** The call never arrives, and nobody knows: after `amount` milliseconds it fails in doubt. */
  | "drop"
  /** The call is carried out and its answer is lost: it fails in doubt. */
  | "loseReply"
  /** Only in a script: the backend refuses the call for good. Nothing is done. */
  | "reject"
  /** Only in a script: the call is carried out and its answer is nonsense. Asking again is of no use. */
  | "garble"
  /** The call is delivered twice. */
  | "duplicate"
  /** Too many requests; the backend asks to wait for `amount` milliseconds. Nothing is done. */
  | "rateLimit"
  /** The stream breaks after `amount` bytes (of notices: after as many). */
  | "cut"
  /** The stream of output ends after `amount` bytes as if that were all. */
  | "quietCut"
  /** The stream comes in small pieces, with `amount` milliseconds before each. */
  | "slow"
  /** A list that arrived did not show `amount` things yet. It follows from the lag, so a script need not name it. */
  | "hide"

/** Something that happens, or happened, to one call. */
export interface Fault {
  readonly operation: Operation
  /** The how-manieth call of the operation, from 1 on. */
  readonly call: number
  readonly kind: Kind
  readonly amount?: number | undefined
}

/** How often what goes wrong; chances are from 0 to 1 and for each call. Everything is off by default. */
export interface Config {
  /** The same seed and the same calls give the same faults. Default 1. */
  readonly seed?: number | undefined
  readonly delay?: { readonly chance: number; readonly upTo: Duration.Input } | undefined
  readonly reorder?: { readonly chance: number; readonly upTo: Duration.Input } | undefined
  readonly refuse?: number | undefined
  readonly drop?: number | undefined
  readonly loseReply?: number | undefined
  /** Only of operations that done twice are done once. The others travel with a request key, by which a second is known. */
  readonly duplicate?: number | undefined
  /** A burst begins with a call and lasts: until it is over every call is refused with the time that is left. Then, for as long, no other begins. */
  readonly rateLimit?: { readonly chance: number; readonly lasting: Duration.Input } | undefined
  /** Streams break after up to so many bytes; half of the cuts of output are without a word. */
  readonly cut?: { readonly chance: number; readonly within: number } | undefined
  readonly slow?: { readonly chance: number; readonly pause: Duration.Input } | undefined
  /** Shutdowns are unavailable, beside what happens to every call. */
  readonly failShutdown?: number | undefined
  /** How long lists do not show what was created. Takes the feature `consistentList` away. */
  readonly lag?: Duration.Input | undefined
  /**
   * No caller sees one operation fail more often than this without a success between; a burst counts once, for whoever waits
   * as long as it says. Default 3.
   */
  readonly inARow?: number | undefined
  /** The operations that are struck; default all. */
  readonly operations?: ReadonlyArray<Operation> | undefined
  /** Exactly these happen, and nothing by chance: the faults of a run before, or those of a test. */
  readonly script?: ReadonlyArray<Fault> | undefined
}

/** Operations of which a second delivery right after the first changes nothing. */
const harmlessTwice: ReadonlySet<Operation> = new Set<Operation>([
  "get",
  "list",
  "update",
  "suspend",
  "resume",
  "shutdown",
  "keepAlive",
  "usage",
  "logs",
  "getSnapshot",
  "listSnapshots",
  "updateSnapshot",
  "deleteSnapshot",
  "startExecution",
  "getExecution",
  "kill",
  "enableTunnel",
  "removeTunnel"
])

const streams: ReadonlySet<Operation> = new Set<Operation>(["output", "download", "notices"])

/** What counts as a failure in a row. */
const failures: ReadonlySet<Kind> = new Set<Kind>(["refuse", "drop", "loseReply", "rateLimit", "cut", "quietCut"])

/** Who calls; a key for the count of failures in a row. */
export type Caller = object

/** How often one operation failed for one caller since it last did not, and the end of the last burst that it met. */
interface Streak {
  readonly count: number
  readonly refusedUntil: number
}

const none: Streak = { count: 0, refusedUntil: -Infinity }

/** Decides over the next call of an operation. */
export interface Plan {
  readonly next: (
    operation: Operation,
    caller: Caller,
    nowMs: number
  ) => { readonly call: number; readonly faults: ReadonlyArray<Fault> }
}

const millis = (input: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(input))

const dropMs = 1000

/** A plan from a configuration. */
export const makePlan = (config: Config): Plan => {
  const calls = new Map<Operation, number>()
  const count = (operation: Operation): number => {
    const call = (calls.get(operation) ?? 0) + 1
    calls.set(operation, call)
    return call
  }
  const { script } = config
  if (script !== undefined) {
    return {
      next: (operation) => {
        const call = count(operation)
        return { call, faults: script.filter((fault) => fault.operation === operation && fault.call === call) }
      }
    }
  }
  const seed = config.seed ?? 1
  const inARow = config.inARow ?? 3
  const streaks = new WeakMap<Caller, Map<Operation, Streak>>()
  let burstUntil = -Infinity

  const byChance = (
    operation: Operation,
    call: number,
    { count: failed, refusedUntil }: Streak,
    nowMs: number
  ): ReadonlyArray<Fault> => {
    const mayFail = failed < inARow
    // Who was told to wait for the end of this burst and did not.
    const impatient = () => refusedUntil === burstUntil
    const roll = dice(seed, `${operation} ${call}`)
    const faults: Array<Fault> = []
    const add = (kind: Kind, amount?: number) =>
      faults.push({ operation, call, kind, ...(amount === undefined ? {} : { amount: Math.ceil(amount) }) })
    const hit = (chance: number | undefined): boolean => roll() < (chance ?? 0)

    if (hit(config.delay?.chance)) add("delay", roll() * millis(config.delay?.upTo ?? 0))
    if (hit(config.reorder?.chance)) add("reorder", millis(config.reorder?.upTo ?? 0))
    if (nowMs < burstUntil && (mayFail || impatient())) {
      return [...faults, { operation, call, kind: "rateLimit", amount: burstUntil - nowMs }]
    }
    if (mayFail) {
      const lasting = millis(config.rateLimit?.lasting ?? 0)
      if (hit(config.rateLimit?.chance) && nowMs >= burstUntil + lasting) {
        burstUntil = nowMs + lasting
        add("rateLimit", lasting)
        return faults
      }
      const failing = [
        ["refuse", config.refuse],
        ["drop", config.drop],
        ["loseReply", config.loseReply],
        ["refuse", operation === "shutdown" ? config.failShutdown : 0]
      ] as const
      for (const [kind, chance] of failing) {
        if (!hit(chance)) continue
        add(kind, kind === "drop" ? dropMs : undefined)
        return faults
      }
    }
    if (harmlessTwice.has(operation) && hit(config.duplicate)) add("duplicate")
    if (streams.has(operation)) {
      if (mayFail && hit(config.cut?.chance)) {
        const quiet = operation === "output" && roll() < 0.5
        add(quiet ? "quietCut" : "cut", roll() * (config.cut?.within ?? 0))
      }
      if (hit(config.slow?.chance)) add("slow", millis(config.slow?.pause ?? 0))
    }
    return faults
  }

  return {
    next: (operation, caller, nowMs) => {
      const call = count(operation)
      if (config.operations !== undefined && !config.operations.includes(operation)) return { call, faults: [] }
      const own = streaks.get(caller) ?? new Map<Operation, Streak>()
      streaks.set(caller, own)
      const before = own.get(operation) ?? none
      const faults = byChance(operation, call, before, nowMs)
      const failed = faults.find(({ kind }) => failures.has(kind))
      if (failed === undefined) own.delete(operation)
      else {
        const again = failed.kind === "rateLimit" && before.refusedUntil === burstUntil
        own.set(operation, {
          count: before.count + (again ? 0 : 1),
          refusedUntil: failed.kind === "rateLimit" ? burstUntil : before.refusedUntil
        })
      }
      return { call, faults }
    }
  }
}

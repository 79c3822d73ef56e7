/** Makes a planned fault happen to a call. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import {
  BackendError,
  type BackendReason,
  InvalidRequestError,
  RateLimitError,
  TransportError,
  UnavailableError,
  UnexpectedResponseError
} from "../../DevboxError.ts"
import type { Call, Interceptor } from "../intercept.ts"
import type { Fault, Kind, Plan } from "./plan.ts"
import { cut, slow } from "./streams.ts"

const failing: ReadonlyArray<Kind> = ["refuse", "reject", "rateLimit", "drop", "loseReply", "garble"]

/** What an interceptor of chaos works with. */
export interface Setting {
  /** The name of the backend, for errors. */
  readonly name: string
  readonly plan: Plan
  /** Whether anything is struck at present. */
  readonly active: () => boolean
  /** Hears of every fault at the moment it happens. */
  readonly struck: (fault: Fault) => Effect.Effect<void>
}

/** An interceptor that strikes calls. */
export const strike = (setting: Setting): Interceptor => {
  const failure = (call: Call, reason: BackendReason, outcome: "rejected" | "ambiguous") =>
    new BackendError({ backend: setting.name, operation: call.operation, reason, outcome })

  /** The error of a fault that makes the call fail. */
  const broken = (call: Call, { amount, kind }: Fault): BackendError => {
    switch (kind) {
      case "refuse":
        return failure(
          call,
          new UnavailableError({ detail: "chaos: unavailable for a moment", status: 503 }),
          "rejected"
        )
      case "rateLimit": {
        const detail = "chaos: too many requests"
        return failure(call, new RateLimitError({ detail, retryAfterMs: amount ?? 0 }), "rejected")
      }
      case "reject":
        return failure(call, new InvalidRequestError({ detail: "chaos: refused for good" }), "rejected")
      case "garble":
        return failure(call, new UnexpectedResponseError({ detail: "chaos: the answer makes no sense" }), "ambiguous")
      case "drop":
        return failure(call, new TransportError({ detail: "chaos: the request never arrived" }), "ambiguous")
      case "loseReply":
        return failure(call, new TransportError({ detail: "chaos: the answer was lost" }), "ambiguous")
      default:
        return failure(call, new TransportError({ detail: "chaos: the connection broke" }), "ambiguous")
    }
  }

  const decide = (call: Call): Effect.Effect<ReadonlyArray<Fault>> =>
    Effect.withFiber((fiber) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        setting.active() ? setting.plan.next(call.operation, fiber, now).faults : []
      )
    )

  const of = (faults: ReadonlyArray<Fault>, ...kinds: ReadonlyArray<Kind>): Fault | undefined =>
    faults.find(({ kind }) => kinds.includes(kind))

  const pause = (fault: Fault): Effect.Effect<void> =>
    Effect.andThen(setting.struck(fault), Effect.sleep(Duration.millis(fault.amount ?? 0)))

  /** Calls that wait for another one to get past them. */
  const held = new Set<Deferred.Deferred<void>>()
  const letGo = Effect.suspend(() => {
    const waiting = Array.from(held)
    held.clear()
    return Effect.forEach(waiting, (each) => Deferred.succeed(each, undefined), { discard: true })
  })
  const overtaken = (fault: Fault): Effect.Effect<void> =>
    Effect.flatMap(Deferred.make<void>(), (past) => {
      held.add(past)
      return setting
        .struck(fault)
        .pipe(
          Effect.andThen(Effect.raceFirst(Deferred.await(past), Effect.sleep(Duration.millis(fault.amount ?? 0)))),
          Effect.ensuring(Effect.sync(() => held.delete(past)))
        )
    })

  /** What happens on the way to the backend. */
  const late = (faults: ReadonlyArray<Fault>): Effect.Effect<void> => {
    const [delay, reorder] = [of(faults, "delay"), of(faults, "reorder")]
    return Effect.andThen(
      delay === undefined ? Effect.void : pause(delay),
      reorder === undefined ? Effect.void : overtaken(reorder)
    )
  }

  const carryOut = <A, E, R>(
    call: Call,
    run: Effect.Effect<A, E, R>,
    faults: ReadonlyArray<Fault>
  ): Effect.Effect<A, E | BackendError, R> => {
    const fault = of(faults, ...failing)
    if (fault?.kind === "loseReply" || fault?.kind === "garble") {
      // Lost is the answer, whatever it said.
      const lost = Effect.andThen(setting.struck(fault), Effect.fail(broken(call, fault)))
      return Effect.matchEffect(run, { onSuccess: () => lost, onFailure: () => lost })
    }
    if (fault !== undefined) {
      return Effect.andThen(
        fault.kind === "drop" ? pause(fault) : setting.struck(fault),
        Effect.fail(broken(call, fault))
      )
    }
    const twice = of(faults, "duplicate")
    if (twice === undefined) return run
    return Effect.flatMap(run, (answer) =>
      setting.struck(twice).pipe(Effect.andThen(Effect.ignore(run)), Effect.as(answer))
    )
  }

  return {
    effect: (call, run) =>
      Effect.flatMap(decide(call), (faults) =>
        Effect.ensuring(faults.length === 0 ? run : Effect.andThen(late(faults), carryOut(call, run, faults)), letGo)
      ),
    stream: (call, run) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const faults = yield* decide(call)
          yield* late(faults)
          if (of(faults, ...failing) !== undefined) {
            return Stream.unwrap(Effect.as(carryOut(call, Effect.void, faults), Stream.empty))
          }
          const [slowly, breaking] = [of(faults, "slow"), of(faults, "cut", "quietCut")]
          if (slowly !== undefined) yield* setting.struck(slowly)
          const given = slowly === undefined ? run : slow(run, slowly.amount ?? 0)
          if (breaking === undefined) return given
          const end = breaking.kind === "cut" ? Stream.fail(broken(call, breaking)) : Stream.empty
          return cut(given, breaking.amount ?? 0, Stream.unwrap(Effect.as(setting.struck(breaking), end)))
        })
      )
  }
}

/**
 * The suspension points of a program: every step at which the runtime may take the processor from one of its fibers, which is
 * where an interruption can arrive. A point is named by what was going on, not by when, so that the same place reached again
 * is the same point.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Interceptor, Operation } from "../intercept.ts"
import type { Watch, World } from "./world.ts"

/** The call of the backend that the present fiber is in. */
const CurrentCall = Context.Reference<Operation | undefined>("effect-devbox/sweep/CurrentCall", {
  defaultValue: () => undefined
})

/** Marks calls, so that points can be named after them. */
export const marking: Interceptor = {
  effect: (call, run) => Effect.provideService(run, CurrentCall, call.operation),
  stream: (call, run) => Stream.provideService(run, CurrentCall, call.operation)
}

/** Where an interruption strikes. */
export interface Target {
  /** The step, from 1. */
  readonly step: number
  /** Before the step, while the fiber gives way; or within it, so that what the step did is done and its value is lost. */
  readonly how: "before" | "within"
}

/** Counts the steps of a program, and interrupts it at one of them. */
export interface Meter extends Watch {
  readonly steps: () => number
  /** The name of the point at each step. */
  readonly points: ReadonlyArray<string>
  /** The point at which the interruption struck, and whether it had to wait there. */
  readonly struck: () => { readonly point: string; readonly masked: boolean } | undefined
}

interface Place {
  span: string
  call: Operation | undefined
  name: string
  step: number
}

const nameOf = (place: Place): string => `${place.span} · ${place.name} · ${place.step}`

const isMasked = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  "interruptible" in fiber && fiber.interruptible === false

/** A meter for one run of a program; its first fiber is the one that is interrupted. */
export const makeMeter = (world: World, target?: Target): Meter => {
  const places = new WeakMap<Fiber.Fiber<unknown, unknown>, Place>()
  const points: Array<string> = []
  let root: Fiber.Fiber<unknown, unknown> | undefined
  let steps = 0
  let struck: { readonly point: string; readonly masked: boolean } | undefined

  /** Where a fiber is now: how many steps it took since it last entered or left a call or an operation of the service. */
  const placeOf = (fiber: Fiber.Fiber<unknown, unknown>): Place => {
    const { span } = fiber.cache
    const around = span?._tag === "Span" ? span.name : "program"
    const call = fiber.getRef(CurrentCall)
    const place = places.get(fiber)
    if (place === undefined) {
      const fresh = { span: around, call, name: call ?? "start", step: 1 }
      places.set(fiber, fresh)
      return fresh
    }
    if (place.call !== call || place.span !== around) {
      place.name = call ?? `after ${place.call ?? place.span}`
      place.call = call
      place.span = around
      place.step = 0
    }
    place.step += 1
    return place
  }

  return {
    steps: () => steps,
    points,
    struck: () => struck,
    step: (fiber) => {
      root ??= fiber
      if (struck !== undefined) return false
      const place = placeOf(fiber)
      steps += 1
      if (target === undefined) points.push(nameOf(place))
      if (steps !== target?.step) return false
      const interrupted = root
      struck = { point: nameOf(place), masked: isMasked(interrupted) }
      if (target.how === "before") {
        world.next(() => interrupted.interruptUnsafe())
        return true
      }
      interrupted.interruptUnsafe()
      return false
    }
  }
}

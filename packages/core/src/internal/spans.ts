/** Spans that cost nothing when nobody can see them: without a tracer, and without a span around them to pass on. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"

/** Whether somebody can see a span that is made here. */
export const isTraced = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  fiber.getRef(Tracer.Tracer) !== Tracer.nativeTracer || fiber.cache.span !== undefined

/** Runs an effect in a span of a name and attributes. */
export const withSpan =
  (name: string, attributes: Readonly<Record<string, unknown>>) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber): Effect.Effect<A, E, R> =>
      isTraced(fiber)
        ? Effect.useSpan(name, { attributes }, (span) =>
            // A parent span is no requirement of what it is given to; the types cannot tell.
            Effect.withParentSpan(effect, span, { captureStackTrace: false })
          )
        : effect
    )

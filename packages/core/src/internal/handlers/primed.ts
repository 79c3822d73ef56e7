/** A stream of which the first piece is there, so that what fails at once is answered with a status and not in a broken body. */
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** See above. The stream lives as long as the scope. */
export const primed = <A, E>(stream: Stream.Stream<A, E>): Effect.Effect<Stream.Stream<A, E>, E, Scope.Scope> =>
  Effect.flatMap(Stream.toPull(stream), (pull) =>
    pull.pipe(
      Effect.map((first): Stream.Stream<A, E> =>
        Stream.concat(Stream.fromArray(first), Stream.fromPull(Effect.succeed(pull)))
      ),
      Pull.catchDone(() => Effect.succeed<Stream.Stream<A, E>>(Stream.empty))
    )
  )

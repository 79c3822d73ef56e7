/**
 * Devboxes for suites of `@effect/vitest`: one backend per suite, a devbox per test or one for all, and a failure for whatever
 * is left behind. Builds on `layer(…)` of that package and adds no test runner of its own.
 */
import { layer, type Vitest } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { DevboxBackend } from "../../DevboxBackend.ts"
import type { BackendError, WaitError } from "../../DevboxError.ts"
import type { CreateOptions, Devbox } from "../../DevboxHandle.ts"
import { DevboxService } from "../../DevboxService.ts"
import { failOnLeaks, layer as leakCheck, type Options as LeakOptions } from "../leaks.ts"

/** How the devboxes and the suite are. */
export interface Options extends LeakOptions {
  /** What each devbox of a test is to be. */
  readonly create?: CreateOptions | undefined
  /** Runs in real time, for backends outside of memory. Default: the clock is the test's. */
  readonly live?: boolean | undefined
}

/** Registers a test that gets a devbox of its own, shut down with it. */
export type DevboxTest<R> = <A, E>(
  title: string,
  test: (devbox: Devbox) => Effect.Effect<A, E, R | Scope.Scope>,
  timeoutMs?: number
) => void

/** The devbox of a suite; see {@link layerSuiteDevbox}. */
export class SuiteDevbox extends Context.Service<SuiteDevbox, Devbox>()("effect-devbox/testing/SuiteDevbox") {}

/** One devbox for all tests of a suite: `it.layer(layerSuiteDevbox())("…", (it) => { … yield* SuiteDevbox … })`. */
export const layerSuiteDevbox = (options?: CreateOptions): Layer.Layer<SuiteDevbox, WaitError, DevboxService> =>
  Layer.effect(
    SuiteDevbox,
    DevboxService.use((devboxes) => devboxes.create(options))
  )

/**
 * A suite on a backend of its own. Tests registered with the second argument each get a devbox and fail when they leave
 * anything; at the end of the suite the backend must hold nothing that it did not hold before.
 */
export const describeDevboxes = <R, E>(
  name: string,
  backend: Layer.Layer<R | DevboxBackend, E>,
  tests: (
    it: Vitest.MethodsNonLive<R | DevboxBackend | DevboxService>,
    test: DevboxTest<R | DevboxBackend | DevboxService>
  ) => void,
  options: Options = {}
): void => {
  const suite: Layer.Layer<R | DevboxBackend | DevboxService, E | BackendError> = DevboxService.layer.pipe(
    Layer.provideMerge(leakCheck(options)),
    Layer.provideMerge(backend)
  )
  layer(suite, { excludeTestServices: options.live === true })(name, (it) =>
    tests(it, (title, test, timeoutMs) =>
      it.effect(
        title,
        () =>
          failOnLeaks(
            Effect.flatMap(
              DevboxService.use((devboxes) => devboxes.create(options.create)),
              test
            ),
            options
          ),
        timeoutMs
      )
    )
  )
}

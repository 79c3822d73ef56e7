/**
 * A law: one sentence that must be true of every backend, or of the service on any backend, with the program that finds out.
 * Laws are values without a test runner, so that a runner, a mutant check and a server's self-test can all use them.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Feature } from "../../Capabilities.ts"
import type { DevboxBackend } from "../../DevboxBackend.ts"
import type { CreateOptions } from "../../DevboxHandle.ts"
import type { DevboxService } from "../../DevboxService.ts"

/** What a law needs of the backend, beside a feature: that it holds looks, or that the suite was told how to serve an echo. */
export type Need = Feature | "holds" | "echoServer" | "webServer"

/** See above. `run` fails with `LawViolation` when the law is broken, and with anything else when it could not find out. */
export interface Law<R> {
  readonly id: string
  readonly title: string
  readonly requires: ReadonlyArray<Need>
  readonly run: Effect.Effect<void, unknown, R | Scope.Scope>
}

/** A law of `DevboxBackend`. */
export type BackendLaw = Law<DevboxBackend>

/** A law of `DevboxService`. */
export type ServiceLaw = Law<DevboxBackend | DevboxService>

/** What laws are told about the backend they look at. */
export interface Surroundings {
  /** What every devbox is created with. */
  readonly create: Pick<CreateOptions, "minimumIsolation" | "network">
  /** A command that listens on a port, sends back what it receives and prints `closed` after each connection, until it is killed. */
  readonly echoServer: ((port: number) => string) | undefined
  /**
   * A command that answers HTTP on port 27120, until it is killed: to each request with status 207, a header `x-method` with
   * the request's method, and the request's target, a newline and its body.
   */
  readonly webServer: string | undefined
  /** How long something that must happen may take. */
  readonly patience: Duration.Duration
}

/** The surroundings of the laws that run now. */
export const Surroundings = Context.Reference<Surroundings>("effect-devbox/testing/Surroundings", {
  defaultValue: () => ({ create: {}, echoServer: undefined, webServer: undefined, patience: Duration.seconds(20) })
})

/** Writes a law down. */
export const law = <R>(
  id: string,
  title: string,
  requires: ReadonlyArray<Need>,
  run: Effect.Effect<void, unknown, R | Scope.Scope>
): Law<R> => ({ id, title, requires, run })

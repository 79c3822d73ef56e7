/** Runs each operation under each fault in virtual time and puts what came of it in a table; operations that fare alike share a row. */
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import * as RunloopResources from "@effect-devbox/core/RunloopResources"
import { Blueprints } from "@effect-devbox/core/Blueprints"
import { DevboxLeaks } from "@effect-devbox/core"
import { DevboxService } from "@effect-devbox/core/DevboxService"
import { NetworkPolicies } from "@effect-devbox/core/NetworkPolicies"
import { Secrets } from "@effect-devbox/core/Secrets"
import { StorageObjects } from "@effect-devbox/core/StorageObjects"
import { Cause, Effect, Exit, Fiber, Layer, Redacted, Result, type Scope } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { type Asked, cannedClient, type Reply } from "../canned.ts"
import type { Services } from "./operations.ts"

/** What came of one operation, and how many requests it took. */
export interface Outcome {
  readonly word: string
  readonly requests: number
}

/** So long nobody waits in the virtual time of a test; what is not over by then goes on for ever. */
const ever = "15 minutes"

/** The services over a client. */
export const servicesOver = (client: HttpClient.HttpClient): Layer.Layer<Services> => {
  const options = { apiKey: Redacted.make("a-secret-key"), baseUrl: "http://api.devbox.test" }
  const stores = Layer.mergeAll(RunloopBackend.layer(options), RunloopResources.layer(options))
  return Layer.mergeAll(
    DevboxService.layer,
    Blueprints.layer,
    StorageObjects.layer,
    Secrets.layer,
    NetworkPolicies.layer
  ).pipe(Layer.provide(stores), Layer.provide(Layer.succeed(HttpClient.HttpClient, client)))
}

interface Failure {
  readonly _tag?: string
  readonly outcome?: string
  readonly kind?: string
  readonly reason?: { readonly _tag: string }
}

const wordFor = (cause: Cause.Cause<unknown>): string => {
  const failed = Cause.findError(cause)
  if (Result.isFailure(failed)) return Cause.hasDies(cause) ? "DEFECT" : "interrupted"
  const { _tag = "unknown", kind, outcome, reason } = failed.success as Failure
  if (reason === undefined) return kind === undefined ? _tag : `${_tag} ${kind}`
  return `${reason._tag.replace(/(Response)?Error$/, "")}${outcome === "ambiguous" ? "?" : ""}`
}

/** Runs an operation against a server that always answers in one way. */
export const outcomeOf = (
  operation: Effect.Effect<unknown, unknown, Services | Scope.Scope>,
  reply: (asked: Asked) => Reply
): Effect.Effect<Outcome> =>
  Effect.gen(function* () {
    const { asked, client } = cannedClient(reply)
    const fiber = yield* Effect.forkChild(Effect.scoped(Effect.provide(operation, servicesOver(client))), {
      startImmediately: true
    })
    yield* TestClock.adjust(ever)
    const exit = fiber.pollUnsafe()
    const requests = asked.length
    if (exit === undefined) yield* Fiber.interrupt(fiber)
    const word = exit === undefined ? "goes on" : Exit.isSuccess(exit) ? "ok" : wordFor(exit.cause)
    return { word, requests }
  }).pipe(
    // What is not confirmed under a fault that does not end is as it should be.
    Effect.provideService(DevboxLeaks.DevboxLeaks, { report: () => Effect.void })
  )

/** The outcomes of one operation, by fault → a cell: each outcome with the faults that lead to it. */
const cell = (outcomes: ReadonlyMap<string, Outcome>): string => {
  const groups = new Map<string, Array<string>>()
  for (const [fault, { requests, word }] of outcomes) {
    const shown = `**${word}** ×${requests}`
    groups.set(shown, [...(groups.get(shown) ?? []), fault])
  }
  return [...groups].map(([shown, faults]) => `${shown}: ${faults.join(", ")}`).join(" · ")
}

/** The table as Markdown. */
export const render = (all: Readonly<Record<string, ReadonlyMap<string, Outcome>>>): string => {
  const rows = new Map<string, Array<string>>()
  for (const [operation, outcomes] of Object.entries(all)) {
    const shown = cell(outcomes)
    rows.set(shown, [...(rows.get(shown) ?? []), operation])
  }
  return [
    "| operations | what the caller gets ×requests: faults |",
    "|---|---|",
    ...[...rows].map(([shown, operations]) => `| ${operations.join(", ")} | ${shown} |`)
  ].join("\n")
}

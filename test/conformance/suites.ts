/**
 * The suites as this repository runs them: both kinds of laws on a backend, the results written beside this file for
 * `table.ts`, and the skips compared with the committed list. A skip that is not in `skips.json`, or one there that did not
 * happen, fails.
 */
import type { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { backendSuite, type LawResult, serviceSuite, type SuiteOptions } from "@effect-devbox/core/testing/vitest"
import { it } from "@effect/vitest"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type * as Layer from "effect/Layer"
import { resultsFolder } from "./folder.ts"

/** By suite: the laws that are skipped, with the reason. */
export const readSkips = (): Readonly<Record<string, Readonly<Record<string, string>>>> =>
  JSON.parse(readFileSync(join(import.meta.dirname, "skips.json"), "utf8")) as Readonly<
    Record<string, Readonly<Record<string, string>>>
  >

/** One line about each difference between the skips that happened and those that are agreed on. */
export const skipDifferences = (
  results: ReadonlyArray<LawResult>,
  agreed: Readonly<Record<string, string>>
): ReadonlyArray<string> => {
  const happened = new Map(
    results.flatMap(({ law, verdict }) => (verdict._tag === "Skipped" ? [[law, verdict.reason] as const] : []))
  )
  return [
    ...Array.from(happened).flatMap(([law, reason]) => {
      if (!(law in agreed)) return [`${law} was skipped (${reason}) and skips.json does not allow it`]
      return agreed[law] === reason ? [] : [`${law} was skipped because "${reason}", not because "${agreed[law]}"`]
    }),
    ...Object.keys(agreed)
      .filter((law) => !happened.has(law))
      .map((law) => `${law} is in skips.json and was not skipped`)
  ]
}

const fileName = (suite: string): string => `${suite.replaceAll(/[^A-Za-z0-9]+/g, "-").toLowerCase()}.json`

const judgeAll = <E>(
  name: string,
  layer: Layer.Layer<DevboxBackend, E>,
  options: Omit<SuiteOptions, "onResults">
): void => {
  for (const [kind, suite] of [
    ["backend", backendSuite],
    ["service", serviceSuite]
  ] as const) {
    suite(name, layer, {
      ...options,
      onResults: (results) => {
        mkdirSync(resultsFolder, { recursive: true })
        const file = join(resultsFolder, fileName(`${name} ${kind}`))
        writeFileSync(file, JSON.stringify({ name, kind, results }, undefined, 1))
        const differences = skipDifferences(results, readSkips()[`${name}: ${kind}`] ?? {})
        if (differences.length > 0) {
          throw new Error(`Skips of ${name} (${kind}) differ:\n  ${differences.join("\n  ")}`)
        }
      }
    })
  }
}

const sayAbsent = (name: string, reason: string): void => {
  it(`${name} keeps the laws`, (context) => context.skip(reason))
}

/** Runs every law on a backend, as `<name>` in the table. One that this machine cannot have is `absent`, with the reason. */
export const conform = <E>(
  name: string,
  layer: Layer.Layer<DevboxBackend, E>,
  { absent, ...options }: Omit<SuiteOptions, "onResults"> & { readonly absent?: string | undefined } = {}
): void => (absent === undefined ? judgeAll(name, layer, options) : sayAbsent(name, absent))

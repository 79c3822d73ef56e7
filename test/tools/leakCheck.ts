/**
 * What every file of tests is checked for when it is over, by `vitest.config.ts`: nothing was reported as a leak to nobody, no process
 * was left, and nothing listens. Tests that want to see a leak collect it; this only sees what nobody looked at.
 */
import { DevboxLeaks } from "@effect-devbox/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync } from "node:fs"
import { afterAll, beforeAll } from "vitest"
import { remaining } from "./remaining.ts"

/** The processes that this one started and that live, where the system shows them. */
const children = (): ReadonlyArray<string> => {
  let found: ReadonlyArray<string>
  try {
    found = readdirSync("/proc").filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
  return found.flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
      if (Number(parent) !== process.pid || state === "Z") return []
      return [
        `process ${pid} (${readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim().slice(0, 200)})`
      ]
    } catch {
      // It ended while it was looked at.
      return []
    }
  })
}

/** Servers and sockets that keep this process alive. */
const listeners = (): ReadonlyArray<string> =>
  process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap" || name === "PipeServerWrap")

/** What is there now and was not before, counting equals. */
export const added = (before: ReadonlyArray<string>, now: ReadonlyArray<string>): ReadonlyArray<string> => {
  const known = [...before]
  return now.filter((each) => {
    const at = known.indexOf(each)
    if (at >= 0) known.splice(at, 1)
    return at < 0
  })
}

const unheard: Array<string> = []
// The one that is used where nobody provides another.
Object.assign(Context.get(Context.empty(), DevboxLeaks.DevboxLeaks), {
  report: (leak: DevboxLeaks.Leak) => Effect.sync(() => void unheard.push(DevboxLeaks.format(leak)))
})

let before: ReadonlyArray<string> = []
beforeAll(() => {
  before = [...children(), ...listeners()]
})
afterAll(async () => {
  const left = [...unheard.splice(0), ...(await remaining(() => added(before, [...children(), ...listeners()])))]
  if (left.length > 0) throw new Error(`This file of tests left something behind:\n  ${left.join("\n  ")}`)
})

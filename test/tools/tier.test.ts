/** The isolation tier that this machine gives to this user, proven by a devbox, and reported to CI. */
import { Devbox } from "@effect-devbox/core"
import { it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { expect } from "vitest"
import { inLocal } from "../node/local/fixtures.ts"

/** What builds devboxes here: bubblewrap where it is installed and not hidden. */
const expected = (): string => {
  if (process.env["EFFECT_DEVBOX_BUBBLEWRAP"] === "off") return "isolated/util-linux"
  try {
    execFileSync("sh", ["-c", "command -v bwrap"])
    return "isolated/bubblewrap"
  } catch {
    return "isolated/util-linux"
  }
}

it.effect("a devbox of somebody who says nothing is isolated, and built by what is there", (ctx) =>
  process.platform === "linux"
    ? inLocal(() =>
        Effect.gen(function* () {
          const devbox = yield* Devbox.create()
          const { isolation } = yield* devbox.getInfo
          // Process 1 of a devbox is what built it.
          const first = yield* devbox.cmd.execOrFail("cat /proc/1/comm; id -u; id -un; pwd")
          const [builder, ...identity] = first.stdout.trim().split("\n")
          const tier = `${isolation}/${builder === "bwrap" ? "bubblewrap" : "util-linux"}`
          ctx.task.meta.isolation = tier
          console.log(`tier: ${tier}, uid ${process.getuid?.()}`)
          expect(tier).toBe(expected())
          expect(identity).toEqual(["1000", "user", "/home/user"])
        })
      )
    : Effect.sync(() => ctx.skip(`the isolated tier exists on Linux only, and this is ${process.platform}`))
)

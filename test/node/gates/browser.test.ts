/** A page that is served inside a devbox, opened through its tunnel by a browser: headless Chromium, with the screenshot kept. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxService } from "@effect-devbox/core"
import { Effect, Stream } from "effect"
import { mkdirSync, readFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { existsSync } from "node:fs"
import { inLocal } from "../local/fixtures.ts"
import { folder, run } from "./clients.ts"

const chromium = ["chromium", "chromium-browser", "google-chrome"]
  .flatMap((name) => (process.env["PATH"] ?? "").split(delimiter).map((dir) => join(dir, name)))
  .find((path) => existsSync(path))

/** Where the picture stays; see `.gitignore` beside this file. */
const screenshots = join(import.meta.dirname, "screenshots")

describe("a tunnel in a browser", () => {
  it.live(
    "shows a page that runs scripts and talks to its server, at the URL as it was given",
    (context) =>
      Effect.gen(function* () {
        if (chromium === undefined) {
          const reason = "Chromium is not installed (apt-get install --no-install-recommends chromium)"
          console.log(`    not run: ${reason}`)
          if (process.env["CI"] !== undefined) assert.fail(reason)
          return context.skip(reason)
        }
        yield* inLocal(() =>
          Effect.gen(function* () {
            const devbox = yield* (yield* DevboxService).create({ tunnel: {} })
            yield* devbox.file.write("server.cjs", readFileSync(join(import.meta.dirname, "server.cjs"), "utf8"))
            const server = yield* devbox.cmd.execAsync(["node", "server.cjs", "3000"])
            yield* Stream.runHead(server.stdout)
            const url = (yield* devbox.net.getTunnel)!.url(3000)
            const profile = yield* folder
            const picture = join(screenshots, "tunnel.png")
            mkdirSync(screenshots, { recursive: true })
            // Its own sandbox does not work for root; the page it opens is ours.
            const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-crash-reporter", "--no-first-run"]
            const open = (...more: ReadonlyArray<string>) =>
              run(
                chromium,
                [
                  ...flags,
                  `--user-data-dir=${profile}`,
                  "--window-size=640,360",
                  "--virtual-time-budget=10000",
                  ...more,
                  url
                ],
                { timeout: 60_000 }
              )
            const { stdout } = yield* open("--dump-dom")
            assert.match(stdout, /<title>ran http<\/title>/)
            assert.include(stdout, "served from inside a devbox")
            yield* open(`--screenshot=${picture}`, "--hide-scrollbars")
            const png = readFileSync(picture)
            assert.strictEqual(png.subarray(1, 4).toString(), "PNG")
            assert.strictEqual(png.readUInt32BE(16), 640)
            console.log(`    screenshot: ${picture} (${png.length} bytes)`)
          })
        )
      }),
    150_000
  )
})

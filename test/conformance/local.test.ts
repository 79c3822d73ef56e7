/**
 * Every law on devboxes of this machine, in real time: isolated, built by what is there (bubblewrap, or util-linux alone where
 * it is missing or hidden by `EFFECT_DEVBOX_BUBBLEWRAP=off`), and in the process tier for those who ask for it.
 */
import { LocalBackend } from "@effect-devbox/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { stateDir } from "../node/local/fixtures.ts"
import { conform } from "./suites.ts"

const local = (options: LocalBackend.Options = {}) =>
  Layer.unwrap(Effect.map(stateDir, (dir) => LocalBackend.layer({ stateDir: dir, ...options })))

const echoServer = (port: number): string =>
  `exec node -e 'require("net").createServer((s) => s.on("close", () => console.log("closed")).pipe(s)).listen(${port}, "127.0.0.1")'`

const webServer = `exec node -e '
  require("http").createServer((request, response) => {
    response.writeHead(207, { "x-method": request.method }).write(request.url + "\\n")
    request.pipe(response)
  }).listen(27120, "127.0.0.1")'`

const launcher = process.env["EFFECT_DEVBOX_BUBBLEWRAP"] === "off" ? "util-linux" : "default"

conform(launcher === "default" ? "Local" : "Local without bubblewrap", local(), {
  surroundings: { echoServer, webServer },
  absent:
    process.platform === "linux" ? undefined : `the isolated tier exists on Linux only, and this is ${process.platform}`
})

conform("Local in the process tier", local({ tier: "process" }), {
  surroundings: { create: { minimumIsolation: "process" }, echoServer, webServer },
  skip: { "apart-tmp": "the process tier isolates nothing: /tmp is the machine's" }
})

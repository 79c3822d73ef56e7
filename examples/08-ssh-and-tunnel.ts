/** Ways in: a server in a devbox under a URL of its own, asked directly without one, and a login with the stock OpenSSH client. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { Devbox, DevboxService } from "@effect-devbox/core"
import { LocalBackend, SshFiles } from "@effect-devbox/node"
import { NodeFileSystem, NodeRuntime } from "@effect/platform-node"
import { Console, Effect, FileSystem, Layer } from "effect"
import { HttpClientRequest } from "effect/http"

/** A server like any other: it knows nothing of tunnels. */
const server = `require("node:http").createServer(({ url }, response) => {
  response.writeHead(url === "/" ? 200 : 404).end("<h1>hello from inside</h1>")
}).listen(8000)`

const run = (program: string, args: ReadonlyArray<string>) =>
  Effect.map(
    Effect.promise(() => promisify(execFile)(program, args)),
    ({ stdout }) => stdout.trim()
  )

const program = Effect.gen(function* () {
  const devbox = yield* Devbox.create({ name: "with-doors" })
  yield* devbox.file.write("serve.cjs", server)
  yield* devbox.cmd.execAsync("node serve.cjs")
  yield* devbox.net.awaitPort(8000)

  // A URL for this machine's browsers and curl, which know that every name below `localhost` is this machine.
  const { url } = yield* devbox.net.createTunnel(8000)
  yield* Console.log(`through the tunnel: ${yield* run("curl", ["--silent", "--fail", url])}`)

  // The same server, without a door in the wall.
  const response = yield* devbox.net.fetch(8000, HttpClientRequest.get("/missing.html"))
  yield* Console.log(`without a tunnel: status ${response.status}`)

  // The key, the host's key and a configuration, in files that only this user can read.
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped()
  const { command } = yield* SshFiles.write(devbox, folder)
  const [ssh = "ssh", ...words] = command
  const said = yield* run(ssh, [...words, "whoami; hostname"])
  yield* Console.log(`by ssh: ${said.split("\n").join(" on ")}`)
}).pipe(Effect.scoped)

const Devboxes = DevboxService.layer.pipe(Layer.provide(LocalBackend.layerConfig()))
program.pipe(Effect.provide([Devboxes, NodeFileSystem.layer]), NodeRuntime.runMain)

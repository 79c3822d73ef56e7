/** Be Runloop: serve this machine's devboxes over Runloop's own interface, and use them with Runloop's own client, unchanged. */
import { DevboxServer, LocalBackend } from "@effect-devbox/node"
import { NodeRuntime } from "@effect/platform-node"
import { RunloopSDK } from "@runloop/api-client"
import { Console, Effect, Layer, Redacted } from "effect"

/** Nothing here knows of effect-devbox: it is what any user of the official client writes. */
const withTheirClient = async (baseURL: string, bearerToken: string) => {
  const runloop = new RunloopSDK({ baseURL, bearerToken })
  const devbox = await runloop.devbox.create({ name: "served" })
  await devbox.file.write({ file_path: "hello.txt", contents: "hello from another client\n" })
  const result = await devbox.cmd.exec("cat hello.txt; exit 4")
  const answer = { exitCode: result.exitCode, stdout: (await result.stdout()).trim() }
  await devbox.shutdown()
  return answer
}

const program = Effect.gen(function* () {
  const server = yield* DevboxServer.DevboxServer
  // Shown once; afterwards only the file `server.keyFile` has it.
  const key = server.newKey === undefined ? "" : Redacted.value(server.newKey)
  const { exitCode, stdout } = yield* Effect.promise(() => withTheirClient(server.url, key))
  yield* Console.log(`exit status ${exitCode}: ${stdout}`)
})

const Server = DevboxServer.layer({ port: 0, onExit: "shutdown" }).pipe(Layer.provide(LocalBackend.layerConfig()))
program.pipe(Effect.provide(Server), NodeRuntime.runMain)

/**
 * The main job, on real input: run a project's tests in an isolated devbox on this machine, and leave nothing behind.
 *
 *     pnpm demo                          # a small HTTP service with its own tests (examples/http-service)
 *     pnpm demo <folder> "<command>"     # your project
 */
import { Devbox, DevboxService } from "@effect-devbox/core"
import { DevboxDirectory, LocalBackend } from "@effect-devbox/node"
import { NodeFileSystem, NodeRuntime } from "@effect/platform-node"
import { Console, Effect, FileSystem, Layer, Ref, Runtime, Schema, Stream } from "effect"
import { get } from "node:http"
import * as path from "node:path"
import { text } from "node:stream/consumers"
import { fromBox, type Row, step, table } from "./demo/report.ts"

const usage = `usage: pnpm demo [folder] ["command"]

Runs a command (default: npm test) over a folder (default: a small HTTP service with its own tests) in an isolated
devbox on this machine, shows what it prints, and leaves nothing behind.`

const boxes = 8

/** The command's own exit status becomes the demo's. */
class CommandStatus extends Schema.TaggedError<CommandStatus>()("CommandStatus", { exitCode: Schema.Int }) {
  override readonly [Runtime.errorExitCode] = this.exitCode
  override readonly [Runtime.errorReported] = false
}

/** A folder of this run only, gone with it; open to the unprivileged user that devboxes of root run as. */
const temporary = (name: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: `effect-devbox-demo-${name}-` })
    yield* fs.chmod(directory, 0o755)
    return directory
  })

/** What runs inside for the tunnel. */
const server = `require("node:http")
  .createServer((_, response) => require("node:fs").createReadStream("notes/today.txt").pipe(response))
  .listen(8080, "127.0.0.1")
`

/** Names below `localhost` are this machine; browsers and curl know that, the resolvers of some systems do not. */
const getHere = (url: string): Promise<string> => {
  const { host, pathname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path: pathname, headers: { host } }, (response) => {
      text(response).then(resolve, reject)
    }).on("error", reject)
  })
}

const size = ({ files, bytes }: DevboxDirectory.Copied) => `${files} files, ${(bytes / 1024).toFixed(1)} KiB`

const work = (rows: Ref.Ref<ReadonlyArray<Row>>, folder: string, command: string) =>
  Effect.gen(function* () {
    const show = step(rows)
    const devbox = yield* show("create a devbox", Devbox.create({ name: "demo" }), (box) => box.id)
    const info = yield* devbox.getInfo
    yield* Console.log(`  isolation: ${info.isolation ?? "unknown"}, network: ${info.network ?? "unknown"}`)

    const exclude = (file: string) => /(^|\/)(node_modules|\.git)(\/|$)/.test(file)
    yield* show(`upload ${path.basename(folder)}`, DevboxDirectory.upload(devbox, folder, "project", { exclude }), size)

    const outcome = yield* show(
      command,
      devbox.cmd.exec(command, { cwd: "project", onStdout: fromBox, onStderr: fromBox }),
      (result) => `exit status ${result.exitCode}`
    )

    const notes = devbox.file
      .write("notes/today.txt", "buy milk\n")
      .pipe(
        Effect.andThen(devbox.cmd.execOrFail("echo 'write tests' >> notes/today.txt")),
        Effect.andThen(devbox.file.read("notes/today.txt"))
      )
    yield* show("write, change and read a file", notes, (text) => JSON.stringify(text))

    const branches = (count: number) =>
      Effect.scoped(
        Effect.gen(function* () {
          const forks = yield* devbox.fork(count)
          yield* Effect.forEach(forks, (fork, index) => fork.file.write("notes/today.txt", `branch ${index}\n`), {
            concurrency: "unbounded"
          })
          return yield* devbox.file.read("notes/today.txt")
        })
      )
    yield* show("fork it three times, and change only the forks", branches(3), () => "the original is as it was")

    const asleep = Effect.gen(function* () {
      yield* devbox.suspend
      yield* devbox.awaitSuspended()
      yield* devbox.resume
      yield* devbox.awaitRunning()
      return yield* devbox.cmd.execOrFail("cat notes/today.txt | wc -l")
    })
    yield* show(
      "suspend it and resume it",
      asleep,
      ({ stdout }) => `its disk still has ${stdout.trim()} lines of notes`
    )

    const served = Effect.scoped(
      Effect.gen(function* () {
        yield* devbox.file.write("serve.cjs", server)
        yield* devbox.cmd.execAsync("node serve.cjs")
        yield* devbox.net.awaitPort(8080)
        const { url } = yield* devbox.net.createTunnel(8080)
        const fetched = yield* Effect.promise(() => getHere(url))
        yield* devbox.net.removeTunnel()
        return { host: new URL(url).hostname, bytes: fetched.length }
      })
    )
    yield* show(
      "serve the notes and fetch them through a tunnel",
      served,
      ({ bytes, host }) => `${bytes} bytes from ${host}`
    )

    const artefacts = yield* temporary("artefacts")
    yield* show("download what is there now", DevboxDirectory.download(devbox, "project", artefacts), size)

    const square = (index: number) =>
      Effect.scoped(
        Effect.gen(function* () {
          const worker = yield* Devbox.create({ name: `worker-${index}` })
          const { stdout } = yield* worker.cmd.execOrFail(`echo $(( ${index} * ${index} ))`)
          return stdout.trim()
        })
      )
    const numbers = Array.from({ length: boxes }, (_, index) => index)
    yield* show(
      `${boxes} more devboxes, 4 at a time`,
      Effect.forEach(numbers, square, { concurrency: 4 }),
      (squares) => `squares ${squares.join(" ")}`
    )
    return { exitCode: outcome.exitCode, isolation: info.isolation ?? "unknown" }
  })

const demo = (folder: string, command: string) =>
  Effect.gen(function* () {
    const rows = yield* Ref.make<ReadonlyArray<Row>>([])
    const { exitCode, isolation } = yield* Effect.scoped(work(rows, folder, command))
    const running = yield* Stream.runCount(Devbox.list({ status: "running" }))
    yield* Console.log(
      `\n${table(yield* Ref.get(rows))}\n\n  isolation tier: ${isolation}; devboxes still running: ${running}`
    )
    if (exitCode !== 0) return yield* new CommandStatus({ exitCode })
  })

const Local = DevboxService.layer.pipe(
  Layer.provide(Layer.unwrap(Effect.map(temporary("state"), (stateDir) => LocalBackend.layer({ stateDir })))),
  Layer.provideMerge(NodeFileSystem.layer)
)

const [folder = path.join(import.meta.dirname, "http-service"), command = "npm test"] = process.argv.slice(2)
if (folder === "--help" || folder === "-h") {
  console.log(usage)
} else {
  demo(folder, command).pipe(Effect.scoped, Effect.provide(Local), NodeRuntime.runMain)
}

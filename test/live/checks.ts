/** What `pnpm live` does on a service that is alive: small things that cost little, each with a name and a promise of its own. */
import { Blueprints } from "@effect-devbox/core/Blueprints"
import { DevboxService } from "@effect-devbox/core/DevboxService"
import type { Devbox } from "@effect-devbox/core/DevboxHandle"
import { NetworkPolicies } from "@effect-devbox/core/NetworkPolicies"
import { Secrets } from "@effect-devbox/core/Secrets"
import { StorageObjects } from "@effect-devbox/core/StorageObjects"
import { Data, Effect, Redacted, type Scope, Stream } from "effect"

/** What a check may use. */
export type Services = Blueprints | DevboxService | NetworkPolicies | Secrets | StorageObjects

/** A check of the service, or of the one devbox that all checks share. */
export type Check = (devbox: Devbox, tag: string) => Effect.Effect<unknown, unknown, Scope.Scope | Services>

class Wrong extends Data.TaggedError("Wrong")<{ readonly message: string }> {}

const equal = (what: string, actual: unknown, expected: unknown): Effect.Effect<void, Wrong> =>
  actual === expected
    ? Effect.void
    : Effect.fail(
        new Wrong({ message: `${what} is ${JSON.stringify(actual)} and should be ${JSON.stringify(expected)}` })
      )

const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)

/** In the order in which they are done. */
export const checks: Readonly<Record<string, Check>> = {
  "a devbox that runs says so": (devbox) =>
    Effect.flatMap(devbox.getInfo, (info) => equal("the status", info.status, "running")),
  "it is in the list, with its metadata": (devbox, tag) =>
    Effect.gen(function* () {
      const found = yield* Stream.runHead(
        Stream.filter((yield* DevboxService).list(), ({ id }) => id === devbox.id).pipe(Stream.take(1))
      )
      yield* equal("the metadata", found._tag === "Some" ? found.value.metadata["live-run"] : undefined, tag)
    }),
  "update keeps what it is not told of": (devbox) =>
    Effect.gen(function* () {
      yield* devbox.update({ name: "live-renamed" })
      const info = yield* devbox.getInfo
      yield* equal("the name", info.name, "live-renamed")
    }),
  "a command's output and status come back": (devbox) =>
    Effect.gen(function* () {
      const result = yield* devbox.cmd.exec("echo out; echo err >&2; exit 3")
      yield* equal("the status", result.exitCode, 3)
      yield* equal("stdout", result.stdout, "out\n")
      yield* equal("stderr", result.stderr, "err\n")
    }),
  "output arrives while the command runs, whole": (devbox) =>
    Effect.gen(function* () {
      let seen = ""
      const onStdout = (text: string) => Effect.sync(() => void (seen += text))
      const result = yield* devbox.cmd.exec("echo a; sleep 1; echo b", { onStdout })
      yield* equal("what was seen", seen, "a\nb\n")
      yield* equal("stdout", result.stdout, "a\nb\n")
    }),
  "a named shell keeps its folder": (devbox) =>
    Effect.gen(function* () {
      const shell = devbox.cmd.shell("live")
      yield* shell.exec("cd /tmp")
      yield* equal("the folder", (yield* shell.exec("pwd")).stdout, "/tmp\n")
    }),
  "a command is killed": (devbox) =>
    Effect.gen(function* () {
      const execution = yield* devbox.cmd.execAsync("sleep 600")
      yield* equal("the status", (yield* execution.kill()).status, "completed")
    }),
  "text is written and read": (devbox) =>
    Effect.gen(function* () {
      yield* devbox.file.write("/tmp/live.txt", "héllo\n")
      yield* equal("the text", yield* devbox.file.read("/tmp/live.txt"), "héllo\n")
    }),
  "bytes go up and come down": (devbox) =>
    Effect.gen(function* () {
      yield* devbox.file.upload("/tmp/live.bin", bytes)
      yield* equal("the bytes", Array.from(yield* devbox.file.download("/tmp/live.bin")).join(), bytes.join())
    }),
  "a file that is not there is a typed failure": (devbox) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(devbox.file.download("/tmp/nothing-here"))
      yield* equal("the failure", error._tag, "FileError")
    }),
  "its log, its usage and its keep-alive are answered": (devbox) =>
    Effect.all([devbox.logs(), devbox.usage, devbox.keepAlive]),
  "an SSH key is made": (devbox) =>
    Effect.flatMap(devbox.net.createSshKey, (key) => equal("the devbox", key.id, devbox.id)),
  "a tunnel is enabled, has an address, and goes": (devbox) =>
    Effect.gen(function* () {
      const { url } = yield* devbox.net.createTunnel(8080)
      yield* equal("an address", url.includes("8080"), true)
      yield* devbox.net.removeTunnel()
      yield* equal("the tunnel", yield* devbox.net.getTunnel, undefined)
    }),
  "a snapshot is taken, started from, and deleted": (devbox, tag) =>
    Effect.gen(function* () {
      const snapshot = yield* devbox.snapshotDisk({ name: "live", metadata: { "live-run": tag } })
      yield* Effect.ensuring(
        Effect.scoped(
          Effect.gen(function* () {
            const second = yield* snapshot.createDevbox({ metadata: { "live-run": tag } })
            yield* equal("the file", yield* second.file.read("/tmp/live.txt"), "héllo\n")
          })
        ),
        Effect.ignore(snapshot.delete)
      )
      yield* equal("the snapshot", (yield* snapshot.getInfo).status, "deleted")
    }),
  "it is suspended and resumed, with its disk": (devbox) =>
    Effect.gen(function* () {
      yield* devbox.suspend
      yield* devbox.awaitSuspended()
      yield* devbox.resume
      yield* devbox.awaitRunning()
      yield* equal("the file", yield* devbox.file.read("/tmp/live.txt"), "héllo\n")
    }),
  "notices can be watched": () =>
    Effect.flatMap(DevboxService, ({ notices }) =>
      Stream.runDrain(Stream.interruptWhen(notices, Effect.delay(Effect.void, "2 seconds")))
    ),
  "an object goes up, comes down, and is deleted": (_, tag) =>
    Effect.gen(function* () {
      const objects = yield* StorageObjects
      const { id } = yield* objects.upload("text", { name: `live-${tag}`, timeToLive: "1 hour" })
      yield* Effect.ensuring(
        Effect.flatMap(objects.downloadText(id), (text) => equal("the text", text, "text")),
        Effect.ignore(objects.delete(id))
      )
    }),
  "a secret is made, listed without its value, and deleted": (_, tag) =>
    Effect.gen(function* () {
      const secrets = yield* Secrets
      const name = `LIVE_${tag.replaceAll("-", "_").toUpperCase()}`
      yield* secrets.create(name, Redacted.make("value"))
      yield* Effect.ensuring(
        Effect.flatMap(secrets.get(name), (secret) => equal("the name", secret.name, name)),
        Effect.ignore(secrets.delete(name))
      )
    }),
  "a network policy is made, read, and deleted": (_, tag) =>
    Effect.gen(function* () {
      const policies = yield* NetworkPolicies
      const { id } = yield* policies.create({ name: `live-${tag}`, allowedHostnames: ["example.com"] })
      yield* Effect.ensuring(
        Effect.flatMap(policies.get(id), ({ egress }) =>
          equal("the hosts", String(egress.allowedHostnames), "example.com")
        ),
        Effect.ignore(policies.delete(id))
      )
    }),
  "blueprints are listed": () =>
    Effect.flatMap(Blueprints, (blueprints) => Stream.runDrain(Stream.take(blueprints.list(), 5)))
}

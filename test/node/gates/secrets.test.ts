/** Where keys and tokens are not: titles of processes, logs, spans, errors, and files that another user could read. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxService } from "@effect-devbox/core"
import { SshFiles } from "@effect-devbox/node"
import { Cause, Effect, Exit, Layer, Logger, References, Tracer } from "effect"
import { lstatSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Proc from "../../tools/proc.ts"
import { inLocal } from "../local/fixtures.ts"
import { curl, folder, started, text } from "./clients.ts"

/** Everything that is logged and traced while the program runs, as text. */
const overheard = () => {
  const heard: Array<string> = []
  const logger = Logger.make((entry) => void heard.push(JSON.stringify([entry.message, Cause.pretty(entry.cause)])))
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      const end = span.end.bind(span)
      span.end = (time, exit) => {
        heard.push(
          JSON.stringify([span.name, [...span.attributes], Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""])
        )
        end(time, exit)
      }
      return span
    }
  })
  return { heard, layer: Layer.merge(Logger.layer([logger]), Layer.succeed(Tracer.Tracer, tracer)) }
}

/** The files below a folder that somebody else than their owner may read, and can reach. */
const readable = (dir: string): ReadonlyArray<string> =>
  readdirSync(dir).flatMap((name) => {
    const path = join(dir, name)
    const stat = lstatSync(path)
    if (stat.isDirectory()) return (stat.mode & 0o001) === 0 ? [] : readable(path)
    return stat.isFile() && (stat.mode & 0o004) !== 0 ? [path] : []
  })

describe("keys and tokens", () => {
  it.live(
    "are in no process title or environment, no log, no span, no error and no file of others",
    () => {
      const { heard, layer } = overheard()
      return inLocal((dir) =>
        Effect.gen(function* () {
          const service = yield* DevboxService
          for (const devbox of [yield* service.create(), yield* service.createDetached()]) {
            const tunnel = yield* devbox.net.enableTunnel({ authMode: "authenticated" })
            const files = yield* SshFiles.write(devbox, join(yield* folder, "keys"))
            const key = readFileSync(files.identityFile, "utf8")
            const secrets = [
              text(tunnel.authToken),
              // Any line of the key would do.
              ...key.split("\n").filter((line) => line.length > 40 && !line.startsWith("--"))
            ]
            assert.isAtLeast(secrets.length, 3)
            for (const file of [files.identityFile, files.configFile]) {
              assert.strictEqual(lstatSync(file).mode & 0o777, 0o600)
            }
            // While both are in use.
            const [program = "", ...args] = files.command
            const session = yield* started(program, [...args, "echo up; cat"])
            yield* session.until(/up/)
            yield* curl("-H", `Authorization: Bearer ${text(tunnel.authToken)}x`, tunnel.url(1))
            yield* Effect.flip(devbox.net.createTunnel(0)).pipe(Effect.withSpan("refused"))
            yield* Effect.logError("as somebody might", tunnel, yield* devbox.net.createSshKey)
            const titles = Proc.pids()
              // The test's own client carries the token in its arguments, if it still runs.
              .filter((pid) => !Proc.file(pid, "cmdline").startsWith("curl"))
              .map((pid) => Proc.file(pid, "cmdline") + Proc.file(pid, "environ"))
              .join("\n")
            const open = readable(dir).map((path) => ({ path, bytes: readFileSync(path) }))
            for (const secret of secrets) {
              assert.notInclude(titles, secret, "in the title or environment of a process")
              assert.notInclude(heard.join("\n"), secret, "in what was logged or traced")
              for (const { bytes, path } of open) assert.isFalse(bytes.includes(secret), `in ${path}`)
            }
            yield* service.shutdown(devbox.id)
          }
          assert.isAbove(heard.length, 5)
        }).pipe(Effect.provide(layer), Effect.provideService(References.MinimumLogLevel, "All"))
      )
    },
    60_000
  )
})

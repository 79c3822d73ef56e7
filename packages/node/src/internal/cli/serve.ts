/** `devbox serve`: the devboxes of this machine, or of another backend, for clients elsewhere. */
import * as Config from "effect/Config"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { HostError, hostError, UsageError } from "./errors.ts"
import * as Flags from "./flags.ts"
import { print, printJson, say, styles } from "./out.ts"
import { keys } from "./serveKeys.ts"

const flags = {
  port: Flag.Int("port").pipe(
    Flag.withAlias("p"),
    Flag.withDescription("Default 4800; 0 is any that is free"),
    Flag.withFallbackConfig(Config.Int("EFFECT_DEVBOX_SERVER_PORT")),
    Flag.withDefault(4800)
  ),
  host: Flag.String("host").pipe(
    Flag.withDescription("The address to listen on. Default 127.0.0.1: nobody but this machine"),
    Flag.withFallbackConfig(Config.String("EFFECT_DEVBOX_SERVER_HOST")),
    Flag.withDefault("127.0.0.1")
  ),
  cert: Flags.text("cert", "FILE", "A certificate in PEM, to serve TLS; with --key"),
  key: Flags.text("key", "FILE", "The private key of the certificate, in PEM")
}

const pem = (file: string) =>
  Effect.tryPromise({ try: () => readFile(file, "utf8"), catch: hostError(`reading ${file}`) })

/** The command. */
export const serve = Command.make("serve", flags, (input) =>
  Effect.gen(function* () {
    const settings = yield* Flags.settings
    const { cert, host, key, port } = Flags.given(input)
    if ((cert === undefined) !== (key === undefined)) {
      return yield* new UsageError({ detail: "--cert and --key go together" })
    }
    const certificate =
      cert === undefined || key === undefined ? undefined : { cert: yield* pem(cert), key: yield* pem(key) }
    const [{ backendOf }, Server] = yield* Effect.promise(() =>
      Promise.all([import("./layers.ts"), import("../../DevboxServer.ts")])
    )
    const given = yield* Config.option(Config.Redacted("EFFECT_DEVBOX_SERVER_KEY"))
    const layer = Server.layer({
      port,
      host,
      certificate,
      ...(settings.stateDir === undefined ? {} : { stateDir: join(settings.stateDir, "server") }),
      ...(Option.isSome(given) ? { auth: { keys: { default: given.value } } } : {})
    }).pipe(
      Layer.provide(backendOf(settings)),
      Layer.catchTag("ServerStartError", ({ detail }) =>
        Layer.effect(
          Server.DevboxServer,
          Effect.fail(
            new HostError({ what: "the server cannot start", detail, hint: "Another --port may be free; 0 takes any." })
          )
        )
      )
    )
    return yield* Effect.flatMap(Server.DevboxServer, ({ keyFile, newKey, url }) =>
      Effect.gen(function* () {
        if (settings.json) yield* printJson({ url, key_file: keyFile ?? null })
        else {
          const { dim } = styles("stderr")
          yield* print(url)
          if (newKey !== undefined) yield* say(dim("made a key for callers"))
          if (keyFile !== undefined) {
            yield* say(dim(`its key: EFFECT_DEVBOX_API_KEY=$(cat ${keyFile}) devbox --backend ${url} list`))
          }
          yield* say(dim("Ctrl-C ends it"))
        }
        return yield* Effect.never
      })
    ).pipe(Effect.provide(layer))
  })
).pipe(
  Command.withShortDescription("Serve these devboxes to clients elsewhere"),
  Command.withDescription(
    "Serves the devboxes of this machine, or of --backend, over Runloop's interface, to our clients and to Runloop's. Prints its URL and serves until it is ended. Callers need the key: EFFECT_DEVBOX_SERVER_KEY, or one that is made at the first start and kept in a file that only you can read; `devbox serve keys` makes others."
  ),
  Command.withSubcommands([keys]),
  Command.withExamples([
    { command: "devbox serve", description: "For this machine" },
    { command: "devbox serve --host 0.0.0.0 --cert cert.pem --key key.pem", description: "For others, with TLS" }
  ])
)

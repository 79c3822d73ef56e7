/** `devbox tunnel` and `devbox ssh-key`: ways into a devbox from elsewhere. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { attach, withDevboxes } from "./backend.ts"
import { UsageError } from "./errors.ts"
import * as Flags from "./flags.ts"
import { print, printJson, say, styles } from "./out.ts"

const reveal = (secret: Redacted.Redacted | undefined): string | null =>
  secret === undefined ? null : Redacted.value(secret)

/** The command. */
export const tunnel = Command.make(
  "tunnel",
  {
    remove: Flags.toggle("rm", "Closes the port, or without a port the tunnel"),
    authenticated: Flags.toggle(
      "authenticated",
      "Asks for a token, which is printed; without it whoever knows the URL may use it"
    ),
    devbox: Flags.devbox,
    port: Argument.Int("port").pipe(
      Argument.withDescription("A port that something inside listens on"),
      Argument.optional
    )
  },
  ({ authenticated, devbox: word, port: given, remove }) =>
    withDevboxes((devboxes, { json }) =>
      Effect.gen(function* () {
        const port = Option.getOrUndefined(given)
        const devbox = yield* attach(devboxes, word)
        if (remove) {
          yield* devbox.net.removeTunnel(port)
          return yield* json ? printJson({ devbox_id: devbox.id, port: port ?? null, removed: true }) : Effect.void
        }
        if (port === undefined) {
          return yield* new UsageError({
            detail: "a tunnel leads to a port",
            hint: `devbox tunnel ${word} 8080; with --rm it closes.`
          })
        }
        if (authenticated) yield* devbox.net.enableTunnel({ authMode: "authenticated" })
        const { url } = yield* devbox.net.createTunnel(port)
        // Its token is part of what was asked for.
        const token = reveal((yield* devbox.net.getTunnel)?.authToken)
        if (json) return yield* printJson({ devbox_id: devbox.id, port, url, auth_token: token })
        yield* print(url)
        if (token !== null) yield* say(`${styles("stderr").dim("token:")} ${token}`)
      })
    )
).pipe(
  Command.withShortDescription("Open a port of a devbox to the outside"),
  Command.withDescription(
    "Opens a tunnel to a port inside and prints its URL. A devbox has one tunnel, with a URL for each port."
  ),
  Command.withExamples([
    { command: "devbox tunnel my-box 8080", description: "The URL of a port" },
    { command: "devbox tunnel my-box --rm", description: "Close it" }
  ])
)

/** The command. */
export const sshKey = Command.make("ssh-key", { devbox: Flags.devbox }, ({ devbox: word }) =>
  withDevboxes((devboxes, { json }) =>
    Effect.gen(function* () {
      const devbox = yield* attach(devboxes, word)
      const key = yield* devbox.net.createSshKey
      if (!json) return yield* print(Redacted.value(key.sshPrivateKey).trimEnd())
      yield* printJson({
        devbox_id: devbox.id,
        user: key.sshUser,
        url: key.url,
        host: key.host ?? null,
        port: key.port ?? null,
        proxy_command: key.proxyCommand ?? null,
        known_hosts: key.knownHosts ?? null,
        private_key: Redacted.value(key.sshPrivateKey)
      })
    })
  )
).pipe(
  Command.withShortDescription("Print a private key for SSH"),
  Command.withDescription(
    "Makes a key that opens a devbox over SSH and prints it: a secret, so put it where nobody else reads. `devbox ssh` needs none of this."
  ),
  Command.withExamples([
    { command: "(umask 077; devbox ssh-key my-box > key)", description: "Into a file of your own" }
  ])
)

/** `devbox create`: makes a devbox that stays until somebody ends it. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { CreateOptions } from "@effect-devbox/core/DevboxHandle"
import { withDevboxes } from "./backend.ts"
import { UsageError } from "./errors.ts"
import * as Flags from "./flags.ts"
import { devboxJson } from "./json.ts"
import { isLively, print, printJson, say, styles } from "./out.ts"

/** What a devbox is to be, as flags; `run` has these, too. */
export const boxFlags = {
  name: Flags.text("name", "NAME", "A name to find it by"),
  boxEnv: Flags.pairs(
    "box-env",
    undefined,
    "Sets a variable for everything in the devbox; KEY alone takes the value it has here. Can stand several times"
  ),
  metadata: Flags.pairs("metadata", "m", "A label to list by. Can stand several times"),
  keepAlive: Flags.duration("keep-alive", "How long it lives without `devbox keep-alive`; default 1h, at most 48h"),
  network: Flag.Literals("network", ["none", "proxy", "user", "host"]).pipe(
    Flag.withDescription(
      "Who it may talk to: nobody; the internet by HTTP, as is the default; anything, by a network of its own; what this machine reaches"
    ),
    Flag.optional
  ),
  isolation: Flag.Literals("isolation", ["isolated", "container", "process"]).pipe(
    Flag.withDescription(
      "The weakest isolation that is acceptable; default isolated. `devbox doctor` says what there is"
    ),
    Flag.optional
  )
}

const flags = {
  ...boxFlags,
  snapshot: Flags.text("snapshot", "ID", "Starts with the disk of a snapshot"),
  blueprint: Flags.text("blueprint", "ID or NAME", "Starts from a blueprint (bpt_… is an id, anything else a name)"),
  idleTime: Flags.duration("idle-time", "Takes the place of --keep-alive: how long it may be idle"),
  idleAction: Flag.Literals("idle-action", ["suspend", "shutdown"]).pipe(
    Flag.withDescription("What happens after the idle time"),
    Flag.withDefault("suspend")
  ),
  launch: Flag.String("launch").pipe(
    Flag.withMetavar("COMMAND"),
    Flag.withDescription("A command that runs before the devbox is ready. Can stand several times"),
    Flag.atLeast(0)
  ),
  timeout: Flags.duration("timeout", "How long to wait until it runs; default 2m")
}

/** A blueprint by what its word looks like. */
export const blueprint = (word: string): CreateOptions["from"] =>
  word.startsWith("bpt_") ? { blueprint: word } : { blueprintName: word }

/** The flags for whatever is created as the library's options. */
export const boxOptions = (input: {
  readonly [K in keyof typeof boxFlags]: (typeof boxFlags)[K] extends Flag.Flag<infer A> ? A : never
}): CreateOptions => {
  const { boxEnv: env, isolation, keepAlive, metadata, name, network } = Flags.given(input)
  return { name, env, metadata, network, minimumIsolation: isolation, keepAliveTime: keepAlive }
}

/** The command. */
export const create = Command.make("create", flags, (input) =>
  withDevboxes((devboxes, { json }) =>
    Effect.gen(function* () {
      const { idleAction, idleTime, launch, snapshot, timeout } = Flags.given(input)
      const from = Flags.given(input).blueprint
      if (snapshot !== undefined && from !== undefined) {
        return yield* new UsageError({ detail: "a devbox starts from a snapshot or from a blueprint, not from both" })
      }
      const devbox = yield* devboxes.createDetached({
        ...boxOptions(input),
        from: snapshot === undefined ? (from === undefined ? undefined : blueprint(from)) : { snapshot },
        launchCommands: launch.length === 0 ? undefined : launch,
        afterIdle: idleTime === undefined ? undefined : { time: idleTime, action: idleAction },
        timeout
      })
      const info = yield* devbox.getInfo
      if (json) return yield* printJson(devboxJson(info))
      yield* print(info.id)
      if (isLively("stderr")) {
        const { dim } = styles("stderr")
        yield* say(dim(`running, ${info.isolation ?? "remote"}; devbox shell ${info.name ?? info.id}`))
      }
    })
  )
).pipe(
  Command.withShortDescription("Create a devbox"),
  Command.withDescription(
    "Creates a devbox, waits until it runs and prints its id. It stays, whatever happens to this terminal, until `devbox rm`, the end of its keep-alive time or of its idle time."
  ),
  Command.withExamples([
    { command: "devbox create --name my-box", description: "A devbox with a name" },
    {
      command: "devbox create --snapshot snp_… --keep-alive 4h",
      description: "With the disk of a snapshot, for four hours"
    },
    { command: "box=$(devbox create)", description: "Its id, for a script" }
  ])
)

/** Each flag and argument that more than one command has, once, with how it is read. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** Whose devboxes. */
export const Backend = GlobalFlag.Setting("backend")({
  flag: Flag.String("backend").pipe(
    Flag.withMetavar("local | runloop | URL"),
    Flag.withDescription(
      "Where the devboxes are: this machine (default), Runloop's cloud (RUNLOOP_API_KEY), or a server started with `devbox serve` (EFFECT_DEVBOX_API_KEY). Environment: EFFECT_DEVBOX_BACKEND"
    ),
    Flag.withFallbackConfig(Config.String("EFFECT_DEVBOX_BACKEND")),
    Flag.withDefault("local")
  )
})

/** Where the local backend keeps its state. */
export const StateDir = GlobalFlag.Setting("state-dir")({
  flag: Flag.String("state-dir").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription(
      "Where the local backend keeps its state. Environment: EFFECT_DEVBOX_STATE_DIR. Default: the XDG state folder; for root /var/lib/effect-devbox"
    ),
    Flag.withFallbackConfig(Config.String("EFFECT_DEVBOX_STATE_DIR")),
    Flag.optional
  )
})

/** Whether machines read the answer. */
export const Json = GlobalFlag.Setting("json")({
  flag: Flag.Boolean("json").pipe(
    Flag.withDescription("Answers, and errors, as JSON: one value on one line"),
    Flag.withoutNegation,
    Flag.withDefault(false)
  )
})

/** The flags that stand with every command. */
export const globalFlags = [Backend, StateDir, Json] as const

/** What those flags said. */
export interface Settings {
  readonly backend: string
  readonly stateDir: string | undefined
  readonly json: boolean
}

/** What those flags said, for whoever runs below a command. */
export const settings = Effect.gen(function* () {
  return { backend: yield* Backend, stateDir: Option.getOrUndefined(yield* StateDir), json: yield* Json }
})

/** The devbox that a command is about. */
export const devbox = Argument.String("devbox").pipe(
  Argument.withDescription("A devbox: its id, the beginning of its id, or its name")
)

/** The words of a command to run inside. */
export const command = Argument.String("command").pipe(
  Argument.withDescription(
    "What to run: one word is text for bash, several words are run as they are, without a shell"
  ),
  Argument.variadic()
)

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `90s`, `15m`, `2h`, or as Effect says it: `15 minutes`. */
export const parseDuration = (text: string): Duration.Duration => {
  const short = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim())
  if (short !== null) return Duration.millis(Number(short[1]) * units[short[2] as keyof typeof units])
  return Option.getOrThrowWith(
    Duration.fromInput(text as Duration.Input),
    () => new Error(`"${text}" is not a time; write 90s, 15m, 2h or 1d`)
  )
}

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** A flag with a time. */
export const duration = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("TIME"),
    Flag.withDescription(description),
    Flag.mapTryCatch(parseDuration, words),
    Flag.optional
  )

/** `KEY=VALUE`, or `KEY` for the value that it has in this environment, which then stands in no process list. */
const parsePair = (text: string): readonly [string, string] => {
  const at = text.indexOf("=")
  const key = at < 0 ? text : text.slice(0, at)
  const value = at < 0 ? process.env[key] : text.slice(at + 1)
  if (key === "") throw new Error(`"${text}" has no name; write KEY=VALUE`)
  if (value === undefined) throw new Error(`${key} is not set in this environment; write ${key}=VALUE`)
  return [key, value]
}

/** A flag with a name and a value that can stand several times. */
export const pairs = (name: string, alias: string | undefined, description: string) => {
  const flag = Flag.String(name).pipe(Flag.withMetavar("KEY=VALUE"), Flag.withDescription(description))
  return (alias === undefined ? flag : Flag.withAlias(flag, alias)).pipe(
    Flag.mapTryCatch(parsePair, words),
    Flag.atLeast(0),
    Flag.map((found): Readonly<Record<string, string>> => Object.fromEntries(found))
  )
}

/** The environment of a command or devbox. */
export const env = pairs(
  "env",
  "e",
  "Sets a variable; KEY alone takes the value it has here, so that a secret stands in no process list. Can stand several times"
)

/** A flag that is set or not. */
export const toggle = (name: string, description: string, alias?: string) => {
  const flag = Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withoutNegation, Flag.withDefault(false))
  return alias === undefined ? flag : Flag.withAlias(flag, alias)
}

/** A flag with a text that may be left out. */
export const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

/** The parts of an options object that were given. */
export const given = <A extends Record<string, unknown>>(
  options: A
): { [K in keyof A]: A[K] extends Option.Option<infer B> ? B | undefined : A[K] } =>
  Object.fromEntries(
    Object.entries(options).map(([key, value]) => [key, Option.isOption(value) ? Option.getOrUndefined(value) : value])
    // The mapped type says what the loop does; TypeScript cannot see it.
  ) as { [K in keyof A]: A[K] extends Option.Option<infer B> ? B | undefined : A[K] }

/**
 * Attempts with names: ids of commands, devboxes and shells, and names of variables, that would be paths or shell text to a
 * careless host. Each has to be refused with a typed error, or, where any name is allowed, to stay a name.
 */
import { readdirSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { Devbox, DevboxService, ExecutionId } from "@effect-devbox/core"
import { Cause, Effect, Exit } from "effect"
import type { Devbox as Handle } from "@effect-devbox/core/DevboxHandle"
import type { Stage } from "./stage.ts"
import type { Trial } from "./suite.ts"
import type { Outcome } from "./tryOut.ts"

const hostile: ReadonlyArray<string> = [
  "../../../planted",
  "../o/planted",
  "/tmp/planted",
  "a/b",
  "..",
  ".",
  "",
  "-rf",
  "a b",
  "line\nX other 0 0",
  "nul\0byte",
  "$(touch /tmp/planted)",
  "'; touch /tmp/planted; '",
  "x".repeat(300),
  "ünïcode"
]

/** What is an id like any other, even if it looks like an option. */
const harmless = /^[A-Za-z0-9_-]{1,64}$/

/** Everything below the state directory but what devboxes have in their own upper layers. */
const namesBelow = (dir: string): ReadonlyArray<string> =>
  readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name)
    return entry.isDirectory() && !/^lyr_|^work$/.test(entry.name) ? [path, ...namesBelow(path)] : [path]
  })

const strays = (stage: Stage): ReadonlyArray<string> =>
  [...namesBelow(stage.scene.directory), ...readdirSync("/tmp").map((name) => join("/tmp", name))].filter((path) =>
    /planted|x{200}/.test(path)
  )

/** The typed error of an outcome, and `undefined` for a success or anything untyped. */
const typed = (exit: Exit.Exit<unknown, unknown>): string | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const error = exit.cause.reasons.find(Cause.isFailReason)?.error
  if (typeof error !== "object" || error === null || !("_tag" in error)) return undefined
  const reason = "reason" in error && typeof error.reason === "object" && error.reason !== null ? error.reason : {}
  return `${String(error._tag)}${"_tag" in reason ? `/${String(reason._tag)}` : ""}`
}

const expected = /^(BackendError\/InvalidRequestError|ResourceNotFound|FileError)$/

/** Gives every hostile name to an operation; `mayWork` says that any name is as good as another there. */
const namesTrial = (options: {
  readonly id: string
  readonly title: string
  readonly names: ReadonlyArray<string>
  readonly mayWork?: boolean
  readonly use: (devbox: Handle, name: string) => Effect.Effect<unknown, unknown, DevboxService>
}): Trial => ({
  id: options.id,
  title: options.title,
  make: (stage) =>
    stage.run(
      Effect.gen(function* () {
        const devbox = yield* Devbox.create()
        const requests = join(stage.scene.stateDir, "boxes", devbox.id, "q")
        // The control: as a part of a path, the first name leads out of the directory that it is meant for.
        const careless = resolve(requests, `${hostile[0]}.sh`)
        writeFileSync(careless, "")
        const outside = strays(stage).includes(careless)
        rmSync(careless)
        const outcome = (verdict: Outcome["verdict"], detail: string): Outcome => ({
          attempt: options,
          verdict,
          outside,
          detail
        })
        if (!outside) return outcome("invalid", "the name would not lead a careless host out of the directory")
        const said = new Set<string>()
        for (const name of options.names) {
          const exit = yield* Effect.exit(Effect.timeout(options.use(devbox, name), "20 seconds"))
          const error = typed(exit)
          const shown = JSON.stringify(name.slice(0, 40))
          const found = strays(stage)
          if (found.length > 0) return outcome("escaped", `${shown} made ${found.join(", ")}`)
          const mayWork = options.mayWork === true || harmless.test(name)
          if (Exit.isSuccess(exit) ? !mayWork : error === undefined || !expected.test(error)) {
            const text = Exit.isSuccess(exit) ? "was accepted" : Cause.pretty(exit.cause).replaceAll(/\s+/g, " ")
            return outcome("escaped", `${shown} is not refused with a typed error: ${text.slice(0, 200)}`)
          }
          said.add(error ?? "stayed a name")
        }
        const alive = yield* devbox.cmd.exec("echo alive")
        return alive.stdout === "alive\n"
          ? outcome("refused", `${options.names.length} names: ${[...said].join(", ")}`)
          : outcome("escaped", "the devbox did not survive it")
      })
    )
})

/** Names for everything that has a name. */
export const nameTrials: ReadonlyArray<Trial> = [
  namesTrial({
    id: "command-id",
    title: "gives commands ids that are paths, options or lines",
    names: hostile,
    use: (devbox, name) => devbox.cmd.execDetached("true", { commandId: ExecutionId.make(name) })
  }),
  namesTrial({
    id: "execution-id",
    title: "asks for the output of commands whose ids are paths, options or lines",
    names: hostile,
    use: (devbox, name) => DevboxService.use((service) => service.getExecution(devbox.id, ExecutionId.make(name)))
  }),
  namesTrial({
    id: "devbox-id",
    title: "asks for devboxes whose ids are paths, options or lines",
    names: hostile,
    use: (_, name) => DevboxService.use((service) => service.attach(name).getInfo)
  }),
  namesTrial({
    id: "shell-name",
    title: "gives shells names that are paths, options or lines",
    names: hostile,
    mayWork: true,
    use: (devbox, name) => devbox.cmd.shell(name).exec("true")
  }),
  namesTrial({
    id: "variable-name",
    title: "gives variables names that are shell text",
    names: ["a; touch /tmp/planted", "$(touch /tmp/planted)", "a=b", "a\nb", "a b", "", "1a", "a-b", "nul\0byte"],
    use: (devbox, name) => devbox.cmd.exec("true", { env: { [name]: "x" } })
  }),
  namesTrial({
    id: "variable-value",
    title: "gives variables values that are shell text",
    names: ["'; touch /tmp/planted; '", "$(touch /tmp/planted)", "a\ntouch /tmp/planted\n", "'\\''"],
    mayWork: true,
    use: (devbox, name) =>
      devbox.cmd
        .execOrFail('printf %s "$VALUE"', { env: { VALUE: name } })
        .pipe(
          Effect.flatMap(({ stdout }) => (stdout === name ? Effect.void : Effect.die(`the value became ${stdout}`)))
        )
  }),
  namesTrial({
    id: "path-name",
    title: "gives files names that are options, lines or nothing",
    names: ["-rf", "--version", "line\nX other 0 0", "$(touch /tmp/planted)", "'; touch /tmp/planted; '"],
    mayWork: true,
    use: (devbox, name) => Effect.andThen(devbox.file.write(name, "x"), devbox.file.read(name))
  })
]

/**
 * Attempts on what the host keeps of a devbox's commands: the record of their output is put in the place of something else,
 * and the host is asked for it again.
 */
import { existsSync, lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Devbox, DevboxService } from "@effect-devbox/core"
import { Effect, Exit, Stream } from "effect"
import { newSecret } from "./attempt.ts"
import type { Trial } from "./suite.ts"
import { outside, summary } from "./tryOut.ts"

/** Replaces every file that may be the record, wherever it can be reached from. */
const replacing = (make: string): string => `for dir in "$BOX/o" "$BOX/q" /run/devbox/o /run/devbox/q; do
  rm -f "$dir/$RECORD" && ${make} "$dir/$RECORD" && echo replaced
done`

const journalTrial = (
  id: string,
  title: string,
  make: string,
  fools: (record: string, secret: string) => boolean
): Trial => ({
  id,
  title,
  make: ({ scene, run }) =>
    run(
      Effect.gen(function* () {
        const secret = newSecret()
        const target = join(scene.directory, id)
        writeFileSync(target, secret)
        const devbox = yield* Devbox.create()
        const { executionId } = yield* devbox.cmd.execOrFail("echo hello")
        const box = join(scene.stateDir, "boxes", devbox.id)
        const record = join(box, "o", `${executionId}.log`)
        const env = { BOX: box, RECORD: `${executionId}.log`, TARGET: target }
        const service = yield* DevboxService
        const again = Effect.exit(
          Effect.timeout(Stream.mkString(service.attachExecution(devbox.id, executionId).stdout), "10 seconds")
        )
        const kept = `${record}.kept`

        if (!existsSync(record)) throw new Error(`the record of the command is not at ${record}`)
        renameSync(record, kept)
        writeFileSync(record, "")
        yield* Effect.promise(() => outside(scene.directory)(replacing(make), env))
        const control = fools(record, secret)
        // A host that was fooled once would be fooled here: the SDK opens no link and no FIFO, whoever put it there.
        const fooled = yield* again
        rmSync(record)
        renameSync(kept, record)
        if (!control)
          return {
            attempt: { id, title },
            verdict: "invalid",
            outside: false,
            detail: "the record was not replaced outside either"
          } as const

        const said = yield* devbox.cmd.exec(replacing(make), { env })
        const read = yield* again
        const escaped =
          said.stdout.includes("replaced") ||
          [fooled, read].some((exit) => Exit.isSuccess(exit) && exit.value.includes(secret)) ||
          !(Exit.isSuccess(read) && read.value === "hello\n")
        rmSync(target)
        return {
          attempt: { id, title },
          verdict: escaped ? "escaped" : "refused",
          outside: true,
          detail: summary(said)
        } as const
      })
    )
})

/** Links and FIFOs. */
export const journalTrials: ReadonlyArray<Trial> = [
  journalTrial(
    "journal-link",
    "puts a link to a host file in the place of a command's recorded output",
    'ln -s "$TARGET"',
    (record, secret) => readFileSync(record, "utf8") === secret
  ),
  journalTrial(
    "journal-fifo",
    "puts a FIFO in the place of a command's recorded output, for the host to hang on",
    "mkfifo",
    (record) => lstatSync(record).isFIFO()
  )
]

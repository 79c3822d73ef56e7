/** Laws of being apart: what two devboxes of one backend share, which is nothing. */
import * as Effect from "effect/Effect"
import { bytesOf, events, exec, get, over, put, running, said, start, text, commandId } from "../boxes.ts"
import { equal, failsWith, succeeds } from "../claim.ts"
import { type BackendLaw, law } from "../law.ts"

const two = Effect.all([running(), running()], { concurrency: 2 })

/** See above. */
export const isolation: ReadonlyArray<BackendLaw> = [
  law(
    "apart-files",
    "Devboxes do not see each other's files, at home or in /tmp.",
    [],
    Effect.gen(function* () {
      const [a, b] = yield* two
      for (const path of ["secret.txt", "/tmp/secret.txt"]) {
        yield* put(a, path, "of a")
        const error = yield* failsWith(`${path} is not in the other`, get(b, path), "FileError")
        yield* equal("it does not exist there", error.kind, "NotFound")
        yield* put(b, path, "of b")
        yield* equal("writing there changes nothing here", text(yield* get(a, path)), "of a")
      }
      yield* exec(b, "rm secret.txt")
      yield* equal("nor does removing", yield* said(a, "cat secret.txt"), "of a")
    })
  ),
  law(
    "apart-shells",
    "Named shells of the same name in two devboxes are two shells.",
    [],
    Effect.gen(function* () {
      const [a, b] = yield* two
      yield* exec(a, "cd /tmp; export LAW_BOX=a", { shell: "same" })
      const home = yield* said(b, "pwd")
      const { stdout } = yield* succeeds(
        "the other has its own",
        exec(b, "pwd; printf '%s' \"$LAW_BOX\"", { shell: "same" })
      )
      yield* equal("with nothing of this one", text(stdout), `${home}\n`)
    })
  ),
  law(
    "apart-commands",
    "A command belongs to its devbox: no other knows it.",
    [],
    Effect.gen(function* () {
      const [a, b] = yield* two
      const { info } = yield* exec(a, "echo of a")
      const error = yield* failsWith(
        "the other devbox does not know it",
        b.backend.getExecution(b.id, info.executionId),
        "ResourceNotFound"
      )
      yield* equal("what is missing is the command", error.resource, "execution")
      // The same id may be used again, in another devbox: it is another command.
      const id = commandId()
      yield* start(a, "echo in a", { commandId: id })
      yield* start(b, "echo in b", { commandId: id })
      yield* Effect.all([over(a, id), over(b, id)])
      yield* equal(
        "one id in two devboxes is two commands",
        text(bytesOf(yield* events(b, id, "stdout"), "stdout")),
        "in b\n"
      )
    })
  )
]

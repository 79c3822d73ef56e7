/** Laws of being apart: what two devboxes of one backend share, which is nothing. */
import * as Effect from "effect/Effect"
import {
  bytesOf,
  commandId,
  events,
  exec,
  get,
  leavesNothing,
  over,
  put,
  type Running,
  running,
  said,
  start,
  text,
  unique
} from "../boxes.ts"
import { equal, failsWith, succeeds } from "../claim.ts"
import { type BackendLaw, law } from "../law.ts"

const two = Effect.all([running(), running()], { concurrency: 2 })

/** Claims that a file of one devbox is nothing to the other. */
const separate = (a: Running, b: Running, path: string) =>
  Effect.gen(function* () {
    yield* put(a, path, "of a")
    const error = yield* failsWith(`${path} is not in the other`, get(b, path), "FileError")
    yield* equal("it does not exist there", error.kind, "NotFound")
    yield* put(b, path, "of b")
    yield* equal("writing there changes nothing here", text(yield* get(a, path)), "of a")
    yield* exec(b, `rm ${path}`)
    yield* equal("nor does removing", yield* said(a, `cat ${path}`), "of a")
  })

/** See above. */
export const isolation: ReadonlyArray<BackendLaw> = [
  law(
    "apart-files",
    "Devboxes do not see each other's files.",
    [],
    Effect.gen(function* () {
      const [a, b] = yield* two
      yield* separate(a, b, "secret.txt")
    })
  ),
  law(
    "apart-tmp",
    "Each devbox has a /tmp of its own.",
    [],
    Effect.gen(function* () {
      const [a, b] = yield* two
      const path = `/tmp/${unique("law")}`
      yield* leavesNothing(a, path)
      yield* separate(a, b, path)
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

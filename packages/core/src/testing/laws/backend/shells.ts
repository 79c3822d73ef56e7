/** Laws of named shells. */
import * as Effect from "effect/Effect"
import { busy, bytes, exec, get, over, running, said, start, text, unique } from "../boxes.ts"
import { equal, holds, succeeds } from "../claim.ts"
import { type BackendLaw, law } from "../law.ts"

/** See above. */
export const shells: ReadonlyArray<BackendLaw> = [
  law(
    "shell-remembers",
    "A named shell keeps its folder and its variables, exported or not.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const shell = unique("shell")
      yield* exec(box, "cd /tmp; export LAW_EXPORTED=one; LAW_PLAIN=two", { shell })
      const { stdout } = yield* exec(box, 'pwd; printf \'%s %s\' "$LAW_EXPORTED" "$LAW_PLAIN"', { shell })
      yield* equal("the next command has them", text(stdout), "/tmp\none two")
      yield* equal("so have its children", yield* said(box, "printenv LAW_EXPORTED", { shell }), "one")
    })
  ),
  law(
    "shell-exit-status",
    "A command in a named shell has its own exit status and output.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const shell = unique("shell")
      const failed = yield* succeeds("it comes to an end", exec(box, "echo one; echo two >&2; false", { shell }))
      yield* equal("its status is its own", failed.info.exitStatus, 1)
      yield* equal("its stdout is its own", text(failed.stdout), "one\n")
      yield* equal("its stderr is its own", text(failed.stderr), "two\n")
      const next = yield* succeeds("so does the next", exec(box, "true", { shell }))
      yield* equal("which fails of nothing", next.info.exitStatus, 0)
      yield* equal("and says nothing", next.stdout, bytes(""))
      yield* equal("the shell is named", next.info.shellName, shell)
    })
  ),
  law(
    "shell-one-at-a-time",
    "Commands in a named shell run one after another, in the order they were started.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const shell = unique("shell")
      const numbers = [1, 2, 3, 4, 5]
      const started = yield* Effect.forEach(numbers, (i) =>
        start(box, `echo ${i} begins >> order.txt; sleep 0.03; echo ${i} ends >> order.txt`, { shell })
      )
      const last = started.at(-1)
      for (const { executionId } of started) yield* over(box, executionId)
      const order = text(yield* get(box, "order.txt"))
      yield* equal(
        "none begins before the one before has ended",
        order,
        numbers.map((i) => `${i} begins\n${i} ends\n`).join("")
      )
      yield* holds("a command that had to wait was not called over", last?.status !== "completed", last?.status)
    })
  ),
  law(
    "shells-are-apart",
    "Two named shells of one devbox know nothing of each other and do not wait for each other.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const [a, b] = [unique("shell"), unique("shell")]
      const home = yield* said(box, "pwd")
      yield* exec(box, "cd /tmp; export LAW_SHELL=a", { shell: a })
      yield* busy(box, { shell: a })
      const { stdout } = yield* succeeds(
        "one is free while the other is busy",
        exec(box, "pwd; printf '%s' \"$LAW_SHELL\"", { shell: b })
      )
      yield* equal("and has nothing of the other", text(stdout), `${home}\n`)
    })
  ),
  law(
    "shell-starts-again",
    "After a command that ended its shell, the next gets a fresh one and says so.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const shell = unique("shell")
      const home = yield* said(box, "pwd")
      const ended = yield* succeeds(
        "the command comes to an end",
        exec(box, "cd /tmp; export LAW_SHELL=old; exit 7", { shell })
      )
      yield* equal("its status is what it exited with", ended.info.exitStatus, 7)
      const next = yield* succeeds("the next command runs", exec(box, "pwd; printf '%s' \"$LAW_SHELL\"", { shell }))
      yield* equal("in a fresh shell", text(next.stdout), `${home}\n`)
      yield* equal("it says so", next.info.shellRestarted, true)
      const third = yield* exec(box, "true", { shell })
      yield* holds("the one after that does not", third.info.shellRestarted !== true)
    })
  ),
  law(
    "shell-outlives-a-kill",
    "After a command of a named shell was killed, the next one runs.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const shell = unique("shell")
      const doomed = yield* busy(box, { shell })
      const waiting = yield* start(box, "echo next", { shell })
      yield* box.backend.kill(box.id, doomed.executionId, { group: true, signal: "SIGKILL" })
      const info = yield* over(box, waiting.executionId)
      yield* equal("it comes to its end", info.status, "completed")
      yield* equal("a good one", info.exitStatus, 0)
    })
  )
]

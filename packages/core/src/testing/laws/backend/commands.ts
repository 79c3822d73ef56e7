/** Laws of commands: what runs, where, with what, how often, and how its end is told. */
import * as Effect from "effect/Effect"
import { commandId, everyByte, exec, get, noise, over, put, running, said, start, text } from "../boxes.ts"
import { equal, eventually, holds, succeeds } from "../claim.ts"
import { type BackendLaw, law } from "../law.ts"

/** See above. */
export const commands: ReadonlyArray<BackendLaw> = [
  law(
    "exec-exit-status",
    "The exit status of a command is told exactly.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      for (const [command, status] of [
        ["true", 0],
        ["false", 1],
        ["exit 7", 7],
        ["exit 255", 255]
      ] as const) {
        const { info } = yield* succeeds(`\`${command}\` comes to an end`, exec(box, command))
        yield* equal(`\`${command}\` ends with its status`, info.exitStatus, status)
        yield* equal("no signal is made up", info.signal, undefined)
      }
    })
  ),
  law(
    "exec-not-found",
    "A command that does not exist ends with 127, as in a shell.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const { info, stderr } = yield* succeeds("it comes to an end", exec(box, "no-such-command-anywhere"))
      yield* equal("its status is the shell's", info.exitStatus, 127)
      yield* holds("stderr names it", text(stderr).includes("no-such-command-anywhere"), text(stderr))
    })
  ),
  law(
    "exec-outputs-apart",
    "What a command prints on stdout and on stderr is kept apart.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const { stderr, stdout } = yield* exec(box, "echo out; echo err >&2; echo out again")
      yield* equal("stdout has its own", text(stdout), "out\nout again\n")
      yield* equal("stderr has its own", text(stderr), "err\n")
    })
  ),
  law(
    "exec-words-are-literal",
    "Words given as words reach the program as they are: no shell reads them.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const words = ["$HOME", "a  b", "*", "; exit 3", "", "'\"`\\", "é\n-x", "&& false"]
      const { info, stdout } = yield* exec(box, ["printf", "<%s>", ...words])
      yield* equal("every word arrived", text(stdout), words.map((word) => `<${word}>`).join(""))
      yield* equal("and nothing else happened", info.exitStatus, 0)
    })
  ),
  law(
    "exec-unicode",
    "Text outside of ASCII goes in and comes out unharmed.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const words = "naïve 日本語 🙂 \u0301"
      const { stdout } = yield* exec(box, `printf '%s' '${words}'`)
      yield* equal("it is the same", text(stdout), words)
    })
  ),
  law(
    "exec-exact-bytes",
    "Output that is not text comes out to the byte, on both outputs.",
    ["exactBytes"],
    Effect.gen(function* () {
      const box = yield* running()
      yield* put(box, "bytes.bin", everyByte)
      const { stderr, stdout } = yield* exec(box, "cat bytes.bin; cat bytes.bin >&2")
      yield* equal("stdout is exact", stdout, everyByte)
      yield* equal("stderr is exact", stderr, everyByte)
    })
  ),
  law(
    "exec-large-output",
    "Three megabytes of output arrive whole.",
    ["exactBytes"],
    Effect.gen(function* () {
      const box = yield* running()
      const large = noise(3_000_000)
      yield* put(box, "large.bin", large)
      const { info, stdout } = yield* succeeds("it comes to an end", exec(box, "cat large.bin"))
      yield* equal("nothing is missing", stdout, large)
      yield* equal("its length is told", info.stdoutBytes, large.length)
    })
  ),
  law(
    "exec-last-lines",
    "The text that comes along with a command's state is its last lines, and says when lines are missing.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const { info } = yield* exec(box, "printf '1\\n2\\n3\\n4\\n5\\n'; printf 'a\\n' >&2")
      const some = yield* box.backend.getExecution(box.id, info.executionId, { lastLines: 3 })
      yield* equal("as many lines as were asked for", some.stdout?.trimEnd(), "3\n4\n5")
      yield* equal("it says that some are missing", some.stdoutTruncated, true)
      yield* equal("what fits is whole", some.stderr, "a\n")
      yield* holds("and is not said to be cut", some.stderrTruncated !== true)
      const all = yield* box.backend.getExecution(box.id, info.executionId, { lastLines: 100 })
      yield* equal("all of it when asked for enough", all.stdout, "1\n2\n3\n4\n5\n")
      yield* holds("then nothing is said to be missing", all.stdoutTruncated !== true)
    })
  ),
  law(
    "exec-at-most-once",
    "The same command id twice is one command.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const id = commandId()
      const first = yield* start(box, "echo once >> log.txt; exit 4", { commandId: id })
      const early = yield* succeeds(
        "a second start succeeds",
        start(box, "echo once >> log.txt; exit 4", { commandId: id })
      )
      yield* over(box, id)
      const late = yield* succeeds(
        "so does one after the end",
        start(box, "echo once >> log.txt; exit 4", { commandId: id })
      )
      yield* over(box, late.executionId)
      yield* equal(
        "both answers are about the first",
        [early.executionId, late.executionId],
        [first.executionId, first.executionId]
      )
      yield* equal("the command ran once", text(yield* get(box, "log.txt")), "once\n")
      yield* equal("its end is the first one's", (yield* over(box, id)).exitStatus, 4)
    })
  ),
  law(
    "exec-at-most-once-at-once",
    "Five starts with one id at the same time are one command.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const id = commandId()
      const starts = Array.from({ length: 5 }, () => start(box, "echo once >> log.txt", { commandId: id }))
      yield* succeeds("all succeed", Effect.all(starts, { concurrency: "unbounded" }))
      yield* over(box, id)
      // A second run that is late would be done by the time that a later command is.
      yield* exec(box, "true")
      yield* equal("the command ran once", text(yield* get(box, "log.txt")), "once\n")
    })
  ),
  law(
    "exec-own-id",
    "The id that the caller made is the id of the command.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const id = commandId()
      const info = yield* start(box, "true", { commandId: id })
      yield* equal("it is used", info.executionId, id)
      yield* equal("the devbox is named", info.devboxId, box.id)
    })
  ),
  law(
    "exec-completed-has-status",
    "A command that is completed has an exit status, at the first look that says so.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      for (let i = 0; i < 5; i++) {
        const looks = [yield* start(box, `exit ${i}`)]
        const look = box.backend.getExecution(box.id, looks[0]!.executionId)
        yield* eventually(
          "it is completed",
          Effect.tap(look, (info) => Effect.sync(() => void looks.push(info))),
          ({ status }) => status === "completed"
        )
        const ends = looks.filter(({ status }) => status === "completed").map(({ exitStatus }) => exitStatus)
        yield* equal(
          "whoever sees it completed sees its status",
          ends,
          ends.map(() => i)
        )
      }
    })
  ),
  law(
    "exec-end-by-signal",
    "A command that a signal ended has the status 128 + n.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const { info } = yield* succeeds("it comes to an end", exec(box, "sh -c 'kill -9 $$'; exit $?"))
      yield* equal("a child's death is seen by its shell", info.exitStatus, 137)
      const itself = yield* succeeds("it comes to an end", exec(box, ["sh", "-c", "kill -9 $$"]))
      yield* equal("so is the command's own", itself.info.exitStatus, 137)
      yield* holds(
        "the signal is named, if at all, by its name",
        [undefined, "SIGKILL"].includes(itself.info.signal),
        itself.info.signal
      )
    })
  ),
  law(
    "exec-folder-and-environment",
    "A command runs in the folder and with the variables it was started with, and the next one without.",
    ["executionEnv"],
    Effect.gen(function* () {
      const box = yield* running({ environmentVariables: { LAW_A: "box", LAW_B: "box" } })
      const command = 'pwd; printf \'%s %s\' "$LAW_A" "$LAW_B"'
      const { stdout } = yield* exec(box, command, { cwd: "/tmp", env: { LAW_A: "own" } })
      yield* equal("it has its own, over those of the devbox", text(stdout), "/tmp\nown box")
      yield* equal("the next command has not", yield* said(box, "printf '%s' \"$LAW_A\""), "box")
    })
  ),
  law(
    "exec-starts-at-home",
    "A command starts in the home folder.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const home = yield* said(box, "printf '%s' \"$HOME\"")
      yield* holds("there is a home", home.startsWith("/"), home)
      yield* equal("commands start there", yield* said(box, "pwd"), home)
    })
  ),
  law(
    "exec-keeps-nothing",
    "Commands outside of a named shell leave neither folder nor variables to the next.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const home = yield* said(box, "pwd")
      yield* exec(box, "cd /tmp; export LAW_LEFT=here")
      yield* equal("the folder is the home again", yield* said(box, "pwd; printf '%s' \"$LAW_LEFT\""), home)
    })
  ),
  law(
    "exec-without-stdin",
    "A command without stdin finds it at its end.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const { info, stdout } = yield* succeeds("a command that reads stdin ends", exec(box, "cat; echo done"))
      yield* equal("it read nothing", text(stdout), "done\n")
      yield* equal("and went on", info.exitStatus, 0)
    })
  ),
  law(
    "exec-many-at-once",
    "Many commands at once each have their own end and output.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const outcomes = yield* succeeds(
        "all come to an end",
        Effect.forEach(
          Array.from({ length: 20 }, (_, i) => i),
          (i) => exec(box, `echo number ${i}; exit ${i}`),
          { concurrency: "unbounded" }
        )
      )
      yield* equal(
        "each has its status",
        outcomes.map(({ info }) => info.exitStatus),
        outcomes.map((_, i) => i)
      )
      yield* equal(
        "each has its output",
        outcomes.map(({ stdout }) => text(stdout)),
        outcomes.map((_, i) => `number ${i}\n`)
      )
    })
  )
]

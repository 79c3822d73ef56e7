/** Laws of commands as users run them. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { commandId, everyByte, join } from "../boxes.ts"
import { equal, failsWith, holds, succeeds } from "../claim.ts"
import { law, type ServiceLaw } from "../law.ts"
import { create } from "./boxes.ts"

const lines = (count: number) => Array.from({ length: count }, (_, i) => `line ${i}\n`).join("")

/** See above. */
export const commands: ReadonlyArray<ServiceLaw> = [
  law(
    "exec-result",
    "exec gives the exit status as data, both outputs as text, and the time it took.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const failed = yield* succeeds(
        "a command that fails is no failure",
        devbox.cmd.exec("echo out; echo err >&2; exit 3")
      )
      yield* equal("its status", failed.exitCode, 3)
      yield* equal("its success", failed.succeeded, false)
      yield* equal("its stdout", failed.stdout, "out\n")
      yield* equal("its stderr", failed.stderr, "err\n")
      yield* holds("its duration", Duration.toMillis(failed.duration) >= 0)
      yield* equal("its devbox", failed.devboxId, devbox.id)
      const good = yield* succeeds("a command that succeeds", devbox.cmd.exec(["printf", "%s", "$HOME"]))
      yield* equal("its success", good.succeeded, true)
      yield* equal("words are not read by a shell", good.stdout, "$HOME")
    })
  ),
  law(
    "exec-or-fail",
    "execOrFail fails with all that is known of a command that did not succeed.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const good = yield* succeeds("success is success", devbox.cmd.execOrFail("echo fine"))
      yield* equal("with its output", good.stdout, "fine\n")
      const error = yield* failsWith(
        "failure is failure",
        devbox.cmd.execOrFail("echo out; echo err >&2; exit 9"),
        "CommandFailed"
      )
      yield* equal("its status", error.exitCode, 9)
      yield* equal("its stdout", error.stdout, "out\n")
      yield* equal("its stderr", error.stderr, "err\n")
      yield* equal("its command", error.command, "echo out; echo err >&2; exit 9")
      yield* equal("its devbox", error.devboxId, devbox.id as string)
    })
  ),
  law(
    "exec-hides-secrets",
    "A redacted word reaches the command and no error.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const secret = "hunter2-hunter2"
      const seen = yield* devbox.cmd.exec(["printf", "%s", Redacted.make(secret)])
      yield* equal("the command has it", seen.stdout, secret)
      const error = yield* failsWith(
        "it fails",
        devbox.cmd.execOrFail(["cat", Redacted.make(`/${secret}`)]),
        "CommandFailed"
      )
      yield* holds("the error's command does not show it", !error.command.includes(secret), "it does")
      yield* equal("yet shows the rest", error.command.startsWith("cat "), true)
    })
  ),
  law(
    "exec-whole-output",
    "The result of a command has all of its output, however many lines the backend sends along.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const text = lines(1000)
      yield* devbox.file.write("lines.txt", text)
      const result = yield* succeeds("it ends", devbox.cmd.exec("cat lines.txt"))
      yield* equal("nothing is missing", result.stdout, text)
      yield* equal("and it is not said to be cut", result.stdoutTruncated, false)
    })
  ),
  law(
    "exec-bounded-output",
    "A result holds no more text than asked, says when it does, and gives the rest when asked.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const text = lines(300)
      yield* devbox.file.write("lines.txt", text)
      const result = yield* devbox.cmd.exec("cat lines.txt; cat lines.txt >&2", { maxOutput: 100 })
      yield* equal("stdout is its end", result.stdout, text.slice(-100))
      yield* equal("and is said to be cut", result.stdoutTruncated, true)
      yield* equal("stderr is its end", result.stderr, text.slice(-100))
      yield* equal("the whole can be fetched", yield* succeeds("fetching ends", result.allStdout()), text)
      yield* equal("or its last lines", yield* result.allStderr(2), "line 298\nline 299")
      yield* equal(
        "or streamed, twice",
        yield* Effect.all([Stream.mkString(result.stdoutStream), Stream.mkString(result.stdoutStream)]),
        [text, text]
      )
    })
  ),
  law(
    "exec-listeners",
    "Listeners of exec hear each output whole and in order, before exec returns.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const heard = { stdout: "", stderr: "" }
      const listen = (channel: "stdout" | "stderr") => (text: string) =>
        Effect.sync(() => {
          heard[channel] += text
        })
      yield* devbox.file.write("lines.txt", lines(500))
      yield* succeeds(
        "it ends",
        devbox.cmd.exec("cat lines.txt; echo err >&2; echo ü", {
          onStdout: listen("stdout"),
          onStderr: listen("stderr")
        })
      )
      yield* equal("stdout was heard", heard.stdout, `${lines(500)}ü\n`)
      yield* equal("stderr was heard", heard.stderr, "err\n")
    })
  ),
  law(
    "exec-byte-order-mark",
    "A byte order mark in output is a character like any other, at the beginning, too.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const text = "\uFEFFmarked\n"
      yield* devbox.file.write("marked.txt", text)
      let heard = ""
      const onStdout = (piece: string) => Effect.sync(() => void (heard += piece))
      const result = yield* succeeds("it ends", devbox.cmd.exec("cat marked.txt", { onStdout }))
      yield* equal("the result has it", result.stdout, text)
      yield* equal("it was heard", heard, text)
      const execution = yield* devbox.cmd.execAsync("cat marked.txt")
      yield* equal("it is in the stream", yield* succeeds("which ends", Stream.mkString(execution.stdout)), text)
    })
  ),
  law(
    "exec-command-id",
    "A command id that is used again gives the result of the first, and runs nothing.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const id = commandId()
      const first = yield* devbox.cmd.exec("echo once >> log.txt; exit 4", { commandId: id })
      const second = yield* succeeds(
        "the second succeeds",
        devbox.cmd.exec("echo once >> log.txt; exit 4", { commandId: id })
      )
      yield* equal(
        "with the first one's status",
        [second.exitCode, second.executionId],
        [first.exitCode, first.executionId]
      )
      yield* equal("and ran nothing", yield* devbox.file.read("log.txt"), "once\n")
    })
  ),
  law(
    "streams-again",
    "Streams of a command's output start at the beginning each time they are run, and end with it.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const execution = yield* devbox.cmd.execAsync("echo one; echo two >&2; echo drei; printf 'ü'")
      const read = Effect.all([Stream.mkString(execution.stdout), Stream.mkString(execution.stderr)])
      yield* equal("while it runs or after", yield* succeeds("the streams end", read), ["one\ndrei\nü", "two\n"])
      yield* equal("and again", yield* succeeds("and end again", read), ["one\ndrei\nü", "two\n"])
      const both = yield* Stream.runCollect(execution.output)
      const of = (channel: string) =>
        both
          .filter((piece) => piece.channel === channel)
          .map(({ text }) => text)
          .join("")
      yield* equal("both at once are the same", [of("stdout"), of("stderr")], ["one\ndrei\nü", "two\n"])
    })
  ),
  law(
    "streams-lines",
    "Streams of lines carry each line once and whole, the last one with or without its end.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const execution = yield* devbox.cmd.execAsync("printf 'one\\n\\ntwo\\nünd three'; printf 'err\\n' >&2")
      const lines = yield* succeeds("they end", Stream.runCollect(execution.stdoutLines))
      yield* equal("each line is one", lines, ["one", "", "two", "ünd three"])
      yield* equal("of stderr, too", yield* Stream.runCollect(execution.stderrLines), ["err"])
    })
  ),
  law(
    "streams-bytes",
    "Streams of bytes carry what is not text.",
    ["exactBytes"],
    Effect.gen(function* () {
      const devbox = yield* create()
      yield* devbox.file.upload("bytes.bin", everyByte)
      const execution = yield* devbox.cmd.execAsync("cat bytes.bin")
      const read = yield* succeeds("they end", Stream.runCollect(execution.stdoutBytes))
      yield* equal("every byte arrived", join(read), everyByte)
    })
  ),
  law(
    "stdin-conversation",
    "A command can be talked to: text and bytes, and the end of stdin.",
    ["stdin"],
    Effect.gen(function* () {
      const devbox = yield* create()
      const execution = yield* devbox.cmd.execAsync("cat; echo bye", { attachStdin: true })
      yield* succeeds("text can be sent", execution.send("héllo "))
      yield* succeeds("bytes can be sent", execution.send(new TextEncoder().encode("wörld\n")))
      yield* succeeds("the end can be sent", execution.signal("EOF"))
      const result = yield* succeeds("the command ends", execution.result)
      yield* equal("it heard everything", result.stdout, "héllo wörld\nbye\n")
      const piped = yield* devbox.cmd.execAsync("cat", { attachStdin: true })
      yield* succeeds("a stream can be run into it", Stream.run(Stream.make("a", "b", "c"), piped.stdin))
      yield* equal("with its end", (yield* succeeds("the command ends", piped.result)).stdout, "abc")
    })
  ),
  law(
    "shell-outlives-commands",
    "A named shell keeps its state when a command that ended in it is killed, or its scope closes.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const shell = devbox.cmd.shell("lasting")
      yield* shell.exec("LAW=kept")
      const execution = yield* Effect.scoped(
        Effect.tap(shell.execAsync("sleep 1000 & echo started"), ({ result }) => result)
      )
      const after = yield* succeeds("after a scope the shell goes on", shell.exec("echo $LAW"))
      yield* equal("as it was", after.stdout, "kept\n")
      yield* succeeds("what has ended can be killed", execution.kill())
      const last = yield* succeeds("after that the shell goes on", shell.exec("echo $LAW"))
      yield* equal("as it was", last.stdout, "kept\n")
    })
  ),
  law(
    "shell-handle",
    "The handle of a shell keeps its folder and variables, also for streams.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const shell = devbox.cmd.shell()
      yield* shell.exec("cd /tmp; export LAW=1")
      yield* equal("for exec", (yield* shell.exec("pwd; echo $LAW")).stdout, "/tmp\n1\n")
      const execution = yield* shell.execAsync("pwd; echo $LAW")
      yield* equal("for execAsync", yield* succeeds("it ends", Stream.mkString(execution.stdout)), "/tmp\n1\n")
      const other = devbox.cmd.shell()
      yield* holds("another shell has another name", other.name !== shell.name, shell.name)
      yield* equal("and nothing of it", (yield* other.exec("echo $LAW")).stdout, "\n")
    })
  ),
  law(
    "pty-handle",
    "A terminal can be talked to as text, resized, and waited for; a size that cannot be is refused before it is opened.",
    ["pty"],
    Effect.gen(function* () {
      const devbox = yield* create()
      const refused = yield* failsWith(
        "an impossible size is refused",
        Effect.scoped(devbox.cmd.pty({ cols: 0 })),
        "BackendError"
      )
      yield* equal("as what it is", [refused.reason._tag, refused.outcome], ["InvalidRequestError", "rejected"])
      const pty = yield* succeeds("a terminal can be opened", devbox.cmd.pty({ command: "stty size; cat" }))
      const shown = (word: string) => {
        let seen = ""
        return succeeds(
          `it shows ${word}`,
          Stream.runDrain(Stream.takeUntil(pty.text, (text) => (seen += text).includes(word)))
        )
      }
      yield* shown("24 80\r\n")
      yield* succeeds("text can be sent", pty.send("höre\r"))
      yield* shown("höre\r\nhöre\r\n")
      yield* succeeds("a stream can be run into it", Stream.run(Stream.make("zu", "\r"), pty.input))
      yield* shown("zu\r\nzu\r\n")
      yield* succeeds("it can be resized", pty.resize({ cols: 100, rows: 50 }))
      yield* failsWith("within reason", pty.resize({ cols: 1001, rows: 50 }), "BackendError")
      yield* succeeds("its end can be typed", pty.send("\x04"))
      yield* succeeds("its output ends", Stream.runDrain(pty.output))
      yield* equal("it ends well", yield* succeeds("and so does it", pty.exit), 0)
    })
  ),
  law(
    "kill-handle",
    "Killing a command through its handle returns when it is over.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const execution = yield* devbox.cmd.execAsync("sleep 1000")
      const info = yield* succeeds("it can be killed", execution.kill())
      yield* equal("it is over", info.status, "completed")
      const result = yield* succeeds("its result can be had", execution.result)
      yield* holds("which is the signal's", result.exitCode > 128, result.exitCode)
    })
  )
]

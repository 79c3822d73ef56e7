/** Mutants of the service, and of backends where only the service would notice. */
import { FileError, ResourceNotFound } from "@effect-devbox/core/DevboxError"
import type { Devbox, Execution, Pty } from "@effect-devbox/core/DevboxHandle"
import { DevboxNotReady } from "@effect-devbox/core/DevboxError"
import type { ExecutionId } from "@effect-devbox/core/Execution"
import { PortTunnel } from "@effect-devbox/core/Network"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import {
  another,
  broken,
  brokenCmd,
  brokenHandle,
  brokenService,
  chunks,
  creates,
  executions,
  type Mutant,
  outputs,
  starts,
  uploads
} from "./mutant.ts"

type Cmd = Devbox["cmd"]

/** Handles of commands that are broken, however they were started. */
const brokenExecution = (law: string, is: string, breaks: (sound: Execution) => Partial<Execution>): Mutant =>
  brokenCmd(law, is, (cmd) => {
    const change = (execution: Execution): Execution => ({ ...execution, ...breaks(execution) })
    const starting = (sound: Pick<Cmd, "execAsync" | "execDetached">): Pick<Cmd, "execAsync" | "execDetached"> => ({
      execAsync: (command, options) => Effect.map(sound.execAsync(command, options), change),
      execDetached: (command, options) => Effect.map(sound.execDetached(command, options), change)
    })
    return { ...starting(cmd), shell: (name) => ({ ...cmd.shell(name), ...starting(cmd.shell(name)) }) }
  })

const brokenPty = (is: string, breaks: (sound: Cmd) => Partial<Cmd>): Mutant => brokenCmd("pty-handle", is, breaks)

const brokenPtyHandle = (is: string, breaks: (sound: Pty) => Partial<Pty>): Mutant =>
  brokenPty(is, (cmd) => ({ pty: (options) => Effect.map(cmd.pty(options), (pty) => ({ ...pty, ...breaks(pty) })) }))

const unending = (law: string) =>
  broken(law, "cannot be killed", (b) => ({ kill: (id, executionId) => b.getExecution(id, executionId) }))

/** See above. */
export const lifetimes: ReadonlyArray<Mutant> = [
  brokenService("scope-success", "forgets the scope", (s) => ({ create: (options) => s.createDetached(options) })),
  brokenService("scope-success", "does not wait until it runs", (s, b) => ({
    create: (options = {}) =>
      Effect.map(
        Effect.flatMap(Effect.orDie(b.list({ limit: 1 })), () => s.create({ ...options, launchCommands: ["sleep 1"] })),
        (devbox) => ({
          ...devbox,
          getInfo: Effect.map(devbox.getInfo, (info) => Object.assign(info, { status: "provisioning" }))
        })
      )
  })),
  brokenService("scope-failure", "shuts down only after success", (s) => ({
    create: (options) =>
      Effect.tap(s.createDetached(options), ({ id }) =>
        Effect.addFinalizer((exit) => (exit._tag === "Success" ? Effect.ignore(s.shutdown(id)) : Effect.void))
      )
  })),
  brokenService("scope-interruption", "shuts down only when it is not interrupted", (s) => ({
    create: (options) =>
      Effect.tap(s.createDetached(options), ({ id }) =>
        Effect.addFinalizer((exit) =>
          exit._tag === "Failure" && exit.cause.reasons.some(({ _tag }) => _tag === "Interrupt")
            ? Effect.void
            : Effect.ignore(s.shutdown(id))
        )
      )
  })),
  broken("create-failing-launch", "runs no launch commands", (b) =>
    creates(b, () => ({ launchParameters: undefined }))
  ),
  brokenService("detached-outlives-scope", "ends it with the scope", (s) => ({
    createDetached: (options) => Effect.scoped(s.create(options))
  })),
  broken("close-ends", "shuts down once", (b) => {
    const over = new Set<string>()
    return {
      shutdown: (id, options) =>
        Effect.suspend(() => {
          if (over.has(id)) return Effect.fail(new ResourceNotFound({ resource: "devbox", id }))
          over.add(id)
          return b.shutdown(id, options)
        })
    }
  }),
  broken("close-ends", "only says so", (b) => ({ shutdown: (id) => b.get(id) })),
  unending("exec-interrupted"),
  brokenCmd("exec-interrupted", "leaves it running", (cmd) => ({
    exec: (command, options = {}) =>
      Effect.gen(function* () {
        const execution = yield* cmd.execDetached(command, options)
        if (options.onStdout !== undefined) yield* Stream.runForEach(Stream.take(execution.stdout, 1), options.onStdout)
        return yield* execution.result
      })
  })),
  unending("exec-timed-out"),
  brokenCmd("exec-timed-out", "knows no timeout", (cmd) => ({
    exec: (command, options) => cmd.exec(command, { ...options, timeout: undefined })
  })),
  broken("exec-timed-out-stubborn", "only asks", (b) => ({
    kill: (id, executionId, options) => b.kill(id, executionId, { ...options, signal: "SIGTERM" })
  })),
  unending("exec-async-scope"),
  brokenCmd("exec-async-scope", "ends the detached one, too", (cmd) => ({
    execDetached: (command, options) =>
      Effect.tap(cmd.execDetached(command, options), (execution) => Effect.ignore(execution.kill()))
  })),
  broken("exec-async-children", "kills nothing of a command that is over", (b) => ({
    kill: (id, executionId, options) =>
      Effect.flatMap(b.getExecution(id, executionId), (info) =>
        info.status === "completed" ? Effect.succeed(info) : b.kill(id, executionId, options)
      )
  })),
  brokenCmd("exec-async-children", "ends what exec left behind, too", (cmd) => ({
    exec: (command, options) =>
      Effect.scoped(Effect.flatMap(cmd.execAsync(command, options), (execution) => execution.result))
  })),
  broken("exec-async-finished", "forgets how it ended", (b) => {
    const seen = new Map<ExecutionId, number>()
    return executions(b, ({ executionId, exitStatus }) => {
      if (exitStatus === undefined) return {}
      const times = (seen.get(executionId) ?? 0) + 1
      seen.set(executionId, times)
      return times > 2 ? { exitStatus: 0 } : {}
    })
  })
]

/** See above. */
export const waits: ReadonlyArray<Mutant> = [
  brokenHandle("wait-timeout", "is content with what is", ({ awaitSuspended, getInfo }) => ({
    awaitSuspended: (options) => Effect.catchTag(awaitSuspended(options), "WaitTimeout", () => getInfo)
  })),
  brokenHandle("wait-timeout", "knows no timeout", ({ awaitSuspended }) => ({
    awaitSuspended: () => awaitSuspended()
  })),
  brokenHandle("wait-running", "waits for news", () => ({ awaitRunning: () => Effect.never })),
  brokenService("wait-settled-otherwise", "hopes on", (s) => ({
    awaitRunning: (id, options) => Effect.catchTag(s.awaitRunning(id, options), "DevboxNotReady", () => Effect.never)
  })),
  brokenService("wait-settled-otherwise", "has it wrong", (s) => ({
    awaitRunning: (id, options) =>
      Effect.catchTag(s.awaitRunning(id, options), "DevboxNotReady", (error) =>
        Effect.fail(new DevboxNotReady({ ...error, status: "suspended" }))
      )
  })),
  brokenHandle("wait-suspend-resume", "does not wait", ({ getInfo }) => ({
    awaitSuspended: () => getInfo,
    awaitRunning: () => getInfo
  })),
  brokenExecution("wait-result", "can be waited for once", (execution) => {
    let waited = false
    return {
      result: Effect.suspend(() => {
        if (waited) return Effect.never
        waited = true
        return execution.result
      })
    }
  })
]

const once = <A, E>(stream: Stream.Stream<A, E>): Stream.Stream<A, E> => {
  let read = false
  return Stream.suspend(() => {
    if (read) return Stream.empty
    read = true
    return stream
  })
}

/** See above. */
export const serviceCommands: ReadonlyArray<Mutant> = [
  brokenCmd("exec-result", "takes stderr for stdout", (cmd) => ({
    exec: (command, options) =>
      Effect.map(cmd.exec(command, options), (result) => ({ ...result, stdout: result.stderr, stderr: result.stdout }))
  })),
  brokenCmd("exec-result", "fails when the command does", (cmd) => ({
    exec: (command, options) => Effect.orDie(cmd.execOrFail(command, options))
  })),
  brokenCmd("exec-or-fail", "does not fail", (cmd) => ({ execOrFail: cmd.exec })),
  broken("exec-or-fail", "has no stderr", (b) =>
    Object.assign(
      outputs(b, (events) => Stream.filter(events, (event) => event._tag === "End" || event.channel === "stdout")),
      executions(b, () => ({ stderr: "" }))
    )
  ),
  brokenCmd("exec-hides-secrets", "shows them", (cmd) => ({
    execOrFail: (command, options) =>
      cmd.execOrFail(
        typeof command === "string"
          ? command
          : command.map((word) => (Redacted.isRedacted(word) ? Redacted.value(word) : word)),
        options
      )
  })),
  brokenCmd("exec-hides-secrets", "hides them from the command, too", (cmd) => ({
    exec: (command, options) => cmd.exec(typeof command === "string" ? command : command.map(String), options)
  })),
  brokenCmd("exec-byte-order-mark", "drops it from the result", (cmd) => ({
    exec: (command, options) =>
      Effect.map(cmd.exec(command, options), (result) => ({ ...result, stdout: result.stdout.replace(/^\uFEFF/, "") }))
  })),
  brokenCmd("exec-byte-order-mark", "keeps it from listeners", (cmd) => ({
    exec: (command, { onStdout, ...options } = {}) =>
      cmd.exec(command, {
        ...options,
        ...(onStdout === undefined ? {} : { onStdout: (text) => onStdout(text.replace(/^\uFEFF/, "")) })
      })
  })),
  brokenExecution("exec-byte-order-mark", "decodes as the standard decoder does", ({ stdoutBytes }) => ({
    stdout: Stream.decodeText(stdoutBytes)
  })),
  broken("exec-whole-output", "does not say that lines are missing", (b) =>
    executions(b, () => ({ stdoutTruncated: false, stderrTruncated: false }))
  ),
  brokenCmd("exec-bounded-output", "knows no bounds", (cmd) => ({
    exec: (command, options) => cmd.exec(command, { ...options, maxOutput: undefined })
  })),
  brokenCmd("exec-bounded-output", "gives only what it has", (cmd) => ({
    exec: (command, options) =>
      Effect.map(cmd.exec(command, options), (result) => ({
        ...result,
        allStdout: () => Effect.succeed(result.stdout)
      }))
  })),
  brokenCmd("exec-bounded-output", "streams once", (cmd) => ({
    exec: (command, options) =>
      Effect.map(cmd.exec(command, options), (result) => ({ ...result, stdoutStream: once(result.stdoutStream) }))
  })),
  brokenCmd("exec-listeners", "speaks to nobody", (cmd) => ({ exec: (command) => cmd.exec(command) })),
  brokenCmd("exec-listeners", "speaks of stdout only", (cmd) => ({
    exec: (command, options) => cmd.exec(command, { ...options, onStderr: undefined })
  })),
  brokenCmd("exec-command-id", "makes its own", (cmd) => ({
    exec: (command, options) => cmd.exec(command, { ...options, commandId: undefined })
  })),
  brokenExecution("streams-again", "streams once", (execution) => ({ stdout: once(execution.stdout) })),
  brokenExecution("streams-again", "does not end", (execution) => ({
    stderr: Stream.concat(execution.stderr, Stream.never)
  })),
  broken("streams-bytes", "thinks in text", (b) =>
    chunks(b, (chunk) => ({ ...chunk, bytes: new TextEncoder().encode(new TextDecoder().decode(chunk.bytes)) }))
  ),
  broken("stdin-conversation", "does not hear the end", (b) => ({
    sendStdin: (id, executionId, input) => ("signal" in input ? Effect.void : b.sendStdin(id, executionId, input))
  })),
  brokenExecution("stdin-conversation", "hears only bytes", (execution) => ({
    send: (input) => (typeof input === "string" ? Effect.void : execution.send(input))
  })),
  broken("shell-outlives-commands", "takes the shell for a part of what has ended in it", (b) => ({
    kill: (id, executionId, options) =>
      Effect.tap(b.kill(id, executionId, options), ({ shellName }) =>
        shellName === undefined
          ? Effect.void
          : b.startExecution(id, { commandId: another(), command: "exit", shell: shellName })
      )
  })),
  broken("shell-handle", "is a new one each time", (b) => starts(b, () => ({ shell: undefined }))),
  brokenCmd("shell-handle", "is always the same", (cmd) => ({ shell: () => cmd.shell("the-only-one") })),
  brokenExecution("streams-lines", "keeps the last line for itself", ({ stdoutLines }) => ({
    stdoutLines: Stream.dropRight(stdoutLines, 1)
  })),
  brokenExecution("streams-lines", "drops empty lines", ({ stdoutLines }) => ({
    stdoutLines: Stream.filter(stdoutLines, (line) => line !== "")
  })),
  brokenExecution("streams-lines", "has lines of stdout only", ({ stdoutLines }) => ({ stderrLines: stdoutLines })),
  brokenPty("takes any size", (cmd) => ({ pty: (options = {}) => cmd.pty({ ...options, cols: options.cols || 80 }) })),
  brokenPty("is small unless told otherwise", (cmd) => ({
    pty: (options) => cmd.pty({ cols: 40, rows: 12, ...options })
  })),
  brokenPtyHandle("decodes each byte by itself", ({ output }) => ({
    text: Stream.map(output, (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
  })),
  brokenPtyHandle("sends nothing", () => ({ send: () => Effect.void })),
  brokenPtyHandle("takes only text that is sent", () => ({ input: Sink.drain })),
  brokenPtyHandle("takes any new size", ({ resize }) => ({ resize: (size) => Effect.ignore(resize(size)) })),
  brokenPtyHandle("always ends badly", ({ exit }) => ({ exit: Effect.as(exit, 1) })),
  unending("kill-handle"),
  brokenExecution("kill-handle", "only asks", (execution) => ({ kill: () => Effect.orDie(execution.getState) }))
]

/** See above. */
export const serviceThings: ReadonlyArray<Mutant> = [
  brokenHandle("file-text", "drops the byte order mark", ({ file }) => ({
    file: { ...file, read: (path) => Effect.map(file.read(path), (text) => text.replace(/^\uFEFF/, "")) }
  })),
  brokenHandle("file-text", "ends lines its own way", ({ file }) => ({
    file: { ...file, write: (path, contents) => file.write(path, contents.replaceAll("\r\n", "\n")) }
  })),
  brokenHandle("file-not-text", "replaces what is no text", ({ file }) => ({
    file: { ...file, read: (path) => Effect.map(file.download(path), (bytes) => new TextDecoder().decode(bytes)) }
  })),
  broken("file-streams", "keeps the last piece", (b) => uploads(b, (contents) => Stream.takeRight(contents, 1))),
  broken("file-problems", "names another path", (b) => ({
    download: (...args) =>
      Stream.catchTag(b.download(...args), "FileError", (error) =>
        Stream.fail(new FileError({ ...error, path: "elsewhere" }))
      )
  })),
  brokenHandle("metadata-is-yours", "shows the service's own", ({ id }, _service, b) => ({ getInfo: b.get(id) })),
  broken("metadata-is-yours", "is lost in an update", (b) => ({
    update: (id, change) =>
      b.update(
        id,
        change.metadata === undefined
          ? change
          : {
              ...change,
              metadata: Object.fromEntries(Object.entries(change.metadata).filter(([key]) => key.length < 3))
            }
      )
  })),
  brokenService("list-is-a-stream", "has one element", (s) => ({ list: (filter) => Stream.take(s.list(filter), 1) })),
  brokenService("list-is-a-stream", "is not filtered", (s) => ({ list: () => s.list() })),
  brokenHandle("handle-is-the-service", "runs commands elsewhere", ({ cmd }) => ({
    cmd: { ...cmd, exec: (command, options) => cmd.exec(command, { ...options, cwd: "/tmp" }) }
  })),
  brokenService("handle-is-the-service", "attaches to what is not there", (s) => ({
    attach: (id) => ({ ...s.attach(id), file: s.attach("dbx_nowhere").file })
  })),
  brokenService("attach-unknown", "calls it over", (s) => ({
    attach: (id) => ({
      ...s.attach(id),
      getInfo: Effect.catchTag(s.attach(id).getInfo, "ResourceNotFound", () => Effect.die("over"))
    })
  })),
  brokenHandle("snapshot-handle", "does not wait", ({ snapshotDiskAsync }) => ({
    snapshotDisk: (options) => snapshotDiskAsync(options)
  })),
  brokenHandle("snapshot-handle", "does not delete", ({ snapshotDisk, snapshotDiskAsync }) => ({
    snapshotDiskAsync: (options) =>
      Effect.map(snapshotDiskAsync(options), (snapshot) => ({ ...snapshot, delete: Effect.void })),
    snapshotDisk
  })),
  brokenHandle("tunnel-url", "is the same for every port", ({ net }) => ({
    net: {
      ...net,
      createTunnel: (port) => Effect.map(net.createTunnel(8080), (tunnel) => new PortTunnel({ ...tunnel, port }))
    }
  })),
  broken("tunnel-url", "stays when it is removed", () => ({ removeTunnel: () => Effect.void }))
]

/** Mutants of commands, output, stdin, signals and shells. */
import { BackendError, UnavailableError } from "@effect-devbox/core/DevboxError"
import { type DevboxId, LogEntry } from "@effect-devbox/core/DevboxModel"
import { cursorStart, type ExecutionId, type OutputEvent } from "@effect-devbox/core/Execution"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { another, broken, chunks, executions, type Mutant, outputs, starts } from "./mutant.ts"

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

const busy = (operation: string) =>
  new BackendError({
    backend: "mutant",
    operation,
    outcome: "rejected",
    reason: new UnavailableError({ detail: "busy" })
  })

/** Reads everything and gives it as one. */
const rewrite =
  (change: (events: ReadonlyArray<OutputEvent>) => ReadonlyArray<OutputEvent>) =>
  <E>(events: Stream.Stream<OutputEvent, E>): Stream.Stream<OutputEvent, E> =>
    Stream.unwrap(Effect.map(Stream.runCollect(events), (all) => Stream.fromIterable(change(all))))

/** See above. */
export const commands: ReadonlyArray<Mutant> = [
  broken("exec-exit-status", "knows only good and bad", (b) =>
    executions(b, ({ exitStatus }) => (exitStatus === undefined || exitStatus === 0 ? {} : { exitStatus: 1 }))
  ),
  broken("exec-exit-status", "takes failures for success", (b) =>
    executions(b, ({ exitStatus }) => (exitStatus === undefined ? {} : { exitStatus: 0 }))
  ),
  broken("exec-exit-status", "makes up a signal", (b) =>
    executions(b, ({ exitStatus }) => (exitStatus === 255 ? { signal: "SIGHUP" } : {}))
  ),
  broken("exec-not-found", "says nothing on stderr", (b) =>
    outputs(b, (events) => Stream.filter(events, (event) => event._tag === "End" || event.channel === "stdout"))
  ),
  broken("exec-not-found", "calls it a general failure", (b) =>
    executions(b, ({ exitStatus }) => (exitStatus === 127 ? { exitStatus: 1 } : {}))
  ),
  broken("exec-outputs-apart", "prints stderr on stdout", (b) =>
    starts(b, ({ command }) => (typeof command === "string" ? { command: `sh -c ${quoted(command)} 2>&1` } : {}))
  ),
  broken("exec-words-are-literal", "joins words with spaces", (b) =>
    starts(b, ({ command }) => (typeof command === "string" ? {} : { command: command.join(" ") }))
  ),
  broken("exec-words-are-literal", "drops empty words", (b) =>
    starts(b, ({ command }) => (typeof command === "string" ? {} : { command: command.filter((word) => word !== "") }))
  ),
  broken("exec-unicode", "thinks in seven bits", (b) =>
    chunks(b, (chunk) => ({ ...chunk, bytes: chunk.bytes.map((byte) => (byte > 127 ? 63 : byte)) }))
  ),
  broken("exec-exact-bytes", "thinks in text", (b) =>
    chunks(b, (chunk) => ({ ...chunk, bytes: new TextEncoder().encode(new TextDecoder().decode(chunk.bytes)) }))
  ),
  broken("exec-exact-bytes", "loses NUL bytes", (b) =>
    chunks(b, (chunk) => ({ ...chunk, bytes: chunk.bytes.filter((byte) => byte !== 0) }))
  ),
  broken("exec-large-output", "keeps a megabyte", (b) =>
    chunks(b, (chunk) => ({ ...chunk, bytes: chunk.bytes.subarray(0, 1024 * 1024) }))
  ),
  broken("exec-large-output", "does not know the length", (b) => executions(b, () => ({ stdoutBytes: 0 }))),
  broken("exec-last-lines", "sends everything", (b) => ({
    getExecution: (id, executionId) => b.getExecution(id, executionId, { lastLines: 1_000_000 })
  })),
  broken("exec-last-lines", "does not say that lines are missing", (b) =>
    executions(b, () => ({ stdoutTruncated: false }))
  ),
  broken("exec-last-lines", "says always that lines are missing", (b) =>
    executions(b, () => ({ stderrTruncated: true }))
  ),
  broken("exec-at-most-once", "runs it again", (b) => {
    const known = new Set<ExecutionId>()
    return {
      startExecution: (id, params) => {
        const again = known.has(params.commandId)
        known.add(params.commandId)
        const start = b.startExecution(id, params)
        return again ? Effect.andThen(b.startExecution(id, { ...params, commandId: another() }), start) : start
      }
    }
  }),
  broken("exec-at-most-once", "refuses the second", (b) => {
    const known = new Set<ExecutionId>()
    return {
      startExecution: (id, params) => {
        if (known.has(params.commandId)) return Effect.fail(busy("startExecution"))
        known.add(params.commandId)
        return b.startExecution(id, params)
      }
    }
  }),
  broken("exec-at-most-once-at-once", "looks before it leaps, and others leap meanwhile", (b) => ({
    startExecution: (id, params) =>
      Effect.gen(function* () {
        const known = yield* Effect.exit(b.getExecution(id, params.commandId))
        yield* Effect.yieldNow
        if (known._tag === "Failure") yield* b.startExecution(id, { ...params, commandId: another() })
        return yield* b.startExecution(id, { ...params, command: "true" })
      })
  })),
  broken("exec-own-id", "makes its own", (b) => starts(b, () => ({ commandId: another() }))),
  broken("exec-completed-has-status", "is completed before it knows how", (b) => {
    const seen = new Set<ExecutionId>()
    return executions(b, ({ executionId, exitStatus, status }) => {
      const first = status === "completed" && !seen.has(executionId)
      if (first) seen.add(executionId)
      return { exitStatus: first ? undefined : exitStatus }
    })
  }),
  broken("exec-end-by-signal", "gives the number of the signal", (b) =>
    executions(b, ({ exitStatus, signal }) => (signal === undefined ? {} : { exitStatus: (exitStatus ?? 128) - 128 }))
  ),
  broken("exec-end-by-signal", "gives the signal a name of its own", (b) =>
    executions(b, ({ signal }) => (signal === undefined ? {} : { signal: "KILL" }))
  ),
  broken("exec-folder-and-environment", "ignores the folder", (b) => starts(b, () => ({ cwd: undefined }))),
  broken("exec-folder-and-environment", "ignores the variables", (b) => starts(b, () => ({ env: undefined }))),
  broken("exec-folder-and-environment", "keeps the variables", (b) => {
    let kept: Readonly<Record<string, string>> = {}
    return starts(b, ({ env }) => ({ env: (kept = { ...kept, ...env }) }))
  }),
  broken("exec-starts-at-home", "starts at the top", (b) => starts(b, ({ cwd }) => ({ cwd: cwd ?? "/" }))),
  broken("exec-keeps-nothing", "runs everything in one shell", (b) =>
    starts(b, ({ shell }) => ({ shell: shell ?? "the-only-one" }))
  ),
  broken("exec-without-stdin", "leaves stdin open", (b) => starts(b, () => ({ attachStdin: true }))),
  broken("exec-many-at-once", "takes ten at a time and refuses the rest", (b) => {
    let taken = 0
    return {
      startExecution: (id, params) =>
        ++taken > 10 ? Effect.fail(busy("startExecution")) : b.startExecution(id, params)
    }
  }),
  broken("exec-many-at-once", "mixes up the ends", (b) => {
    const ends = new Map<ExecutionId, number>()
    let last: number | undefined
    return executions(b, ({ executionId, exitStatus }) => {
      if (exitStatus === undefined) return {}
      if (!ends.has(executionId)) ends.set(executionId, last ?? exitStatus)
      last = exitStatus
      return { exitStatus: ends.get(executionId) }
    })
  })
]

/** See above. */
export const output: ReadonlyArray<Mutant> = [
  broken("output-from-any-byte", "begins at the beginning", (b) => ({
    output: (id, executionId, channel) => b.output(id, executionId, channel, cursorStart)
  })),
  broken("output-from-any-byte", "begins a byte late", (b) => ({
    output: (id, executionId, channel, cursor) =>
      b.output(id, executionId, channel, { stdout: cursor.stdout === 0 ? 0 : cursor.stdout + 1, stderr: cursor.stderr })
  })),
  broken("output-again", "can be read once", (b) => {
    const read = new Set<string>()
    return outputs(b, (events, [, executionId, channel]) => {
      const key = `${executionId} ${channel}`
      if (read.has(key)) return Stream.make({ _tag: "End", stdout: 0 })
      read.add(key)
      return events
    })
  }),
  broken("output-follows", "waits for the end", (b) =>
    outputs(
      b,
      rewrite((events) => events)
    )
  ),
  broken("output-follows", "stops at what there is", (b) =>
    outputs(b, (events) =>
      Stream.concat(Stream.take(events, 1), Stream.make<[OutputEvent]>({ _tag: "End", stdout: 6 }))
    )
  ),
  broken("output-end-promises", "promises too much", (b) =>
    outputs(b, (events) =>
      Stream.map(events, (event) => (event._tag === "End" ? { ...event, stdout: (event.stdout ?? 0) + 1 } : event))
    )
  ),
  broken("output-end-promises", "promises nothing", (b) =>
    outputs(b, (events) => Stream.map(events, (event): OutputEvent => (event._tag === "End" ? { _tag: "End" } : event)))
  ),
  broken("output-nothing", "says nothing, not even that it ends", (b) =>
    outputs(
      b,
      rewrite((events) => (events.length === 1 ? [] : events))
    )
  ),
  broken("output-past-the-end", "gives the last byte again", (b) => ({
    output: (id, executionId, channel, cursor) =>
      b.output(id, executionId, channel, { ...cursor, stdout: Math.max(0, cursor.stdout - 1) })
  })),
  broken("output-both", "gives only one", (b) =>
    outputs(b, (events) => Stream.filter(events, (event) => event._tag === "End" || event.channel === "stdout"))
  ),
  broken("output-both", "ends twice", (b) =>
    outputs(b, (events) =>
      Stream.flatMap(events, (event) =>
        Stream.fromIterable<OutputEvent>(event._tag === "End" ? [event, event] : [event])
      )
    )
  ),
  broken("output-one-is-one", "gives both", (b) => ({
    output: (id, executionId, _channel, cursor) => b.output(id, executionId, "both", cursor)
  })),
  broken("output-without-gaps", "drops a chunk", (b) =>
    outputs(
      b,
      rewrite((events) => events.filter((_, index) => index !== 1))
    )
  ),
  broken("output-without-gaps", "starts every chunk at nought", (b) => chunks(b, (chunk) => ({ ...chunk, start: 0 }))),
  broken("output-without-gaps", "gives a chunk twice", (b) =>
    outputs(
      b,
      rewrite((events) =>
        events.flatMap((event): ReadonlyArray<OutputEvent> => (event._tag === "Chunk" ? [event, event] : [event]))
      )
    )
  ),
  broken("output-stops-when-left", "ends the command with its reader", (b) =>
    outputs(b, (events, [id, executionId]) => Stream.ensuring(events, Effect.ignore(b.kill(id, executionId))))
  ),
  broken("output-ends-without-children", "loses what comes later", (b) => ({
    logs: (id, filter) => Effect.map(b.logs(id, filter), (all) => all.filter(({ message }) => message !== "late"))
  })),
  broken("output-ends-without-children", "forgets whose it was", (b) => ({
    logs: (id) => Effect.map(b.logs(id), (all) => all.map(({ cmdId: _cmdId, ...entry }) => new LogEntry(entry)))
  })),
  broken("output-ends-without-children", "adds what comes later to the output", (b) =>
    outputs(b, (events, [id]) =>
      Stream.concat(
        events,
        Stream.unwrap(
          Effect.map(
            Effect.orElseSucceed(b.logs(id), () => []),
            (all) =>
              Stream.fromIterable(
                all
                  .filter(({ message }) => message === "late")
                  .map(({ message = "" }): OutputEvent => {
                    const late = new TextEncoder().encode(message)
                    return { _tag: "Chunk", channel: "stdout", bytes: late, start: 4, end: 4 + late.length }
                  })
              )
          )
        )
      )
    )
  )
]

/** See above. */
export const control: ReadonlyArray<Mutant> = [
  broken("stdin-arrives", "sends text", (b) => ({
    sendStdin: (id, executionId, input) =>
      b.sendStdin(
        id,
        executionId,
        "bytes" in input ? { bytes: new TextEncoder().encode(new TextDecoder().decode(input.bytes)) } : input
      )
  })),
  broken("stdin-arrives", "sends a page at most", (b) => ({
    sendStdin: (id, executionId, input) =>
      b.sendStdin(id, executionId, "bytes" in input ? { bytes: input.bytes.subarray(0, 65_536) } : input)
  })),
  broken("stdin-ends", "ends the command instead", (b) => ({
    sendStdin: (id, executionId, input) =>
      "signal" in input && input.signal === "EOF"
        ? Effect.asVoid(b.kill(id, executionId))
        : b.sendStdin(id, executionId, input)
  })),
  broken("stdin-ends", "keeps it to itself", (b) => ({
    sendStdin: (id, executionId, input) => ("signal" in input ? Effect.void : b.sendStdin(id, executionId, input))
  })),
  broken("stdin-interrupts", "kills", (b) => ({
    sendStdin: (id, executionId, input) =>
      "signal" in input && input.signal === "INTERRUPT"
        ? Effect.asVoid(b.kill(id, executionId, { signal: "SIGKILL" }))
        : b.sendStdin(id, executionId, input)
  })),
  broken("stdin-is-asked-for", "takes it and throws it away", (b) => ({
    sendStdin: (...args) => Effect.ignore(b.sendStdin(...args))
  })),
  broken("kill-ends", "does nothing", (b) => ({ kill: (id, executionId) => b.getExecution(id, executionId) })),
  broken("kill-ends", "calls it a success", (b) =>
    executions(b, ({ exitStatus, signal }) =>
      signal === undefined ? {} : { exitStatus: exitStatus === undefined ? undefined : 0 }
    )
  ),
  broken("kill-of-the-dead", "kills it once more", (b) => {
    const killed = new Set<ExecutionId>()
    const sound = executions(b, ({ executionId }) => (killed.has(executionId) ? { exitStatus: 137 } : {}))
    return {
      ...sound,
      kill: (id, executionId, options) => {
        killed.add(executionId)
        return sound.kill!(id, executionId, options)
      }
    }
  }),
  broken("kill-of-the-dead", "fails", (b) => ({
    kill: (id, executionId, options) =>
      Effect.flatMap(b.getExecution(id, executionId), ({ status }) =>
        status === "completed" ? Effect.fail(busy("kill")) : b.kill(id, executionId, options)
      )
  })),
  broken("kill-leaves-others", "kills everything", (b) => killsAll(b)),
  broken("kill-asks-first", "knows only one signal", (b) => ({
    kill: (id, executionId) => b.kill(id, executionId, { signal: "SIGKILL" })
  })),
  broken("kill-by-degrees", "knows only one signal", (b) => ({
    kill: (id, executionId) => b.kill(id, executionId, { signal: "SIGKILL" })
  })),
  broken("kill-by-degrees", "only asks", (b) => ({
    kill: (id, executionId) => b.kill(id, executionId, { signal: "SIGTERM" })
  }))
]

const killsAll = (b: Parameters<NonNullable<Mutant["backend"]>>[0]) => {
  const started: Array<readonly [DevboxId, ExecutionId]> = []
  return {
    startExecution: (id: DevboxId, params: Parameters<typeof b.startExecution>[1]) => {
      started.push([id, params.commandId])
      return b.startExecution(id, params)
    },
    kill: (id: DevboxId, executionId: ExecutionId, options: Parameters<typeof b.kill>[2]) =>
      Effect.andThen(
        Effect.forEach(started.toReversed(), ([box, each]) => Effect.ignore(b.kill(box, each, options)), {
          discard: true
        }),
        b.getExecution(id, executionId)
      )
  }
}

/** See above. */
export const shells: ReadonlyArray<Mutant> = [
  broken("shell-remembers", "is a new one each time", (b) => starts(b, () => ({ shell: undefined }))),
  broken("shell-exit-status", "knows no failure", (b) =>
    executions(b, ({ exitStatus, shellName }) =>
      shellName === undefined || exitStatus === undefined ? {} : { exitStatus: 0 }
    )
  ),
  broken("shell-exit-status", "does not say its name", (b) => executions(b, () => ({ shellName: undefined }))),
  broken("shell-one-at-a-time", "runs them all at once", (b) => starts(b, () => ({ shell: undefined }))),
  broken("shells-are-apart", "is one for all", (b) =>
    starts(b, ({ shell }) => ({ shell: shell === undefined ? undefined : "one" }))
  ),
  broken("shell-starts-again", "does not say so", (b) => executions(b, () => ({ shellRestarted: undefined }))),
  broken("shell-starts-again", "says so for ever", (b) =>
    executions(b, ({ shellName }) => (shellName === undefined ? {} : { shellRestarted: true }))
  ),
  broken("shell-outlives-a-kill", "takes those who wait with it", (b) => killsAll(b))
]

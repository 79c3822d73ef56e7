/** What laws of `DevboxBackend` do with a backend to get to their claims: a devbox that runs, a command that is over, a file. */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { DevboxBackend, type Shape, type StartExecution } from "../../DevboxBackend.ts"
import type { FileAccessError, LookupError, OutputError, ReadyError } from "../../DevboxError.ts"
import { CreateParams, type DevboxId, type DevboxInfo, type DevboxStatus } from "../../DevboxModel.ts"
import {
  type Channel,
  cursorStart,
  ExecutionId,
  type ExecutionInfo,
  type OutputCursor,
  type OutputEvent
} from "../../Execution.ts"
import { watch } from "./claim.ts"
import { Surroundings } from "./law.ts"

/** Text as bytes. */
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
/** Bytes as text; fails on what is not UTF-8. */
export const text = (data: Uint8Array): string =>
  new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data)
/** Every byte there is, in order. */
export const everyByte = Uint8Array.from({ length: 256 }, (_, index) => index)
/** So many bytes that repeat nowhere soon and are not text. */
export const noise = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 131 + (index >> 8) * 17 + (index >> 16)) & 0xff)

/** One array from many. */
export const join = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** A name that nothing else has. */
export const unique = (prefix: string): string => `${prefix}-${SecureRandom.uuidV7Unsafe()}`
/** A fresh id for a command. */
export const commandId = (): ExecutionId => ExecutionId.make(SecureRandom.uuidV7Unsafe())

/** What it takes to create a devbox here. */
export const params = (wanted: Partial<CreateParams> = {}): Effect.Effect<CreateParams> =>
  Effect.map(Surroundings, ({ create }) => {
    const { minimumIsolation, network } = create
    return new CreateParams({
      ...(minimumIsolation === undefined ? {} : { minimumIsolation }),
      ...(network === undefined ? {} : { network }),
      ...wanted
    })
  })

/** Waits until a devbox has one of some statuses, or is over. */
export const reach = (
  backend: Shape,
  id: DevboxId,
  ...statuses: ReadonlyArray<DevboxStatus>
): Effect.Effect<DevboxInfo, LookupError> =>
  watch(backend.get(id), ({ status }) => statuses.includes(status) || status === "failure" || status === "shutdown")

/** Asks for a devbox that is shut down with the scope. */
export const created = (wanted?: Partial<CreateParams>) =>
  Effect.gen(function* () {
    const backend = yield* DevboxBackend
    const request = yield* params(wanted)
    return yield* Effect.acquireRelease(backend.create(request), (info) =>
      Effect.ignore(backend.shutdown(info.id, { force: true }))
    )
  })

/** A devbox that runs, with its backend. */
export interface Running {
  readonly backend: Shape
  readonly id: DevboxId
}

/** A devbox that runs, shut down with the scope. */
export const running = (wanted?: Partial<CreateParams>): Effect.Effect<Running, unknown, DevboxBackend | Scope.Scope> =>
  Effect.gen(function* () {
    const backend = yield* DevboxBackend
    const { id } = yield* created(wanted)
    const info = yield* reach(backend, id, "running")
    if (info.status !== "running") return yield* Effect.die(new Error(`devbox ${id} is ${info.status}, not running`))
    return { backend, id }
  })

/** Starts a command. */
export const start = (
  { backend, id }: Running,
  command: StartExecution["command"],
  options: Partial<StartExecution> = {}
): Effect.Effect<ExecutionInfo, ReadyError> =>
  backend.startExecution(id, { commandId: commandId(), command, ...options })

/** Waits until a command is over. */
export const over = ({ backend, id }: Running, executionId: ExecutionId): Effect.Effect<ExecutionInfo, LookupError> =>
  watch(backend.getExecution(id, executionId), ({ status }) => status === "completed")

/** The events of a reading from its beginning to its end. */
export const events = (
  { backend, id }: Running,
  executionId: ExecutionId,
  channel: Channel | "both",
  cursor: OutputCursor = cursorStart
): Effect.Effect<ReadonlyArray<OutputEvent>, OutputError> =>
  Stream.runCollect(backend.output(id, executionId, channel, cursor))

/** The bytes among the events, of one channel. */
export const bytesOf = (found: ReadonlyArray<OutputEvent>, channel: Channel): Uint8Array =>
  join(found.flatMap((event) => (event._tag === "Chunk" && event.channel === channel ? [event.bytes] : [])))

/** A command that is over, with what it printed. */
export interface Outcome {
  readonly info: ExecutionInfo
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
}

/** Runs a command to its end. */
export const exec = (
  box: Running,
  command: StartExecution["command"],
  options?: Partial<StartExecution>
): Effect.Effect<Outcome, OutputError> =>
  Effect.gen(function* () {
    const { executionId } = yield* start(box, command, options)
    const [stdout, stderr] = yield* Effect.all([events(box, executionId, "stdout"), events(box, executionId, "stderr")])
    const info = yield* over(box, executionId)
    return { info, stdout: bytesOf(stdout, "stdout"), stderr: bytesOf(stderr, "stderr") }
  })

/** What a command prints on stdout, as text without the newline at its end. */
export const said = (box: Running, command: StartExecution["command"], options?: Partial<StartExecution>) =>
  Effect.map(exec(box, command, options), ({ stdout }) => text(stdout).replace(/\n$/, ""))

/** Writes a file. */
export const put = ({ backend, id }: Running, path: string, contents: string | Uint8Array) => {
  const data = typeof contents === "string" ? bytes(contents) : contents
  return backend.upload(id, path, data.length === 0 ? Stream.empty : Stream.make(data), { size: data.length })
}

/** Removes a file with the scope: a devbox that is not isolated shares its /tmp with the machine. */
export const leavesNothing = (box: Running, path: string) =>
  Effect.addFinalizer(() => Effect.ignore(exec(box, ["rm", "-f", path])))

/** Reads a file. */
export const get = ({ backend, id }: Running, path: string): Effect.Effect<Uint8Array, FileAccessError> =>
  Effect.map(Stream.runCollect(backend.download(id, path)), join)

/** Starts a command that prints `ready` and then runs until it is ended, and waits for the word. */
export const busy = (box: Running, options: { readonly before?: string; readonly shell?: string } = {}) =>
  Effect.gen(function* () {
    const command = `${options.before ?? ":"}; echo ready; sleep 1000`
    const info = yield* start(box, command, options.shell === undefined ? {} : { shell: options.shell })
    yield* firstOutput(box, info.executionId, "ready\n".length)
    return info
  })

/** Follows a command's stdout until so many bytes have come. */
export const firstOutput = ({ backend, id }: Running, executionId: ExecutionId, length: number) =>
  backend.output(id, executionId, "stdout", cursorStart).pipe(
    Stream.takeUntil((event) => event._tag === "End" || event.end >= length),
    Stream.runCollect,
    Effect.map((found) => bytesOf(found, "stdout"))
  )

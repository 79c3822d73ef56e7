/** Mutants: backends and services that are broken in one way each, and what it takes to break them. */
import { CreateParams, type DevboxId, DevboxInfo } from "@effect-devbox/core/DevboxModel"
import type { Shape, StartExecution } from "@effect-devbox/core/DevboxBackend"
import type { Devbox } from "@effect-devbox/core/DevboxHandle"
import type { Interface } from "@effect-devbox/core/DevboxService"
import { ExecutionId, ExecutionInfo, type OutputChunk, type OutputEvent } from "@effect-devbox/core/Execution"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** A way to be broken, and the law that must notice. */
export interface Mutant {
  readonly law: string
  /** What is wrong with it. */
  readonly is: string
  /** Breaks the backend; called once for each world. */
  readonly backend?: (sound: Shape) => Shape
  /** Breaks the service. */
  readonly service?: (sound: Interface, backend: Shape) => Interface
}

/** A mutant of a backend. */
export const broken = (law: string, is: string, breaks: (sound: Shape) => Partial<Shape>): Mutant => ({
  law,
  is,
  backend: (sound) => ({ ...sound, ...breaks(sound) })
})

/** A mutant of the service. */
export const brokenService = (
  law: string,
  is: string,
  breaks: (sound: Interface, backend: Shape) => Partial<Interface>
): Mutant => ({ law, is, service: (sound, backend) => ({ ...sound, ...breaks(sound, backend) }) })

/** A mutant of the handles of devboxes. */
export const brokenHandle = (
  law: string,
  is: string,
  breaks: (sound: Devbox, service: Interface, backend: Shape) => Partial<Devbox>
): Mutant =>
  brokenService(law, is, (service, backend) => {
    const change = (devbox: Devbox): Devbox => ({ ...devbox, ...breaks(devbox, service, backend) })
    return {
      create: (options) => Effect.map(service.create(options), change),
      attach: (id, options) => change(service.attach(id, options))
    }
  })

/** A mutant whose commands are broken. */
export const brokenCmd = (law: string, is: string, breaks: (sound: Devbox["cmd"]) => Partial<Devbox["cmd"]>): Mutant =>
  brokenHandle(law, is, ({ cmd }) => ({ cmd: { ...cmd, ...breaks(cmd) } }))

/** Fields that are changed, or taken away. */
export type Changes<Fields> = { readonly [K in keyof Fields]?: Fields[K] | undefined }
type InfoFields = ConstructorParameters<typeof DevboxInfo>[0]
type ExecutionFields = ConstructorParameters<typeof ExecutionInfo>[0]
type CreateFields = ConstructorParameters<typeof CreateParams>[0]

/** Changes what every look at a devbox shows. */
export const infos = (sound: Shape, change: (info: DevboxInfo) => Changes<InfoFields>): Partial<Shape> => {
  const changed = (info: DevboxInfo) => {
    const fields = { ...info, ...change(info) }
    for (const [key, value] of Object.entries(fields)) if (value === undefined) Reflect.deleteProperty(fields, key)
    return new DevboxInfo(fields as InfoFields)
  }
  const { waitForStatus } = sound
  return {
    create: (params) => Effect.map(sound.create(params), changed),
    get: (id) => Effect.map(sound.get(id), changed),
    list: (query) => Effect.map(sound.list(query), (page) => ({ ...page, items: page.items.map(changed) })),
    update: (id, what) => Effect.map(sound.update(id, what), changed),
    suspend: (id) => Effect.map(sound.suspend(id), changed),
    resume: (id) => Effect.map(sound.resume(id), changed),
    shutdown: (id, options) => Effect.map(sound.shutdown(id, options), changed),
    ...(waitForStatus === undefined ? {} : { waitForStatus: (...args) => Effect.map(waitForStatus(...args), changed) })
  }
}

/** Changes what every look at a command shows. */
export const executions = (sound: Shape, change: (info: ExecutionInfo) => Changes<ExecutionFields>): Partial<Shape> => {
  const changed = (info: ExecutionInfo) => {
    const fields = { ...info, ...change(info) }
    for (const [key, value] of Object.entries(fields)) if (value === undefined) Reflect.deleteProperty(fields, key)
    return new ExecutionInfo(fields as ExecutionFields)
  }
  const { waitForExecution } = sound
  return {
    startExecution: (id, params) => Effect.map(sound.startExecution(id, params), changed),
    getExecution: (...args) => Effect.map(sound.getExecution(...args), changed),
    kill: (...args) => Effect.map(sound.kill(...args), changed),
    ...(waitForExecution === undefined
      ? {}
      : { waitForExecution: (...args) => Effect.map(waitForExecution(...args), changed) })
  }
}

/** Changes what is asked for by create. */
export const creates = (sound: Shape, change: (params: CreateParams) => Changes<CreateFields>): Partial<Shape> => ({
  create: (params) => {
    const fields = { ...params, ...change(params) }
    for (const [key, value] of Object.entries(fields)) if (value === undefined) Reflect.deleteProperty(fields, key)
    return sound.create(new CreateParams(fields as CreateFields))
  }
})

/** Changes what is started. */
export const starts = (sound: Shape, change: (params: StartExecution) => Partial<StartExecution>): Partial<Shape> => ({
  startExecution: (id, params) => sound.startExecution(id, { ...params, ...change(params) })
})

/** Changes what is read of output. */
export const outputs = (
  sound: Shape,
  change: <E>(events: Stream.Stream<OutputEvent, E>, args: Parameters<Shape["output"]>) => Stream.Stream<OutputEvent, E>
): Partial<Shape> => ({ output: (...args) => change(sound.output(...args), args) })

/** Changes each chunk of output. */
export const chunks = (sound: Shape, change: (chunk: OutputChunk) => OutputChunk): Partial<Shape> =>
  outputs(sound, (events) => Stream.map(events, (event) => (event._tag === "Chunk" ? change(event) : event)))

/** Changes the bytes of files on their way up. */
export const uploads = (
  sound: Shape,
  change: <E>(contents: Stream.Stream<Uint8Array, E>) => Stream.Stream<Uint8Array, E>
): Partial<Shape> => ({
  upload: (id, path, contents, options) => sound.upload(id, path, change(contents), options)
})

/** Runs a command beside everything else, to its end. */
export const aside = (sound: Shape, id: DevboxId, command: string): Effect.Effect<void> =>
  Effect.ignore(sound.startExecution(id, { commandId: another(), command }))

/** An id that nobody asked for. */
export const another = (): ExecutionId => ExecutionId.make(SecureRandom.uuidV7Unsafe())

/** Every chunk of a stream as one. */
export const gathered = (parts: ReadonlyArray<Uint8Array>): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => Array.from(part)))

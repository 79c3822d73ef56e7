/**
 * Devboxes in memory: the double for your own tests. Stateful and deterministic, it keeps the whole contract of
 * `DevboxBackend` without a process, a file or a socket, lives in the clock of whoever builds its layer (so `TestClock`
 * moves it), and fails on demand. Commands are scripted; a few ordinary ones work by themselves. It is not a bash, offers no
 * isolation because it runs nothing, and does not outlive its layer.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Feature } from "./Capabilities.ts"
import { DevboxBackend, make } from "./DevboxBackend.ts"
import { type Control as ControlShape, makeControl } from "./internal/memory/control.ts"
import { intercept } from "./internal/intercept.ts"
import { type Record, recording } from "./internal/memory/faults.ts"
import { implementation } from "./internal/memory/implementation.ts"
import type { Server, Site } from "./internal/memory/process.ts"
import type { Command } from "./internal/memory/script.ts"
import { make as makeWorld } from "./internal/memory/world.ts"

export type { Operation } from "./internal/intercept.ts"
export type { Call } from "./internal/memory/faults.ts"
export type { Exit, Process, Program, Server, Site, Tty } from "./internal/memory/process.ts"
export type { Command, Printed, Reply } from "./internal/memory/script.ts"
export type { Phase } from "./internal/memory/state.ts"

/**
 * How the backend is to be.
 *
 * **Details**
 *
 * A command is answered by the first of `commands` that matches it as a whole. Otherwise its text is read as a list of simple
 * commands (`;`, `&&`, `||`, `&`, quotes, `$NAME`, `>`, `>>`, `<`, `2>&1`), each of which is scripted, or a shell builtin
 * (`cd export unset exit kill -SIGNAL $$ trap '' SIGNAL`), or one of
 * `true false echo printf cat pwd printenv sleep stty mkdir rm ls chmod test sh -c`; anything else ends with 127, "command not
 * found". A terminal edits lines, echoes and takes Ctrl-C and Ctrl-D; without a command it prompts with `$ `. Pipes, substitutions, globs and loops are refused with status 2 and a word about it: script the command.
 */
export interface Options {
  /** The name in errors and spans; default `memory`. */
  readonly name?: string | undefined
  readonly commands?: ReadonlyArray<Command> | undefined
  /** Programs that listen in every devbox, by port. */
  readonly servers?: Readonly<{ [port: number]: Server }> | undefined
  /** HTTP servers in every devbox, by port, for `net.fetch`; answer with `HttpClientResponse.fromWeb`. */
  readonly sites?: Readonly<{ [port: number]: Site }> | undefined
  /** How long each takes in the backend's clock; default no time at all. */
  readonly provisioningDelay?: Duration.Input | undefined
  readonly suspendDelay?: Duration.Input | undefined
  readonly resumeDelay?: Duration.Input | undefined
  readonly snapshotDelay?: Duration.Input | undefined
  /** Whether looks can be held until something happens; default true. Without, waits go by their schedule. */
  readonly holds?: boolean | undefined
  /** Features to do without; what belongs to them fails with `UnsupportedError`. */
  readonly without?: ReadonlyArray<Feature> | undefined
  /** How much the files of a devbox may hold; an upload beyond it fails with `NoSpace`. Default unlimited. */
  readonly diskBytes?: number | undefined
  /** How many devboxes that are over, snapshots that were deleted, and calls are remembered; default 1000 each. */
  readonly remembered?: number | undefined
}

/** What a test sees of the backend and does to it: state, calls, faults, phases that hold. */
export class Control extends Context.Service<Control, ControlShape>()("effect-devbox/MemoryBackend/Control") {}

const duration = (input: Duration.Input | undefined) => Duration.fromInputUnsafe(input ?? 0)

/** A memory backend together with its {@link Control}. Each build of the layer is a world of its own. */
export const layerControl = (options: Options = {}): Layer.Layer<DevboxBackend | Control> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const remembered = options.remembered ?? 1000
      const world = yield* makeWorld({
        name: options.name ?? "memory",
        delays: {
          provisioning: duration(options.provisioningDelay),
          suspending: duration(options.suspendDelay),
          resuming: duration(options.resumeDelay),
          snapshot: duration(options.snapshotDelay)
        },
        commands: options.commands ?? [],
        servers: options.servers ?? {},
        sites: options.sites ?? {},
        diskBytes: options.diskBytes ?? Infinity,
        remembered
      })
      const record: Record = { calls: [], faults: new Map(), remembered }
      const backend = make(implementation(world, { holds: options.holds ?? true, without: new Set(options.without) }))
      return Context.make(DevboxBackend, intercept(backend, recording(backend.name, record))).pipe(
        Context.add(Control, makeControl(world, record))
      )
    })
  )

/** A memory backend. */
export const layer = (options: Options = {}): Layer.Layer<DevboxBackend> => layerControl(options)

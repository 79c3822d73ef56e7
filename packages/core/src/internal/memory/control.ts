/** What a test sees of a memory backend, and what it can do to it. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { BackendReason, ResourceNotFound } from "../../DevboxError.ts"
import type { DevboxId, DevboxInfo } from "../../DevboxModel.ts"
import type { ExecutionInfo } from "../../Execution.ts"
import type { SnapshotInfo } from "../../Snapshot.ts"
import { become, infoNow, isOver } from "./devbox.ts"
import { findBox } from "./errors.ts"
import { info } from "./execution.ts"
import type { Operation } from "../intercept.ts"
import type { Call, Fault, Record } from "./faults.ts"
import * as Files from "./files.ts"
import { end, startSuspend } from "./lifecycle.ts"
import { evict } from "./timeLimits.ts"
import type { Phase, World } from "./state.ts"

/** How often a fault strikes. */
export interface Times {
  /** Default 1. */
  readonly times?: number | undefined
}

/** The operations of a test on a memory backend. */
export interface Control {
  /** Devboxes that are not over, oldest first. */
  readonly devboxes: Effect.Effect<ReadonlyArray<DevboxInfo>>
  /** Commands of a devbox, or of all, in the order they were started. */
  readonly executions: (id?: DevboxId) => Effect.Effect<ReadonlyArray<ExecutionInfo>>
  /** Snapshots that were not deleted and did not fail. */
  readonly snapshots: Effect.Effect<ReadonlyArray<SnapshotInfo>>
  /** Every call that reached the backend, in order. */
  readonly calls: Effect.Effect<ReadonlyArray<Call>>
  /** The bytes of a file, `undefined` when there is none. */
  readonly readFile: (id: DevboxId, path: string) => Effect.Effect<Uint8Array | undefined, ResourceNotFound>

  /** The next calls fail with this reason, and nothing is done. */
  readonly failNext: (
    operation: Operation,
    reason: BackendReason,
    options?: Times & { readonly shouldRetry?: boolean | undefined }
  ) => Effect.Effect<void>
  /** The next calls are carried out, and their answers are lost: they fail in doubt. */
  readonly loseReply: (operation: Operation, options?: Times) => Effect.Effect<void>
  /** The next calls are not answered until they are interrupted. */
  readonly stall: (operation: Operation, options?: Times) => Effect.Effect<void>
  /** The next readings of output break after so many bytes; with `silently` they end as if all were well. */
  readonly cutOutput: (
    bytes: number,
    options?: Times & { readonly silently?: boolean | undefined }
  ) => Effect.Effect<void>
  /** Takes back every fault that did not strike yet. */
  readonly clearFaults: Effect.Effect<void>

  /** Devboxes, or snapshots, that come into this phase stay in it until `release`. */
  readonly hold: (phase: Phase) => Effect.Effect<void>
  readonly release: (phase: Phase) => Effect.Effect<void>
  /** After each create, suspend and resume, this many looks still see what was before it. */
  readonly lag: (looks: number) => Effect.Effect<void>
  /** A devbox fails, as if its machine did. */
  readonly fail: (
    id: DevboxId,
    reason: NonNullable<DevboxInfo["failureReason"]>
  ) => Effect.Effect<void, ResourceNotFound>
  /** A snapshot in progress fails. */
  readonly failSnapshots: (id: DevboxId, detail: string) => Effect.Effect<void, ResourceNotFound>
  /** Gives notice that a devbox will be suspended after a time, and suspends it then. */
  readonly evict: (id: DevboxId, after: Duration.Input) => Effect.Effect<void, ResourceNotFound>
}

/** See above. */
export const makeControl = (world: World, record: Record): Control => {
  const all = <A>(items: () => Iterable<A>) => Effect.sync(() => Array.from(items()))
  const inject = (operation: Operation, fault: Fault, times = 1) =>
    Effect.sync(() => {
      const queue = record.faults.get(operation) ?? []
      record.faults.set(operation, queue)
      for (let i = 0; i < times; i++) queue.push(fault)
    })
  return {
    devboxes: Effect.map(
      all(() => world.boxes.values()),
      (boxes) => boxes.filter((box) => !isOver(box)).map(infoNow)
    ),
    executions: (id) =>
      Effect.map(
        all(() => world.boxes.values()),
        (boxes) =>
          boxes
            .filter((box) => id === undefined || box.id === id)
            .flatMap((box) => Array.from(box.executions.values(), (execution) => info(execution, Infinity)))
      ),
    snapshots: Effect.map(
      all(() => world.snapshots.values()),
      (held) => held.filter(({ status }) => status === "in_progress" || status === "complete").map((each) => each.info)
    ),
    calls: all(() => record.calls),
    readFile: (id, path) =>
      Effect.map(findBox(world, id), (box) =>
        Result.match(
          Result.flatMap(Files.resolve(path), (full) => Files.read(box.files, full)),
          { onFailure: () => undefined, onSuccess: (file) => file.bytes }
        )
      ),

    failNext: (operation, reason, options = {}) =>
      inject(operation, { _tag: "Fail", reason, shouldRetry: options.shouldRetry }, options.times),
    loseReply: (operation, options = {}) => inject(operation, { _tag: "LoseReply" }, options.times),
    stall: (operation, options = {}) => inject(operation, { _tag: "Stall" }, options.times),
    cutOutput: (bytes, options = {}) =>
      inject("output", { _tag: "Cut", bytes, silently: options.silently ?? false }, options.times),
    clearFaults: Effect.sync(() => record.faults.clear()),

    hold: (phase) =>
      Effect.sync(() => {
        world.held.add(phase)
      }),
    release: (phase) =>
      Effect.sync(() => {
        world.held.delete(phase)
        world.released.notify()
      }),
    lag: (looks) =>
      Effect.sync(() => {
        world.lag = looks
      }),
    fail: (id, reason) =>
      Effect.map(findBox(world, id), (box) => {
        if (isOver(box)) return
        become(world, box, "failure", { failureReason: reason })
        end(world, box)
      }),
    failSnapshots: (id, detail) =>
      Effect.map(findBox(world, id), (box) => {
        for (const snapshot of Array.from(box.saving)) world.snapshots.get(snapshot)?.fail(detail)
      }),
    evict: (id, after) =>
      Effect.map(findBox(world, id), (box) =>
        evict(world, box, after, () => {
          if (box.status === "running") startSuspend(world, box)
        })
      )
  }
}

/**
 * Which operation fails with which, and what it needs, held by the compiler: this file does not compile when an operation's
 * errors or requirements change, or when handle and service disagree.
 */
import type { Devbox, DevboxService, Execution, Snapshot } from "@effect-devbox/core"
import type * as Functions from "@effect-devbox/core/Devbox"
import type * as E from "@effect-devbox/core/DevboxError"
import type { Effect, Scope, Stream } from "effect"

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false

type Outcome<F> = F extends (...args: never) => infer R ? R : F
type Failure<F> =
  Outcome<F> extends Effect.Effect<unknown, infer Err, infer _R>
    ? Err
    : Outcome<F> extends Stream.Stream<unknown, infer Err, infer _R>
      ? Err
      : "neither an Effect nor a Stream"
type Needs<F> =
  Outcome<F> extends Effect.Effect<unknown, unknown, infer R>
    ? R
    : Outcome<F> extends Stream.Stream<unknown, unknown, infer R>
      ? R
      : "neither an Effect nor a Stream"

type Service = DevboxService["Service"]
type Handle = Devbox.Devbox

/** The errors of each operation of the service, spelled out: unions must not hide a change. */
interface Failures {
  readonly create: E.BackendError | E.ResourceNotFound | E.DevboxNotReady | E.WaitTimeout
  readonly createDetached: E.BackendError | E.ResourceNotFound | E.DevboxNotReady | E.WaitTimeout
  readonly list: E.BackendError
  readonly getInfo: E.BackendError | E.ResourceNotFound
  readonly update: E.BackendError | E.ResourceNotFound
  readonly usage: E.BackendError | E.ResourceNotFound
  readonly logs: E.BackendError | E.ResourceNotFound
  readonly notices: E.BackendError
  readonly awaitRunning: E.BackendError | E.ResourceNotFound | E.DevboxNotReady | E.WaitTimeout
  readonly awaitSuspended: E.BackendError | E.ResourceNotFound | E.DevboxNotReady | E.WaitTimeout
  readonly suspend: E.BackendError | E.ResourceNotFound | E.DevboxNotReady
  readonly resume: E.BackendError | E.ResourceNotFound | E.DevboxNotReady
  readonly keepAlive: E.BackendError | E.ResourceNotFound | E.DevboxNotReady
  readonly shutdown: E.BackendError | E.ResourceNotFound | E.Conflict
  readonly snapshotDisk:
    | E.BackendError
    | E.ResourceNotFound
    | E.DevboxNotReady
    | E.WaitTimeout
    | E.SnapshotFailed
    | E.Conflict
  readonly snapshotDiskAsync: E.BackendError | E.ResourceNotFound | E.DevboxNotReady | E.Conflict
  readonly getSnapshot: E.BackendError | E.ResourceNotFound
  readonly awaitSnapshot: E.BackendError | E.ResourceNotFound | E.DevboxNotReady | E.WaitTimeout | E.SnapshotFailed
  readonly updateSnapshot: E.BackendError | E.ResourceNotFound
  readonly deleteSnapshot: E.BackendError | E.ResourceNotFound
  readonly listSnapshots: E.BackendError
  readonly fork: E.BackendError | E.ResourceNotFound | E.DevboxNotReady | E.WaitTimeout | E.SnapshotFailed | E.Conflict
  readonly exec: E.BackendError | E.ResourceNotFound | E.DevboxNotReady | E.WaitTimeout | E.OutputLost
  readonly execOrFail:
    | E.BackendError
    | E.ResourceNotFound
    | E.DevboxNotReady
    | E.WaitTimeout
    | E.OutputLost
    | E.CommandFailed
  readonly execAsync: E.BackendError | E.ResourceNotFound | E.DevboxNotReady
  readonly execDetached: E.BackendError | E.ResourceNotFound | E.DevboxNotReady
  readonly getExecution: E.BackendError | E.ResourceNotFound
  readonly kill: E.BackendError | E.ResourceNotFound | E.DevboxNotReady | E.WaitTimeout
  readonly pty: E.BackendError | E.ResourceNotFound | E.DevboxNotReady
  readonly readFile: E.BackendError | E.ResourceNotFound | E.DevboxNotReady | E.FileError
  readonly writeFile: E.BackendError | E.ResourceNotFound | E.DevboxNotReady | E.FileError
  readonly download: E.BackendError | E.ResourceNotFound | E.DevboxNotReady | E.FileError
  readonly downloadStream: E.BackendError | E.ResourceNotFound | E.DevboxNotReady | E.FileError
  readonly createSshKey: E.BackendError | E.ResourceNotFound | E.DevboxNotReady
  readonly sshConfig: E.BackendError | E.ResourceNotFound | E.DevboxNotReady
  readonly enableTunnel: E.BackendError | E.ResourceNotFound | E.DevboxNotReady
  readonly getTunnel: E.BackendError | E.ResourceNotFound
  readonly createTunnel: E.BackendError | E.ResourceNotFound | E.DevboxNotReady
  readonly removeTunnel: E.BackendError | E.ResourceNotFound | E.DevboxNotReady
  readonly dial: E.BackendError | E.ResourceNotFound | E.DevboxNotReady
  readonly awaitPort: E.BackendError | E.ResourceNotFound | E.DevboxNotReady | E.WaitTimeout
  readonly fetch: E.BackendError | E.ResourceNotFound | E.DevboxNotReady
}

/** What is no operation, or generic in the caller's own error. */
type Exempt = "backend" | "capabilities" | "attach" | "attachSnapshot" | "attachExecution" | "upload" | "keepAliveWhile"

type WrongFailures = {
  [K in keyof Failures]: Equal<Failure<Service[K]>, Failures[K]> extends true
    ? never
    : Same<Failure<Service[K]>, Failures[K]> extends true
      ? never
      : K
}[keyof Failures]
export const failures: Same<WrongFailures, never> = true
export const complete: Same<Exclude<keyof Service, Exempt>, keyof Failures> = true

/** Only what ends with a scope needs one; nothing else needs anything. */
type Scoped = "create" | "execAsync" | "fork" | "pty" | "dial"
type WrongNeeds = {
  [K in keyof Failures]: Same<Needs<Service[K]>, K extends Scoped ? Scope.Scope : never> extends true ? never : K
}[keyof Failures]
export const needs: Same<WrongNeeds, never> = true

/** The handle fails as the service does. */
interface Agreement {
  readonly getInfo: Handle["getInfo"]
  readonly update: Handle["update"]
  readonly usage: Handle["usage"]
  readonly logs: Handle["logs"]
  readonly awaitRunning: Handle["awaitRunning"]
  readonly awaitSuspended: Handle["awaitSuspended"]
  readonly suspend: Handle["suspend"]
  readonly resume: Handle["resume"]
  readonly keepAlive: Handle["keepAlive"]
  readonly shutdown: Handle["shutdown"]
  readonly snapshotDisk: Handle["snapshotDisk"]
  readonly snapshotDiskAsync: Handle["snapshotDiskAsync"]
  readonly fork: Handle["fork"]
  readonly exec: Handle["cmd"]["exec"]
  readonly execOrFail: Handle["cmd"]["execOrFail"]
  readonly execAsync: Handle["cmd"]["execAsync"]
  readonly execDetached: Handle["cmd"]["execDetached"]
  readonly readFile: Handle["file"]["read"]
  readonly writeFile: Handle["file"]["write"]
  readonly download: Handle["file"]["download"]
  readonly downloadStream: Handle["file"]["downloadStream"]
  readonly createSshKey: Handle["net"]["createSshKey"]
  readonly sshConfig: Handle["net"]["sshConfig"]
  readonly enableTunnel: Handle["net"]["enableTunnel"]
  readonly getTunnel: Handle["net"]["getTunnel"]
  readonly createTunnel: Handle["net"]["createTunnel"]
  readonly removeTunnel: Handle["net"]["removeTunnel"]
  readonly pty: Handle["cmd"]["pty"]
  readonly kill: Execution["kill"]
  readonly getExecution: Execution["getState"]
  readonly getSnapshot: Snapshot["getInfo"]
  readonly awaitSnapshot: Snapshot["awaitCompleted"]
  readonly updateSnapshot: Snapshot["update"]
  readonly deleteSnapshot: Snapshot["delete"]
}
type Disagreeing = {
  [K in keyof Agreement]: Same<Failure<Agreement[K]>, Failures[K]> extends true
    ? Same<Needs<Agreement[K]>, Needs<Service[K]>> extends true
      ? never
      : K
    : K
}[keyof Agreement]
export const agreement: Same<Disagreeing, never> = true

/** The functions ask for the service, and `create` for a scope besides. */
export const functions: Same<Needs<typeof Functions.create>, DevboxService | Scope.Scope> = true
export const detached: Same<Needs<typeof Functions.createDetached>, DevboxService> = true
export const fork: Same<Needs<typeof Functions.fork>, DevboxService | Scope.Scope> = true
export const close: Same<Failure<Handle["close"]>, E.ShutdownError> = true

/** A stream's own error and needs come through an upload; contents without any add none. */
declare const handle: Handle
declare const failing: Stream.Stream<Uint8Array, "mine", "need">
export const uploadStream = () => handle.file.upload("/a", failing)
export const uploadStreamFails: Same<Failure<typeof uploadStream>, E.FileAccessError | "mine"> = true
export const uploadStreamNeeds: Same<Needs<typeof uploadStream>, "need"> = true
export const uploadText = () => handle.file.upload("/a", "text")
export const uploadTextFails: Same<Failure<typeof uploadText>, E.FileAccessError> = true

/** What is done while a devbox is kept alive keeps its own error and needs. */
declare const job: Effect.Effect<number, "mine", "need">
export const kept = () => handle.keepAliveWhile(job)
export const keptFails: Same<Failure<typeof kept>, E.ReadyError | "mine"> = true
export const keptNeeds: Same<Needs<typeof kept>, "need"> = true

/**
 * What can go wrong, as values. A few flat tags for what a program branches on, reasons inside `BackendError` for what an
 * operator reads, and unions that say which operation fails with which. Messages name the id and the next step.
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { DevboxStatus } from "./DevboxModel.ts"

const Detail = Schema.String

/** The backend could not be reached, or the connection broke. */
export class TransportError extends Schema.TaggedError<TransportError>()("TransportError", { detail: Detail }) {}

/** The backend does not accept the credentials. */
export class AuthenticationError extends Schema.TaggedError<AuthenticationError>()("AuthenticationError", {
  detail: Detail
}) {}

/** The backend asks for fewer requests; `retryAfterMs` is its own word, in milliseconds. */
export class RateLimitError extends Schema.TaggedError<RateLimitError>()("RateLimitError", {
  detail: Detail,
  retryAfterMs: Schema.optionalKey(Schema.Finite)
}) {}

/** The request is not acceptable and will not be if it is sent again. */
export class InvalidRequestError extends Schema.TaggedError<InvalidRequestError>()("InvalidRequestError", {
  detail: Detail
}) {}

/** The backend cannot serve the request at the moment. */
export class UnavailableError extends Schema.TaggedError<UnavailableError>()("UnavailableError", {
  detail: Detail,
  status: Schema.optionalKey(Schema.Int),
  retryAfterMs: Schema.optionalKey(Schema.Finite)
}) {}

/** The backend answered something that cannot be right, such as a completed command without an exit status. */
export class UnexpectedResponseError extends Schema.TaggedError<UnexpectedResponseError>()("UnexpectedResponseError", {
  detail: Detail
}) {}

/** This backend does not have the feature. Nothing was done. */
export class UnsupportedError extends Schema.TaggedError<UnsupportedError>()("UnsupportedError", {
  feature: Schema.String,
  detail: Detail
}) {}

/** This machine cannot isolate as asked: the probe that failed, what it said, and what cures it. Nothing was done. */
export class IsolationUnavailable extends Schema.TaggedError<IsolationUnavailable>()("IsolationUnavailable", {
  required: Schema.String,
  probe: Schema.String,
  detail: Detail,
  cure: Schema.String
}) {}

/** Why a backend failed. */
export const BackendReason = Schema.Union([
  TransportError,
  AuthenticationError,
  RateLimitError,
  InvalidRequestError,
  UnavailableError,
  UnexpectedResponseError,
  UnsupportedError,
  IsolationUnavailable
])
export type BackendReason = typeof BackendReason.Type

const transient: ReadonlySet<string> = new Set(["TransportError", "RateLimitError", "UnavailableError"])

/**
 * The backend could not be asked, refused, or answered nonsense.
 *
 * **Details**
 *
 * `outcome` says whether the operation may have happened: `"rejected"` it certainly did not, `"ambiguous"` perhaps it did.
 * `shouldRetry` is the server's own verdict where it gave one.
 */
export class BackendError extends Schema.TaggedError<BackendError>()("BackendError", {
  backend: Schema.String,
  operation: Schema.String,
  reason: BackendReason,
  outcome: Schema.Literals(["rejected", "ambiguous"]),
  shouldRetry: Schema.optionalKey(Schema.Boolean)
}) {
  /** Whether the same request may succeed later. Whether it may be sent again depends on `outcome` too. */
  get isRetryable(): boolean {
    return this.shouldRetry ?? transient.has(this.reason._tag)
  }
  /** How long the backend asked to wait. */
  get retryAfter(): Duration.Duration | undefined {
    return "retryAfterMs" in this.reason && this.reason.retryAfterMs !== undefined
      ? Duration.millis(this.reason.retryAfterMs)
      : undefined
  }
  override get message(): string {
    const cure = this.reason._tag === "IsolationUnavailable" ? ` To cure it: ${this.reason.cure}` : ""
    const doubt = this.outcome === "ambiguous" ? " It is not known whether the operation took place." : ""
    return `${this.operation} failed on the ${this.backend} backend (${this.reason._tag}): ${this.reason.detail}${cure}${doubt}`
  }
}

/** The thing does not exist, or no longer does. */
export class ResourceNotFound extends Schema.TaggedError<ResourceNotFound>()("ResourceNotFound", {
  resource: Schema.Literals([
    "devbox",
    "execution",
    "snapshot",
    "tunnel",
    "blueprint",
    "object",
    "secret",
    "network policy"
  ]),
  id: Schema.String
}) {
  override get message(): string {
    return `There is no ${this.resource} ${this.id}. It may have been deleted, or belong to another backend or account; list what exists to see.`
  }
}

/** The devbox exists in a state that makes the operation impossible. */
export class DevboxNotReady extends Schema.TaggedError<DevboxNotReady>()("DevboxNotReady", {
  devboxId: Schema.String,
  status: DevboxStatus,
  expected: Schema.String,
  failureReason: Schema.optionalKey(Schema.String),
  hint: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    const reason = this.failureReason === undefined ? "" : ` (${this.failureReason})`
    const next =
      this.hint ??
      (this.status === "suspended"
        ? "Resume it first."
        : this.status === "shutdown" || this.status === "failure"
          ? "This is final; create another."
          : "Wait with awaitRunning.")
    return `Devbox ${this.devboxId} is ${this.status}${reason}, not ${this.expected}. ${next}`
  }
}

/** A deadline passed; carries what was last seen. */
export class WaitTimeout extends Schema.TaggedError<WaitTimeout>()("WaitTimeout", {
  operation: Schema.String,
  id: Schema.String,
  waitedMs: Schema.Finite,
  lastStatus: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    const seen = this.lastStatus === undefined ? "nothing was seen of it" : `it was last seen ${this.lastStatus}`
    return `${this.operation} of ${this.id} did not finish within ${Duration.format(Duration.millis(this.waitedMs))}; ${seen}. Give a longer timeout, or look at its logs.`
  }
}

/** A path problem inside a devbox. */
export class FileError extends Schema.TaggedError<FileError>()("FileError", {
  devboxId: Schema.String,
  path: Schema.String,
  kind: Schema.Literals([
    "NotFound",
    "PermissionDenied",
    "IsDirectory",
    "NotADirectory",
    "TooLarge",
    "InvalidPath",
    "InvalidUtf8",
    "NoSpace",
    "Unknown"
  ]),
  detail: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    const hint = this.kind === "InvalidUtf8" ? " It is not UTF-8 text; use `download` for its bytes." : ""
    return `${this.path} in devbox ${this.devboxId}: ${this.kind}${this.detail === undefined ? "" : ` (${this.detail})`}.${hint}`
  }
}

const explain: Readonly<Record<string, string>> = {
  out_of_memory: "the devbox had no memory left; create it with a larger resourceSizeRequest or customGbMemory",
  shell_died: "its shell ended with it; the next command there gets a fresh one"
}

/** A command ended with a non-zero exit status; has the shape of its result. Only `execOrFail` fails with it. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
  devboxId: Schema.String,
  executionId: Schema.String,
  command: Schema.String,
  exitCode: Schema.Int,
  signal: Schema.optionalKey(Schema.String),
  /** Why it ended, when that is more than an exit status: `out_of_memory`, `shell_died`. */
  failureReason: Schema.optionalKey(Schema.String),
  stdout: Schema.String,
  stderr: Schema.String
}) {
  override get message(): string {
    const status = this.signal === undefined ? `exit status ${this.exitCode}` : `${this.signal} (${this.exitCode})`
    const how =
      this.failureReason === undefined ? status : `${status}: ${explain[this.failureReason] ?? this.failureReason}`
    const said = (this.stderr.trim() === "" ? this.stdout : this.stderr).trim().slice(-2000)
    return `\`${this.command}\` in devbox ${this.devboxId} ended with ${how}.${said === "" ? "" : `\n${said}`}`
  }
}

/** The operation clashes with something in progress, such as a shutdown during a snapshot. Nothing was done. */
export class Conflict extends Schema.TaggedError<Conflict>()("Conflict", {
  devboxId: Schema.String,
  detail: Detail
}) {
  override get message(): string {
    return `Devbox ${this.devboxId}: ${this.detail}`
  }
}

/** A snapshot could not be completed; nothing of it is left. */
export class SnapshotFailed extends Schema.TaggedError<SnapshotFailed>()("SnapshotFailed", {
  snapshotId: Schema.String,
  detail: Detail
}) {
  override get message(): string {
    return `Snapshot ${this.snapshotId} failed: ${this.detail}`
  }
}

/** Bytes of a command's output are gone, or what arrived cannot be joined without a gap. */
export class OutputLost extends Schema.TaggedError<OutputLost>()("OutputLost", {
  devboxId: Schema.String,
  executionId: Schema.String,
  channel: Schema.Literals(["stdout", "stderr"]),
  expected: Schema.Finite,
  actual: Schema.Finite,
  detail: Detail
}) {
  override get message(): string {
    return `Output of execution ${this.executionId} in devbox ${this.devboxId} is not whole: ${this.channel} at byte ${this.expected}, found ${this.actual}. ${this.detail}`
  }
}

/** Looking something up. */
export type LookupError = BackendError | ResourceNotFound
/** Asking a devbox to do something now. */
export type ReadyError = LookupError | DevboxNotReady
/** Waiting for a state. */
export type WaitError = ReadyError | WaitTimeout
/** Reading output. */
export type OutputError = ReadyError | OutputLost
/** Running a command to its end. */
export type ExecError = WaitError | OutputLost
/** Touching a file. */
export type FileAccessError = ReadyError | FileError
/** Ending a devbox. */
export type ShutdownError = LookupError | Conflict
/** Taking a snapshot and waiting for it. */
export type SnapshotError = WaitError | SnapshotFailed

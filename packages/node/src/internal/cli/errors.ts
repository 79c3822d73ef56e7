/** What the command line itself can fail with, besides the errors of the library. */
import * as Schema from "effect/Schema"

/** The words on the command line, or the environment, do not make sense together. */
export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", {
  detail: Schema.String,
  hint: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return this.detail
  }
}

/** The command inside ended with this status, which becomes ours. Nothing is printed about it. */
export class CommandStatus extends Schema.TaggedError<CommandStatus>()("CommandStatus", { exitCode: Schema.Int }) {}

/** Whoever read our output has gone, as `head` does. Nothing is printed about it. */
export class OutputClosed extends Schema.TaggedError<OutputClosed>()("OutputClosed", {}) {}

/** Something on this machine stood in the way: a file, a program, a port. */
export class HostError extends Schema.TaggedError<HostError>()("HostError", {
  what: Schema.String,
  detail: Schema.String,
  hint: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return `${this.what}: ${this.detail}`
  }
}

/** The error of a failed call into Node. */
export const hostError =
  (what: string, hint?: string) =>
  (error: unknown): HostError =>
    new HostError({
      what,
      detail: error instanceof Error ? error.message : String(error),
      ...(hint === undefined ? {} : { hint })
    })

// What can go wrong between the SDK and a box, as typed errors for LocalBackend to translate.

/** The box did not come up; `stderr` is what the launcher printed. */
export class SandboxStartError extends Error {
  override readonly name = "SandboxStartError"
  readonly boxId: string
  readonly stderr: string
  constructor(boxId: string, reason: string, stderr: string) {
    super(`box ${boxId} did not start: ${reason}${stderr === "" ? "" : `\n${stderr.trim()}`}`)
    this.boxId = boxId
    this.stderr = stderr
  }
}

/** The execution never started, so running it again is safe. */
export class ExecStartError extends Error {
  override readonly name = "ExecStartError"
  readonly executionId: string
  readonly reason: "fork failed" | "duplicate id" | "invalid request" | "no space" | "shell died" | "killed"
  constructor(executionId: string, reason: ExecStartError["reason"], detail: string) {
    super(`execution ${executionId} did not start (${reason}): ${detail}`)
    this.executionId = executionId
    this.reason = reason
  }
}

/** The box is gone, and with it everything that ran in it. */
export class BoxClosedError extends Error {
  override readonly name = "BoxClosedError"
  readonly boxId: string
  constructor(boxId: string, detail: string) {
    super(`box ${boxId} is gone: ${detail}`)
    this.boxId = boxId
  }
}

/** The command does not read its stdin any more. */
export class ExecStdinClosedError extends Error {
  override readonly name = "ExecStdinClosedError"
  readonly executionId: string
  constructor(executionId: string) {
    super(`stdin of execution ${executionId} is closed: the command has ended or end() was called`)
    this.executionId = executionId
  }
}

/** The disk could not be saved; the box is as it was, unless it is gone. */
export class SaveError extends Error {
  override readonly name = "SaveError"
}

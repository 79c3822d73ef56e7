/** Every error as people read it: what happened, why, what to do next, and the exit status that scripts see. */
import type { BackendReason } from "@effect-devbox/core/DevboxError"
import type {
  BackendError,
  CommandFailed,
  Conflict,
  DevboxNotReady,
  FileError,
  OutputLost,
  ResourceNotFound,
  SnapshotFailed,
  WaitTimeout
} from "@effect-devbox/core/DevboxError"
import type { ConfigError } from "effect/Config"
import * as Duration from "effect/Duration"
import type { LocalPathError } from "../../DevboxDirectory.ts"
import type { HostError, UsageError } from "./errors.ts"
import { harmless, styles } from "./out.ts"

/** The exit statuses of the command line itself. What runs a command inside passes that command's status on instead. */
export const exitCodes = {
  unexpected: 1,
  usage: 2,
  notFound: 3,
  notReady: 4,
  timeout: 5,
  unsupported: 6,
  backend: 7,
  files: 8,
  incomplete: 9,
  /** Of `exec`, `run` and `shell`, whose other statuses belong to the command: its time was over. */
  commandTimeout: 124,
  /** Of `exec`, `run` and `shell`: everything else that went wrong on our side. */
  ownFailure: 125
} as const

/** An error, ready to be shown. */
export interface Rendered {
  readonly tag: string
  readonly message: string
  readonly cause?: string | undefined
  readonly hint?: string | undefined
  readonly exitCode: number
}

/** Every error that a command can end with and that is worth words. */
export type Known =
  | BackendError
  | CommandFailed
  | ConfigError
  | Conflict
  | DevboxNotReady
  | FileError
  | HostError
  | LocalPathError
  | OutputLost
  | ResourceNotFound
  | SnapshotFailed
  | UsageError
  | WaitTimeout

type Said = Omit<Rendered, "tag">
type Reasons = { readonly [T in BackendReason["_tag"]]: (reason: Extract<BackendReason, { _tag: T }>) => Partial<Said> }

const reasons: Reasons = {
  TransportError: () => ({
    hint: "See that the server runs and that the address is right (--backend, EFFECT_DEVBOX_BACKEND, RUNLOOP_BASE_URL)."
  }),
  AuthenticationError: () => ({
    hint: "Set RUNLOOP_API_KEY for --backend runloop, or EFFECT_DEVBOX_API_KEY for a server, to a key that it knows."
  }),
  RateLimitError: ({ retryAfterMs }) => ({
    hint:
      retryAfterMs === undefined
        ? "Try again in a while, with fewer commands at once."
        : `Try again in ${Duration.format(Duration.millis(retryAfterMs))}.`
  }),
  InvalidRequestError: () => ({
    hint: "Sending it again will not help; change what it asks for.",
    exitCode: exitCodes.usage
  }),
  UnavailableError: () => ({ hint: "Try again in a while." }),
  UnexpectedResponseError: () => ({ hint: "This is a fault of the backend or of effect-devbox; please report it." }),
  UnsupportedError: () => ({
    hint: "`devbox doctor` lists what this backend can do.",
    exitCode: exitCodes.unsupported
  }),
  IsolationUnavailable: ({ cure, probe }) => ({
    hint: `${cure}. \`devbox doctor\` shows the probe "${probe}" and the others.`,
    exitCode: exitCodes.unsupported
  })
}

const next = ({ devboxId, hint, status }: DevboxNotReady): string => {
  if (hint !== undefined) return hint
  if (status === "suspended") return `Resume it first: devbox resume ${devboxId}`
  return status === "shutdown" || status === "failure"
    ? `This is final. \`devbox logs ${devboxId}\` may say why; \`devbox create\` makes another.`
    : `See how it goes: devbox info ${devboxId}`
}

const lists: Partial<Record<ResourceNotFound["resource"], string>> = {
  devbox: "`devbox list --all` shows what there is, here and on other backends with --backend.",
  snapshot: "`devbox snapshot list` shows what there is.",
  execution: "`devbox logs DEVBOX` shows the commands that ran, with their ids."
}

type Renderers = { readonly [T in Known["_tag"]]: (error: Extract<Known, { _tag: T }>) => Said }

const renderers: Renderers = {
  BackendError: (error) => {
    // Every member of the table takes its own reason; the index signature of a union cannot say so.
    const of = reasons[error.reason._tag] as (reason: BackendReason) => Partial<Said>
    const doubt = error.outcome === "ambiguous" ? " (it is not known whether it took place)" : ""
    return {
      message: `${error.operation} failed on the ${error.backend} backend${doubt}`,
      cause: error.reason.detail,
      exitCode: exitCodes.backend,
      ...of(error.reason)
    }
  },
  ResourceNotFound: ({ id, resource }) => ({
    message: `there is no ${resource} ${id}`,
    hint: lists[resource],
    exitCode: exitCodes.notFound
  }),
  DevboxNotReady: (error) => ({
    message: `devbox ${error.devboxId} is ${error.status}, not ${error.expected}`,
    cause: error.failureReason,
    hint: next(error),
    exitCode: exitCodes.notReady
  }),
  Conflict: ({ detail, devboxId }) => ({
    message: `devbox ${devboxId} is busy`,
    cause: detail,
    hint: "Wait until that is over, or say --force where there is one.",
    exitCode: exitCodes.notReady
  }),
  WaitTimeout: ({ id, lastStatus, operation, waitedMs }) => ({
    message: `${operation} of ${id} did not finish within ${Duration.format(Duration.millis(waitedMs))}`,
    cause: lastStatus === undefined ? undefined : `it was last seen ${lastStatus}`,
    hint: "Give a longer --timeout.",
    exitCode: exitCodes.timeout
  }),
  FileError: ({ detail, devboxId, kind, path }) => ({
    message: `${path} in devbox ${devboxId}: ${fileKinds[kind]}`,
    cause: detail,
    exitCode: exitCodes.files
  }),
  CommandFailed: ({ command, exitCode, stderr, stdout }) => ({
    message: `\`${command}\` ended with exit status ${exitCode} in the devbox`,
    cause: (stderr.trim() === "" ? stdout : stderr).trim().slice(-2000),
    exitCode: exitCodes.files
  }),
  LocalPathError: ({ detail, path }) => ({
    message: `${path} on this machine cannot be used`,
    cause: detail,
    hint: "See that the path exists and that you may use it.",
    exitCode: exitCodes.files
  }),
  HostError: ({ detail, hint, what }) => ({ message: what, cause: detail, hint, exitCode: exitCodes.files }),
  SnapshotFailed: ({ detail, snapshotId }) => ({
    message: `snapshot ${snapshotId} failed; nothing of it is left`,
    cause: detail,
    exitCode: exitCodes.incomplete
  }),
  OutputLost: ({ actual, channel, detail, executionId, expected }) => ({
    message: `the output of command ${executionId} is not whole: ${channel} at byte ${expected}, found ${actual}`,
    cause: detail,
    exitCode: exitCodes.incomplete
  }),
  UsageError: ({ detail, hint }) => ({ message: detail, hint, exitCode: exitCodes.usage }),
  ConfigError: ({ message }) => {
    // Effect says it as `SchemaError(Expected … at ["NAME"])`.
    const [, expected, name = "a setting"] = /\((.*)\s+at \["(\w+)"\]/.exec(message) ?? [undefined, message]
    const isMissing = process.env[name] === undefined
    return {
      message: isMissing ? `${name} is not set` : `${name} is not as it has to be`,
      cause: isMissing ? undefined : expected,
      hint: `Set it in the environment: export ${name}=…`,
      exitCode: exitCodes.usage
    }
  }
}

const fileKinds: Readonly<Record<FileError["kind"], string>> = {
  NotFound: "no such file or folder",
  PermissionDenied: "permission denied",
  IsDirectory: "it is a folder",
  NotADirectory: "a part of the path is not a folder",
  TooLarge: "too large",
  InvalidPath: "not a possible path",
  InvalidUtf8: "not text in UTF-8",
  NoSpace: "no space left",
  Unknown: "the file operation failed"
}

/** An error as what is shown of it. */
export const render = (error: Known): Rendered => {
  // As above: each entry takes the error of its own tag.
  const of = renderers[error._tag] as (error: Known) => Said
  return { tag: error._tag, ...of(error) }
}

/** What nobody foresaw. */
export const renderDefect = (defect: unknown): Rendered => ({
  tag: "Unexpected",
  message: "something went wrong that should not",
  cause: defect instanceof Error ? (defect.stack ?? defect.message) : String(defect),
  hint: "This is a fault of effect-devbox; please report it with the command that you ran.",
  exitCode: exitCodes.unexpected
})

const indented = (label: string, text: string): string =>
  `  ${label} ${text.trim().replaceAll("\n", `\n  ${" ".repeat(label.length + 1)}`)}`

/** The lines for a person. */
export const forPeople = ({ cause, hint, message }: Rendered): string => {
  const { bold, cyan, dim, red } = styles("stderr")
  return [
    `${bold(red("devbox:"))} ${harmless(message)}`,
    ...(cause === undefined || cause === "" ? [] : [indented(dim("cause:"), harmless(cause))]),
    ...(hint === undefined ? [] : [indented(cyan("hint:"), harmless(hint))])
  ].join("\n")
}

/** The line for a machine. */
export const forMachines = ({ cause, exitCode, hint, message, tag }: Rendered): string =>
  JSON.stringify({ error: { tag, message, cause: cause ?? null, hint: hint ?? null, exit_code: exitCode } })

/** Whether there are words for an error with this tag. */
export const isKnown = (tag: string): tag is Known["_tag"] => Object.hasOwn(renderers, tag)

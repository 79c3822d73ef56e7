/** What a backend can do, as facts: an open set of features, how far limits are kept, and the network modes it offers. */
import type { LimitSupport, NetworkMode } from "./DevboxModel.ts"

/** A feature that some backends have. The set is open: a newer backend may name more. */
export type Feature =
  | "suspend"
  | "snapshot"
  | "liveSnapshot"
  | "tunnel"
  | "perPortTunnel"
  | "ssh"
  | "pty"
  | "stdin"
  /** Output is given as the bytes that were written, not as re-encoded text. */
  | "exactBytes"
  /** A kill can name its signal, so that ending goes by degrees. */
  | "killSignals"
  /** `list` filters by metadata itself. */
  | "metadataFilter"
  | "dial"
  /** HTTP requests to ports inside, without a tunnel. */
  | "fetch"
  | "usage"
  | "update"
  | "notices"
  /** Environment and working folder can be given for one execution. */
  | "executionEnv"
  /** The caller's id makes a command with stdin one command, too. Without it such a start is never sent again. */
  | "idempotentStdin"
  /** `list` shows a devbox as soon as its create was accepted, so that what it does not show does not exist. */
  | "consistentList"
  /** A devbox can outlive the process that created it. */
  | "detached"
  /** A devbox that is not detached ends with the process that created it. Without it a scoped devbox has a dead-man time. */
  | "ownerBound"
  | (string & {})

/** The facts about a backend. What is absent fails with `UnsupportedError` before any side effect. */
export interface Capabilities {
  readonly features: ReadonlySet<Feature>
  readonly limits: Readonly<Record<"memory" | "cpu" | "pids" | "disk", LimitSupport>>
  readonly networks: ReadonlySet<NetworkMode>
}

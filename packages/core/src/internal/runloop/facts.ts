/** What the other side can do: Runloop's cloud by its documentation, a server of ours by its own word. */
import type { Capabilities } from "../../Capabilities.ts"

/** See above. */
export interface Facts {
  /** The other side is a server of ours, so fields of ours are understood. */
  readonly ours: boolean
  readonly capabilities: Capabilities
}

/** Runloop's cloud. Its output is text, and it takes an id only for commands without stdin. */
export const runloop: Facts = {
  ours: false,
  capabilities: {
    features: new Set([
      "suspend",
      "snapshot",
      "liveSnapshot",
      "tunnel",
      "ssh",
      "stdin",
      "usage",
      "update",
      "notices",
      "detached"
    ]),
    limits: { memory: "enforced", cpu: "enforced", pids: "unavailable", disk: "enforced" },
    networks: new Set()
  }
}

/** Features that a backend may have and its wire does not carry. The owner of a devbox behind a server is the server. */
const notCarried: ReadonlySet<string> = new Set(["pty", "dial", "fetch", "ownerBound"])

/** A server of ours, by what it says of its backend. */
export const server = (said: {
  readonly features: ReadonlyArray<string>
  readonly limits: Capabilities["limits"]
  readonly networks: ReadonlyArray<Capabilities["networks"] extends ReadonlySet<infer N> ? N : never>
}): Facts => ({
  ours: true,
  capabilities: {
    features: new Set(said.features.filter((feature) => !notCarried.has(feature))),
    limits: said.limits,
    networks: new Set(said.networks)
  }
})

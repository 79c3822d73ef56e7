/** What this machine can do, found out once and only when somebody needs it. */
import * as fs from "node:fs"
import { IsolationUnavailable } from "@effect-devbox/core/DevboxError"
import { ensureBase } from "../sandbox/base.ts"
import { findGroupParents } from "../sandbox/groupsOfHost.ts"
import { limitsOf, probeHost } from "../sandbox/probe.ts"
import type { Base, HostReport, Probe } from "../sandbox/types.ts"
import type { StateDir } from "../store/store.ts"
import { backendError } from "./errors.ts"

/** The probed host. */
export interface Host {
  readonly report: HostReport
  readonly base: Base
}

/** What of the backend's options concerns the host. */
export interface HostOptions {
  readonly bubblewrap?: string | false | undefined
  readonly tier?: "process" | undefined
}

/** How far limits reach when this machine isolates as well as it may: known without the probes, which take longer. */
export const bestLimits = ({ tier }: HostOptions): HostReport["limits"] =>
  limitsOf(tier ?? (process.platform === "linux" ? "isolated" : "process"), findGroupParents()).limits

/** Probes at the first call, then remembers. */
export const makeHost = (
  { layers: layersDir, root: stateDir }: StateDir,
  options: HostOptions
): (() => Promise<Host>) => {
  let host: Promise<Host> | undefined
  const probe = async (): Promise<Host> => {
    const report = await probeHost({ stateDir, bubblewrap: options.bubblewrap, tier: options.tier })
    const base = await ensureBase(stateDir, report)
    if (report.drops) {
      fs.chownSync(layersDir, 0, report.gid)
      fs.chmodSync(layersDir, 0o710)
    }
    return { report, base }
  }
  return () => {
    host ??= probe().catch((error: unknown) => {
      // The next create may find a machine that was put right meanwhile.
      host = undefined
      throw error
    })
    return host
  }
}

/** Without a failed probe it is the backend's own option that keeps it from isolating. */
const whyNotIsolated = (
  blocked: Probe | undefined
): { readonly probe: string; readonly detail: string; readonly cure: string } => {
  const accept = 'accept a devbox that is not isolated with minimumIsolation: "process"'
  if (blocked === undefined) {
    const detail = 'this local backend was made with tier: "process"'
    return { probe: "tier", detail, cure: `make it without that option; or ${accept}` }
  }
  return {
    probe: blocked.name,
    detail: `the probe "${blocked.name}" failed: ${blocked.detail}`,
    cure: blocked.cure === undefined ? accept : `${blocked.cure}; or ${accept}`
  }
}

let warned = false

/** Refuses a host that is weaker than what was asked for; a weaker tier that was asked for is said once on stderr. */
export const checkIsolation = (report: HostReport, required: string): void => {
  if (report.tier === "isolated") return
  if (required !== "process") {
    throw backendError("create", new IsolationUnavailable({ required, ...whyNotIsolated(report.blockedBy) }))
  }
  if (!warned) {
    warned = true
    process.stderr.write("effect-devbox: devboxes of this process are NOT isolated from this machine (tier: process)\n")
  }
}

/** What this machine can do, found out once and only when somebody needs it. */
import * as fs from "node:fs"
import * as path from "node:path"
import { IsolationUnavailable } from "@effect-devbox/core/DevboxError"
import { ensureBase } from "../sandbox/base.ts"
import { probeHost } from "../sandbox/probe.ts"
import type { Base, HostReport } from "../sandbox/types.ts"
import { backendError } from "./errors.ts"

/** The probed host. */
export interface Host {
  readonly report: HostReport
  readonly base: Base
  readonly layersDir: string
}

/** What of the backend's options concerns the host. */
export interface HostOptions {
  readonly bubblewrap?: string | false | undefined
  readonly tier?: "process" | undefined
}

/** Probes at the first call, then remembers. */
export const makeHost = (stateDir: string, options: HostOptions): (() => Promise<Host>) => {
  let host: Promise<Host> | undefined
  const probe = async (): Promise<Host> => {
    const report = await probeHost({ stateDir, bubblewrap: options.bubblewrap, tier: options.tier })
    const base = await ensureBase(stateDir, report)
    const layersDir = path.join(stateDir, "layers")
    fs.mkdirSync(layersDir, { recursive: true, mode: 0o755 })
    return { report, base, layersDir }
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

let warned = false

/** Refuses a host that is weaker than what was asked for; a weaker tier that was asked for is said once on stderr. */
export const checkIsolation = (report: HostReport, required: string): void => {
  if (report.tier === "isolated") return
  if (required !== "process") {
    const blocked = report.blockedBy
    throw backendError(
      "create",
      new IsolationUnavailable({
        required,
        probe: blocked?.name ?? "isolation",
        detail: `the probe "${blocked?.name ?? "isolation"}" failed: ${blocked?.detail ?? "this system has no namespaces"}`,
        cure:
          (blocked?.cure === undefined ? "" : `${blocked.cure}; or `) +
          'accept a devbox that is not isolated with minimumIsolation: "process"'
      })
    )
  }
  if (!warned) {
    warned = true
    process.stderr.write("effect-devbox: devboxes of this process are NOT isolated from this machine (tier: process)\n")
  }
}

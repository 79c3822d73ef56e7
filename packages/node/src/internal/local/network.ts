/** How a devbox reaches the world: which mode it gets, and what its owner does for it once its box is there. */
import type { CreateParams, NetworkMode } from "@effect-devbox/core/DevboxModel"
import { DoorError, doorProblem } from "../net/door.ts"
import { proxyPort } from "../net/modes.ts"
import { startStack, stackProblem } from "../net/stack.ts"
import { findTool } from "../sandbox/tools.ts"
import type { Box, HostReport } from "../sandbox/types.ts"
import type { Database } from "../store/database.ts"
import { transition } from "../store/devboxes.ts"
import { requestOf } from "./bounds.ts"
import { type Engine, inBackground, type Live, rowOf } from "./engine.ts"
import { missing } from "./errors.ts"
import { checkPolicy, rulesNow } from "./policy.ts"

/** The modes that devboxes of this machine can have, as far as that can be said without trying. */
export const offered = (tier: "process" | undefined): ReadonlySet<NetworkMode> =>
  new Set(
    tier === "process"
      ? ["host"]
      : (findTool("slirp4netns") ?? findTool("pasta")) === undefined
        ? ["none", "proxy", "host"]
        : ["none", "proxy", "user", "host"]
  )

/** The mode that a devbox gets, or the typed error that it cannot have the one it asks for. */
export const networkOf = (
  db: Database,
  report: HostReport,
  params: CreateParams,
  preferred: NetworkMode
): NetworkMode => {
  const { tier } = report
  const mode = params.network ?? (tier === "process" ? "host" : preferred)
  if (tier === "process" && mode !== "host") {
    const detail = `a devbox of the process tier has this machine's network; the mode "${mode}" takes an isolated one`
    throw missing("create", `network:${mode}`, detail)
  }
  const lack = mode === "proxy" ? doorProblem(report) : mode === "user" ? stackProblem(report) : undefined
  if (lack !== undefined) throw missing("create", `network:${mode}`, `the network mode "${mode}" ${lack}`)
  const policy = params.launchParameters?.networkPolicyId
  if (policy !== undefined) checkPolicy(db, policy, mode, tier)
  return mode
}

/** What lets a box out, if something does, and how it ends. */
const wayOut = async (engine: Engine, report: HostReport, { entrance, id }: Box): Promise<() => void> => {
  const row = rowOf(engine, id)
  if (entrance === undefined) return () => {}
  if (row.network === "user") return startStack(report, entrance)
  if (row.network !== "proxy") return () => {}
  const policy = requestOf(row).launchParameters?.networkPolicyId
  return engine.egress.serve(await engine.door.listen(entrance, proxyPort), () => rulesNow(engine.db, policy))
}

/**
 * Gives a box that this process owns its way out, now and each time it gets new processes, until it ends. That goes on beside
 * the caller; commands wait for `live.online`. A devbox that cannot have it fails.
 */
export const keepOnline = (
  engine: Engine,
  report: HostReport,
  live: Live,
  fail: (id: string) => Promise<void>
): void => {
  const { box } = live
  let stop = () => {}
  let over = false
  const connect = async (): Promise<void> => {
    stop()
    stop = await wayOut(engine, report, box)
    if (over) stop()
  }
  const failed = async (error: unknown): Promise<never> => {
    if (!live.ending && !(error instanceof DoorError && error.kind === "gone")) {
      const detail = error instanceof Error ? error.message : String(error)
      transition(engine.db, box.id, "failure", { failureReason: "execution_failed", detail })
      await fail(box.id)
      engine.news.changed(box.id)
    }
    throw error
  }
  const begin = (): void => {
    const online: Promise<void> = connect().then(() => {
      if (live.online === online) live.online = undefined
    }, failed)
    live.online = online
    inBackground(engine, online)
  }
  begin()
  box.onRestart(begin)
  void box.closed.then(() => {
    over = true
    stop()
  })
}

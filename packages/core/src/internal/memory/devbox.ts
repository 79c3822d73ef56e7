/** One devbox: what is remembered of it, how its state changes, and how it looks from outside. */
import { defined } from "../defined.ts"
import {
  type CreateParams,
  DevboxId,
  DevboxInfo,
  type DevboxStatus,
  LaunchParameters,
  LogEntry,
  StateTransition
} from "../../DevboxModel.ts"
import * as Changed from "./changed.ts"
import type * as Files from "./files.ts"
import type { Box, Word, World } from "./state.ts"

/** Adds a devbox to the world, in its first state. */
export const add = (world: World, params: CreateParams, files: Files.FileTree): Box => {
  const number = world.next()
  const now = world.now()
  const box: Box = {
    id: DevboxId.make(`dbx_${String(number).padStart(6, "0")}`),
    number,
    params,
    createTimeMs: now,
    changed: Changed.make(),
    name: params.name,
    metadata: params.metadata ?? {},
    status: "provisioning",
    transitions: [],
    reasons: {},
    endTimeMs: undefined,
    files,
    executions: new Map(),
    terminals: new Set(),
    shells: new Map(),
    listeners: new Map(),
    logs: [],
    tunnel: undefined,
    tunnelPorts: undefined,
    saving: new Set(),
    aliveFromMs: now,
    activeAtMs: now,
    ranMs: 0,
    runsSinceMs: undefined,
    noticedMs: undefined,
    stale: undefined
  }
  world.boxes.set(box.id, box)
  become(world, box, "provisioning")
  return box
}

/** Changes the state and tells whoever waits. */
export const become = (world: World, box: Box, status: DevboxStatus, reasons: Pick<DevboxInfo, Word> = {}): void => {
  const now = world.now()
  if (box.runsSinceMs !== undefined) box.ranMs += now - box.runsSinceMs
  box.runsSinceMs = status === "running" ? now : undefined
  box.status = status
  box.reasons = reasons
  if (isOver(box)) box.endTimeMs = now
  const { failureReason } = reasons
  box.transitions.push(new StateTransition(defined({ status, transitionTimeMs: now, failureReason })))
  box.changed.notify()
}

/** Whether nothing can happen to it any more. */
export const isOver = (box: Box): boolean => box.status === "shutdown" || box.status === "failure"

/** Something happened in it: the idle time starts again. */
export const touch = (world: World, box: Box): void => {
  box.activeAtMs = world.now()
}

/** A line of its log. */
export const log = (
  world: World,
  box: Box,
  entry: Omit<ConstructorParameters<typeof LogEntry>[0], "timestampMs" | "level"> & { readonly level?: string }
): void => {
  box.logs.push(new LogEntry({ level: "info", ...entry, timestampMs: world.now() }))
}

/** What it is now, whatever looks may still see. */
export const infoNow = (box: Box): DevboxInfo =>
  new DevboxInfo({
    id: box.id,
    status: box.status,
    createTimeMs: box.createTimeMs,
    launchParameters: box.params.launchParameters ?? new LaunchParameters({}),
    metadata: box.metadata,
    capabilities: [],
    stateTransitions: [...box.transitions],
    initiatorType: "api",
    isolation: "memory",
    network: box.params.network ?? "none",
    ...box.reasons,
    ...defined({
      endTimeMs: box.endTimeMs,
      name: box.name,
      snapshotId: box.params.snapshotId,
      tunnel: box.tunnel
    })
  })

/** What a look sees: what is now, or for as many looks as a test asked for what was before. */
export const look = (box: Box): DevboxInfo => {
  if (box.stale === undefined || box.stale.looks <= 0) return infoNow(box)
  box.stale.looks -= 1
  return box.stale.info
}

/** Lets the next looks see what is now. */
export const remember = (world: World, box: Box): void => {
  if (world.lag > 0) box.stale = { info: infoNow(box), looks: world.lag }
}

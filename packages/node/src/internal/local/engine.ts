/**
 * The state that the local backend's operations share: the database, this process as an owner, the boxes it can talk to, and
 * who waits for news of them. Operations are in the files beside this one.
 */
import { DevboxNotReady, ResourceNotFound } from "@effect-devbox/core/DevboxError"
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import * as fs from "node:fs"
import * as path from "node:path"
import { openJournal } from "../journal/journal.ts"
import type { Journal } from "../journal/types.ts"
import type { Door } from "../net/door.ts"
import type { EgressProxy } from "../net/proxy.ts"
import { attachBox } from "../sandbox/box.ts"
import { boxDirs } from "../sandbox/layout.ts"
import type { Box, BoxExecution, BoxSpec, HostReport } from "../sandbox/types.ts"
import type { Database } from "../store/database.ts"
import { type DevboxRow, getDevbox } from "../store/devboxes.ts"
import { layersOf } from "../store/layers.ts"
import { getOwner } from "../store/owners.ts"
import type { StateDir } from "../store/store.ts"
import { boundsOf } from "./bounds.ts"
import type { Host } from "./host.ts"
import type { News } from "./news.ts"
import { recordLate } from "./record.ts"
import type { Sources } from "./sources.ts"

/** An execution that this process follows. */
export interface Followed {
  readonly execution: BoxExecution
  /** Resolves when its end is written down; never rejects. */
  readonly over: Promise<void>
  /** The signal that was sent to it last, to name it when it dies of one. */
  signalled?: string
}

/** A box that this process can talk to: its own, or a detached one behind its holder's socket. */
export interface Live {
  readonly box: Box
  /** It is this process's own, not a holder's. */
  readonly owned: boolean
  readonly followed: Map<string, Followed>
  /** Named shells that died and have not had a new command yet. */
  readonly deadShells: Set<string>
  /** Executions that ran first in a shell that replaced a dead one. */
  readonly afterDeath: Set<string>
  /** The end of the box is wanted: it is no failure. */
  ending: boolean
  /** When something happened in it last. */
  activeAtMs: number
  /** The end that was announced last. */
  noticedMs?: number
  /** While its network is being made. */
  online?: Promise<void> | undefined
  timer?: NodeJS.Timeout
}

/** See the top of this file. */
export interface Engine {
  readonly dir: StateDir
  readonly db: Database
  readonly ownerId: string
  /** The keep-alive time of devboxes that do not say. */
  readonly keepAliveSeconds: number
  /** A server adds the objects of its callers as long as it serves. */
  sources: Sources
  readonly host: () => Promise<Host>
  /** The way into the boxes' networks. */
  readonly door: Door
  /** How far limits reach at best; `getInfo` says how far they do for each devbox. */
  readonly limits: HostReport["limits"]
  /** The way out of them. */
  readonly egress: EgressProxy
  readonly news: News
  /** Writes down the end of owners that died. */
  readonly bury: () => void
  readonly live: Map<string, Live>
  /** Boxes being attached, so that two callers share one connection. */
  readonly attaching: Map<string, Promise<Live>>
  /** The layer ends: nothing new begins. */
  closing: boolean
  /** Devboxes that are being started; whoever ends them, or everything, waits for it. */
  readonly starting: Map<string, Promise<unknown>>
  /** Boxes that prepare the disks of devboxes which are not there yet. */
  readonly stages: Map<string, Box>
  /** Disks that are being saved, by devbox; never rejects. */
  readonly saving: Map<string, Promise<void>>
  /** Devboxes of this process that failed; their journals stay readable until somebody shuts them down or the layer ends. */
  readonly failed: Set<string>
  readonly background: Set<Promise<void>>
}

/** Where a box lies. */
export const boxDir = (engine: Pick<Engine, "dir">, id: string): string => path.join(engine.dir.boxes, id)

/** How a box is described to the sandbox: on its layers, whose topmost it writes to. */
export const specOf = (engine: Engine, host: Host, id: string, over: Partial<BoxSpec> = {}): BoxSpec => {
  const [upper, ...below] = layersOf(engine.db, "devbox", id)
  const whole = below.at(-1)?.format === "root"
  return {
    id,
    dir: boxDir(engine, id),
    layersDir: engine.dir.layers,
    lower: [...below.map((layer) => layer.id), ...(whole ? [] : [host.base.dir])],
    ...(upper === undefined ? {} : { upper: upper.id }),
    report: host.report,
    base: host.base,
    network: "none",
    ...boundsOf(engine.dir.root, host.report, rowOf(engine, id)),
    ...over
  }
}

/** The row of a devbox, or the error that it does not exist. */
export const rowOf = (engine: Engine, id: string): DevboxRow => {
  const row = getDevbox(engine.db, id)
  if (row === undefined) throw new ResourceNotFound({ resource: "devbox", id })
  return row
}

/** Runs something beside the caller; the layer's end waits for it. */
export const inBackground = (engine: Engine, work: Promise<unknown>): void => {
  const settled = work.then(
    () => void engine.background.delete(settled),
    () => void engine.background.delete(settled)
  )
  engine.background.add(settled)
}

/** How long until what could not be done is tried again: a snapshot was in progress, or the database busy or full. */
export const againMillis = 1000

/** Tries again later, until it is done, what has begun and cannot be taken back. */
export const insist = (engine: Engine, work: () => Promise<unknown>): void => {
  const again = () => {
    if (!engine.closing)
      inBackground(
        engine,
        work().catch(() => insist(engine, work))
      )
  }
  setTimeout(again, againMillis).unref()
}

/** The error for a devbox in the wrong state. */
export const notReady = (row: DevboxRow, hint?: string): DevboxNotReady =>
  new DevboxNotReady({
    devboxId: row.id,
    status: row.status as DevboxNotReady["status"],
    expected: "running",
    ...(row.failure_reason === null ? {} : { failureReason: row.failure_reason }),
    ...(hint === undefined ? {} : { hint })
  })

/** Whether this process has a devbox; otherwise its holder has it, or nobody. */
export const isOurs = (engine: Engine, row: DevboxRow): boolean => row.owner_id === engine.ownerId

/** Takes a box into the list of those this process can talk to. */
export const enlist = (engine: Engine, box: Box, owned: boolean): Live => {
  const live: Live = {
    box,
    owned,
    followed: new Map(),
    deadShells: new Set(),
    afterDeath: new Set(),
    ending: false,
    activeAtMs: Date.now()
  }
  engine.live.set(box.id, live)
  if (owned) box.onLate((id, channel, text) => recordLate(engine.db, box.id, id, channel, text))
  return live
}

/** A box to talk to, whatever the row's status says. */
export const connect = async (engine: Engine, row: DevboxRow): Promise<Live | undefined> => {
  const live = engine.live.get(row.id)
  if (live !== undefined || row.detached === 0 || isOurs(engine, row)) return live
  const socket = getOwner(engine.db, row.owner_id)?.socket
  if (socket === null || socket === undefined) return undefined
  const pending = engine.attaching.get(row.id)
  if (pending !== undefined) return pending
  const attach = async (): Promise<Live> => {
    const box = await attachBox(specOf(engine, await engine.host(), row.id), socket)
    const joined = enlist(engine, box, false)
    void box.closed.then(() => {
      if (engine.live.get(row.id) === joined) engine.live.delete(row.id)
      engine.news.changed(row.id)
    })
    // A holder that was killed wrote nothing down.
    void box.left
      .then(() => {
        if (engine.closing) return
        engine.bury()
        engine.news.changed(row.id)
      })
      .catch(() => {})
    return joined
  }
  const joining = attach().finally(() => engine.attaching.delete(row.id))
  engine.attaching.set(row.id, joining)
  return joining
}

/** The box of a running devbox. */
export const running = async (
  engine: Engine,
  id: DevboxId,
  also: ReadonlyArray<string> = []
): Promise<{ readonly row: DevboxRow; readonly live: Live }> => {
  const row = rowOf(engine, id)
  if (row.status !== "running" && !also.includes(row.status)) throw notReady(row)
  // Without a wait for boxes that are at hand: every command comes through here.
  const live = engine.live.get(id) ?? (await connect(engine, row).catch(() => undefined))
  if (live !== undefined) return { row, live }
  // Whoever had it may have died since somebody last looked.
  engine.bury()
  const now = rowOf(engine, id)
  if (now.status !== row.status) throw notReady(now)
  throw notReady(
    now,
    now.detached === 1
      ? "Its holder process cannot be reached; look at its info again in a moment."
      : `It belongs to process ${getOwner(engine.db, now.owner_id)?.pid ?? "?"} alone; create it with createDetached to share it.`
  )
}

/** The journal of a devbox, also of one that this process cannot talk to; `undefined` when it went with its devbox. */
export const journalOf = (
  engine: Pick<Engine, "dir"> & { readonly live?: Engine["live"] },
  id: string
): { readonly journal: Journal; readonly close: () => void } | undefined => {
  const live = engine.live?.get(id)
  if (live !== undefined) return { journal: live.box.journal, close: () => {} }
  const { output } = boxDirs(boxDir(engine, id))
  // Opening a journal makes its folder, which would bring a removed box back.
  if (!fs.existsSync(output)) return undefined
  const journal = openJournal(output)
  return { journal, close: () => journal.close() }
}

/** A devbox gets its processes, for the first time or again: in this process, or behind a holder of its own. */
import type { DevboxId, NetworkMode } from "@effect-devbox/core/DevboxModel"
import * as fs from "node:fs"
import * as path from "node:path"
import { environmentOf } from "../net/modes.ts"
import { startBox } from "../sandbox/box.ts"
import { copyFolder } from "../sandbox/diskCopy.ts"
import { boxDirs, makeBoxDir } from "../sandbox/layout.ts"
import { type DevboxRow, isFinal, setBase, transition } from "../store/devboxes.ts"
import { requestOf } from "./bounds.ts"
import { startDetached } from "./detached.ts"
import { layerDir, shorten } from "./disk.ts"
import { end, ended, shutdownAlone } from "./end.ts"
import { boxDir, type Engine, enlist, inBackground, type Live, rowOf, specOf } from "./engine.ts"
import { keepOnline } from "./network.ts"
import { type Ends, type Setup, settleIn } from "./setup.ts"
import { homeOf, needsStage, stage } from "./stage.ts"
import { suspend } from "./suspend.ts"

/** What a devbox needs again when it is resumed, and what is not for the database: it may be secret. */
export interface Kept {
  readonly env?: Readonly<Record<string, string>> | undefined
}

const keptFile = (engine: Pick<Engine, "dir">, id: string): string => path.join(boxDir(engine, id), "kept.json")

const readKept = (engine: Engine, id: string): Kept => {
  try {
    return JSON.parse(fs.readFileSync(keptFile(engine, id), "utf8")) as Kept
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {}
    throw error
  }
}

/** What a start brings along. */
export interface Boot extends Setup {
  /** Only for the first start; it is kept for the next ones. */
  readonly kept?: Kept | undefined
  /** The layer that a home folder of the process tier begins with. */
  readonly home?: string | undefined
}

/** What the life of a devbox in this process leads to. */
export const ends = (engine: Engine): Ends => ({
  suspend: (id) => suspend(engine, id),
  shutdown: (id, reason) => shutdownAlone(engine, id, reason),
  exited: (id) => shutdownAlone(engine, id, "entrypoint_exit"),
  fail: (id) => end(engine, rowOf(engine, id))
})

/** Somebody wishes the end of a devbox that was being started. */
const unwanted = (row: DevboxRow): boolean => isFinal(row.status) || row.shutdown_reason !== null

const start = async (engine: Engine, id: DevboxId, { home, kept, ...setup }: Boot): Promise<void> => {
  const host = await engine.host()
  const row = rowOf(engine, id)
  shorten(engine.db, "devbox", id)
  setBase(engine.db, id, host.base.fingerprint)
  const { env } = kept ?? readKept(engine, id)
  const user = requestOf(row).launchParameters?.userParameters
  const staging = { user, mounts: setup.mounts ?? [] }
  const network = row.network as NetworkMode
  const spec = specOf(engine, host, id, {
    network,
    env: { ...environmentOf(network), ...env },
    user: user && { ...user, home: homeOf(user) }
  })
  makeBoxDir(spec)
  if (kept?.env !== undefined) fs.writeFileSync(keptFile(engine, id), JSON.stringify(kept), { mode: 0o600 })
  if (home !== undefined) await copyFolder(host.report, layerDir(engine, home), boxDirs(spec.dir).home)
  if (!setup.again && needsStage(staging)) await stage(engine, id, spec, staging)
  let live: Live
  if (row.detached === 1) live = await startDetached(engine, spec, setup)
  else {
    live = enlist(engine, await startBox(spec), true)
    keepOnline(engine, host.report, live, ends(engine).fail)
    inBackground(
      engine,
      live.box.closed.then(() => ended(engine, live))
    )
  }
  if (unwanted(rowOf(engine, id))) {
    await end(engine, rowOf(engine, id))
    transition(engine.db, id, "shutdown")
    engine.news.changed(id)
    return
  }
  if (row.detached === 0) await settleIn(engine, live, setup, ends(engine))
}

/** Starts a devbox whose row says that it is being started. */
export const boot = (engine: Engine, id: DevboxId, what: Boot): Promise<void> => {
  const starting = start(engine, id, what)
  const settled = starting.catch(() => {}).finally(() => engine.starting.delete(id))
  engine.starting.set(id, settled)
  return starting
}

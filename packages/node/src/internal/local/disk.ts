/**
 * What devboxes and snapshots are made of: layers, their sizes, and the end of those that nothing is made of any more. A layer is
 * named in the database before its folder exists and longer than it does, so a folder that no row names belongs to nobody.
 */
import * as SecureRandom from "effect/crypto/SecureRandom"
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { randomUUID } from "node:crypto"
import { asBoxUser } from "../sandbox/diskCopy.ts"
import { emptyTrash } from "../sandbox/remove.ts"
import { dropped } from "../sandbox/tools.ts"
import type { HostReport } from "../sandbox/types.ts"
import type { Database } from "../store/database.ts"
import {
  forgetLayer,
  getLayer,
  type Holder,
  type LayerRow,
  layersOf,
  replacementOf,
  setLayers,
  setLayerSize,
  unusedLayers
} from "../store/layers.ts"
import { isOwnerAlive } from "../store/ownerLock.ts"
import type { StateDir } from "../store/store.ts"

/** A state directory that is open. */
export interface Place {
  readonly dir: StateDir
  readonly db: Database
}

/** Where what is removed goes first. */
export const trashDir = ({ dir }: Pick<Place, "dir">): string => path.join(dir.root, "trash")

/** A name for a new layer. */
export const newLayerId = (): string => `lyr_${SecureRandom.uuidV7Unsafe().replaceAll("-", "")}`

/** Where a layer lies. */
export const layerDir = ({ dir }: Pick<Place, "dir">, id: string): string => path.join(dir.layers, id)

/** The layers of something, top first, without those that one layer can stand in for. */
export const shortest = (db: Database, layers: ReadonlyArray<LayerRow>): ReadonlyArray<LayerRow> => {
  for (const [index, layer] of layers.entries()) {
    const whole = replacementOf(db, layer.id)
    if (whole !== undefined) return [...layers.slice(0, index), whole]
  }
  return layers
}

/** Shortens what something is made of; only while no box stands on it. */
export const shorten = (db: Database, holder: Holder, id: string): ReadonlyArray<LayerRow> =>
  db.transaction(() => {
    const all = layersOf(db, holder, id)
    const short = shortest(db, all)
    if (short !== all) {
      setLayers(
        db,
        holder,
        id,
        short.map((layer) => layer.id)
      )
    }
    return short
  })

/** Moves folders of layers out of sight and removes them. */
const bin = async (place: Pick<Place, "dir">, id: string): Promise<void> => {
  fs.mkdirSync(trashDir(place), { recursive: true, mode: 0o700 })
  const trash = path.join(trashDir(place), randomUUID())
  try {
    fs.renameSync(layerDir(place, id), trash)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return
    throw error
  }
  await emptyTrash(trash)
}

/** Removes layers if nothing is made of them. */
export const dropLayers = async (place: Place, ids: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const gone = ids.filter((id) => forgetLayer(place.db, id))
  await Promise.all(gone.map((id) => bin(place, id)))
  return gone
}

/** Removes those of these layers that nothing is made of any more, with what stands in for them. */
export const releaseLayers = async (place: Place, layers: ReadonlyArray<LayerRow>): Promise<void> => {
  const standIns = new Map(layers.map((layer) => [layer.id, replacementOf(place.db, layer.id)?.id]))
  const gone = await dropLayers(place, [...standIns.keys()])
  await dropLayers(
    place,
    gone.flatMap((id) => standIns.get(id) ?? [])
  )
}

/** Removes every layer that nothing is made of and nobody is making, and every folder that is no layer. */
export const cleanLayers = async (place: Place): Promise<ReadonlyArray<string>> => {
  const { db, dir } = place
  const unused = unusedLayers(db).filter(
    (layer) => layer.owner_id === null || !isOwnerAlive(dir.owners, layer.owner_id)
  )
  const gone = await dropLayers(
    place,
    unused.map((layer) => layer.id)
  )
  const strays = fs.readdirSync(dir.layers).filter((name) => getLayer(db, name) === undefined)
  await Promise.all(strays.map((name) => bin(place, name)))
  return [...new Set([...gone, ...strays])]
}

/** Writes down how large layers are that nobody has measured; those that are gone meanwhile have no size. */
export const measure = async (place: Place, report: HostReport, layers: ReadonlyArray<LayerRow>): Promise<void> => {
  const unknown = layers.filter((layer) => layer.size_bytes === null).map((layer) => layer.id)
  if (unknown.length === 0) return
  // Nobody waits for it long, so it makes nobody wait.
  const argv = [
    "nice",
    "-n",
    "19",
    ...asBoxUser(report),
    "du",
    "-s",
    "-k",
    "--",
    ...unknown.map((id) => layerDir(place, id))
  ]
  const options = { ...dropped(report), maxBuffer: 2 ** 20, cwd: "/" }
  const text = await new Promise<string>((resolve) => {
    execFile(argv[0]!, argv.slice(1), options, (_, stdout) => resolve(stdout))
  })
  place.db.transaction(() => {
    for (const line of text.split("\n")) {
      const [kib, file] = line.split("\t")
      if (file !== undefined) setLayerSize(place.db, path.basename(file), Number(kib) * 1024)
    }
  })
}

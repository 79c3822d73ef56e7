/**
 * The state directory: where things lie in it, who may read them, and the database at its top.
 */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { openDatabase, type Database } from "./database.ts"

/** The places of a state directory. */
export interface StateDir {
  readonly root: string
  readonly database: string
  readonly owners: string
  readonly boxes: string
  /** What devboxes and snapshots are made of, on top of the base. */
  readonly layers: string
}

const isRoot = () => process.getuid?.() === 0

/**
 * Where state lies unless somebody says otherwise: what `EFFECT_DEVBOX_STATE_DIR` names, the XDG state home, or for root a
 * directory that the uid which boxes are dropped to can traverse (root's own home is closed to it).
 */
export const defaultStateDir = (): string =>
  process.env["EFFECT_DEVBOX_STATE_DIR"] ||
  (isRoot()
    ? "/var/lib/effect-devbox"
    : path.join(process.env["XDG_STATE_HOME"] || path.join(os.homedir(), ".local", "state"), "effect-devbox"))

/** The places below `root`, without touching anything. */
export const stateDirAt = (root: string): StateDir => ({
  root,
  database: path.join(root, "state.db"),
  owners: path.join(root, "owners"),
  boxes: path.join(root, "boxes"),
  layers: path.join(root, "layers")
})

/** Creates the state directory, or narrows what is there: closed to others, but traversable where root drops to another uid. */
export const prepareStateDir = (root: string): StateDir => {
  const dir = stateDirAt(root)
  const traversable = isRoot() ? 0o711 : 0o700
  fs.mkdirSync(dir.root, { recursive: true })
  for (const [place, mode] of [
    [dir.root, traversable],
    [dir.boxes, traversable],
    [dir.owners, 0o700]
  ] as const) {
    fs.mkdirSync(place, { recursive: true, mode })
    // mkdir's mode is cut by the umask, and the directory may have been there.
    if ((fs.statSync(place).mode & 0o777) !== mode) fs.chmodSync(place, mode)
  }
  // Whoever knows as which user devboxes run lets that user pass through.
  fs.mkdirSync(dir.layers, { recursive: true, mode: 0o700 })
  return dir
}

/** Opens the database of a state directory, which is created if it is not there. */
export const openStore = (root: string): { readonly dir: StateDir; readonly db: Database } => {
  const dir = prepareStateDir(root)
  return { dir, db: openDatabase(dir.database) }
}

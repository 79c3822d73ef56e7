// Deletes a box's directory: first out of sight by a rename, then for good. Files belong to the box's user, and the
// overlay leaves a directory of mode 000 behind.
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { randomUUID } from "node:crypto"
import { removeGroups } from "./groups.ts"

/** After this returns, `dir` does not exist; what may take long goes on in `trashDir`, on the same file system. */
export const removeBoxDir = async (dir: string, trashDir: string): Promise<void> => {
  await removeGroups(dir)
  await fs.mkdir(trashDir, { recursive: true, mode: 0o700 })
  const trash = path.join(trashDir, randomUUID())
  try {
    await fs.rename(dir, trash)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return
    throw error
  }
  await emptyTrash(trash)
}

/** Removes a tree whose directories its owner may have closed to everybody. */
export const emptyTrash = async (dir: string): Promise<void> => {
  await fs.chmod(path.join(dir, "work", "work"), 0o700).catch(() => {})
  try {
    await fs.rm(dir, { recursive: true, force: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== "EACCES" && code !== "EPERM" && code !== "ENOTEMPTY") throw error
    await open(dir)
    await fs.rm(dir, { recursive: true, force: true })
  }
}

/** A box can take every permission from its own directories; they are still this user's. */
const open = async (dir: string): Promise<void> => {
  await fs.chmod(dir, 0o700).catch(() => {})
  for (const entry of await fs.readdir(dir, { withFileTypes: true }).catch(() => [])) {
    if (entry.isDirectory()) await open(path.join(dir, entry.name))
  }
}

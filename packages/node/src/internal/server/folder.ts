/** The folder of a server: its database, its key and the contents of its objects, closed to everybody else. */
import * as fs from "node:fs"
import * as path from "node:path"
import { type Database, openDatabase } from "../store/database.ts"
import { migrations } from "./schema.ts"

/** Where things lie. */
export interface ServerFolder {
  readonly root: string
  readonly keyFile: string
  readonly objects: string
  readonly db: Database
}

/** Opens the folder, and makes it when it is not there. */
export const openFolder = (root: string): ServerFolder => {
  const objects = path.join(root, "objects")
  for (const folder of [root, objects]) {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
    fs.chmodSync(folder, 0o700)
  }
  return {
    root,
    keyFile: path.join(root, "key"),
    objects,
    db: openDatabase(path.join(root, "server.db"), migrations)
  }
}

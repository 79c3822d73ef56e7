/** Where on the host's disk a devbox of the isolated tier writes. */
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

/** The folder of its topmost layer. */
export const upperOf = (stateDir: string, id: string): string => {
  const db = new DatabaseSync(join(stateDir, "state.db"), { readOnly: true, timeout: 10_000 })
  try {
    const top = db
      .prepare("select layer_id from devbox_layers where devbox_id = ? order by position desc limit 1")
      .get(id)
    return join(stateDir, "layers", String(top?.["layer_id"]))
  } finally {
    db.close()
  }
}

/** A process of the store tests: opens a new database at the same moment as its siblings and writes to it. */
import { insertOwner } from "../../../packages/node/src/internal/store/owners.ts"
import { openStore } from "../../../packages/node/src/internal/store/store.ts"

const [root, id] = process.argv.slice(2) as [string, string]
process.stdout.write("ready\n")
process.stdin.once("data", () => {
  const { db } = openStore(root)
  insertOwner(db, { id, kind: "process", pid: process.pid, socket: null })
  db.close()
  process.stdin.destroy()
})

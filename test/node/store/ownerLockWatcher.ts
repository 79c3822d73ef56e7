/** A process of the store tests: looks at every owner there is, again and again, then says whether the one called `stray` lives. */
import { isOwnerAlive, lockedOwners } from "../../../packages/node/src/internal/store/ownerLock.ts"

const directory = process.argv[2]!
let watching = true
process.stdin.resume().on("end", () => (watching = false))
const look = () => {
  for (const id of lockedOwners(directory)) isOwnerAlive(directory, id)
  if (watching) return void setImmediate(look)
  const seen = new Set(Array.from({ length: 300 }, () => isOwnerAlive(directory, "stray")))
  process.stdout.write(`${[...seen].join()}\n`)
}
process.stdout.write("ready\n")
look()

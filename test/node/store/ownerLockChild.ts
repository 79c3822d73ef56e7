/** A process of the store tests: takes an owner's lock and keeps it until it is killed. */
import { acquireOwnerLock } from "../../../packages/node/src/internal/store/ownerLock.ts"

const [directory, id] = process.argv.slice(2) as [string, string]
acquireOwnerLock(directory, id)
process.stdout.write("locked\n")
setInterval(() => {}, 60_000)

/** A process of the store tests: takes an owner's lock and keeps it until it is killed. */
import { acquireOwnerLock } from "../../../packages/node/src/internal/store/ownerLock.ts"

const { id } = acquireOwnerLock(process.argv[2]!)
process.stdout.write(`${id}\n`)
setInterval(() => {}, 60_000)

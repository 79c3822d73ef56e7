/** A process of the store tests: is caught while it looks whether an owner lives, and is done with it a moment later. */
import { DatabaseSync } from "node:sqlite"

const connection = new DatabaseSync(process.argv[2]!, { readOnly: true })
connection.exec("begin; pragma user_version")
process.stdout.write("looking\n")
setTimeout(() => connection.close(), 100) // in real time

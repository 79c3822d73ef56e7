// Has a door that was used, prints the pid of the program behind it and where its box lies, and waits to be killed.
import * as fs from "node:fs"
import { Door } from "../../../packages/node/src/internal/net/door.ts"
import { makeHost } from "../sandbox/helpers.ts"

const host = await makeHost("bubblewrap")
const box = await host.start()
const door = new Door(() => Promise.resolve(host))
const children = () => fs.readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ")
const before = children()
await door.listen(box.entrance!, 8080)
const pid = children().find((child) => !before.includes(child))
console.log(`${pid} ${host.state}`)
setInterval(() => {}, 1000)

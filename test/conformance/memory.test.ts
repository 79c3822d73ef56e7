/** Every law on the memory backend: with looks that hold, without, and when everything takes a moment. */
import { echoServer, memory, slow, webServer } from "./memory.ts"
import { conform } from "./suites.ts"

const surroundings = { echoServer, webServer }

conform("Memory", memory(), { surroundings })
conform("Memory without holds", memory({ holds: false }), { surroundings, time: "virtual" })
conform("Memory that takes its time", memory(slow), { surroundings, time: "virtual" })

/** The parts of undici that short calls need. All of it (fetch, caches, web sockets) takes as long to load as the rest of our client. */
import type * as Undici from "@effect/platform-node/Undici"
import { createRequire } from "node:module"

/** See above. */
export type Parts = Pick<typeof Undici, "Agent" | "Dispatcher">

/** From the copy that the platform's client uses, by the names of its files; from the whole where they cannot be found, as in a bundle. */
export const loadParts = async (): Promise<Parts> => {
  try {
    const require = createRequire(import.meta.resolve("@effect/platform-node/Undici"))
    return {
      Agent: require("undici/lib/dispatcher/agent.js") as Parts["Agent"],
      Dispatcher: require("undici/lib/dispatcher/dispatcher.js") as Parts["Dispatcher"]
    }
  } catch {
    return import("@effect/platform-node/Undici")
  }
}

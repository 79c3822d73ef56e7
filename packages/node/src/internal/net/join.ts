// Two connections as one.
import type { Duplex } from "node:stream"

/** The end of each direction is passed on, and the end of one connection ends the other. */
export const joinSockets = (one: Duplex, other: Duplex): void => {
  for (const [from, to] of [
    [one, other],
    [other, one]
  ] as const) {
    from.pipe(to)
    from.on("error", () => to.destroy())
    from.once("close", () => {
      // What was still to be written is written, if there is somebody to read it.
      if (from.readableEnded && to.readableEnded) to.end()
      else to.destroy()
    })
  }
}

// What it takes to enter the network of a box later.
import * as fs from "node:fs"
import type { Entrance } from "./types.ts"

/** The way into a box's network, while the box certainly lives: later the pids may be somebody else's. */
export const entranceOf = (pid: number | undefined, userPid: number | undefined): Entrance | undefined => {
  if (pid === undefined || userPid === undefined) return undefined
  const inode = fs.statSync(`/proc/${pid}/ns/net`, { throwIfNoEntry: false })?.ino
  return inode === undefined ? undefined : { pid, userPid, inode }
}

// Whether anything is left of an execution whose process group was killed, seen from the host in the box's own /proc: much
// quicker than a search by a process inside. The host only looks; pids of a box are signalled by the box alone.
import * as fs from "node:fs"
import { setTimeout as pause } from "node:timers/promises"

/** What statfs calls the file system of /proc. */
const PROC_MAGIC = 0x9fa0
/** Looking does not wait for anything, and the host does nothing else meanwhile. */
const PROCESSES = 200
/** What was killed ends soon, or is stuck in the kernel. */
const LOOKS = 40

const shared = Buffer.allocUnsafeSlow(8192)

const read = (file: string): string => {
  const fd = fs.openSync(file, fs.constants.O_RDONLY)
  try {
    return shared.toString("latin1", 0, fs.readSync(fd, shared))
  } finally {
    fs.closeSync(fd)
  }
}

export class Remains {
  readonly #fd: number
  readonly #dir: string
  #closed = false

  /** `insidePid`: the host's pid of the box's pid 1. Throws when its /proc cannot be seen. */
  constructor(insidePid: number) {
    const { O_DIRECTORY, O_RDONLY } = fs.constants
    this.#fd = fs.openSync(`/proc/${insidePid}/root/proc`, O_RDONLY | O_DIRECTORY)
    // From here on no path leads through what the box could have changed.
    this.#dir = `/proc/self/fd/${this.#fd}`
    if (fs.statfsSync(this.#dir).type === PROC_MAGIC) return
    this.close()
    throw new Error("the box has something else at /proc")
  }

  /** The box is gone, and all its processes with it. */
  close(): void {
    this.#closed = true
    fs.closeSync(this.#fd)
  }

  /** True when certainly no process carries the mark any more; false when something outside the group does, or might. */
  async none(mark: string, group: number): Promise<boolean> {
    const dead = new Set<string>()
    for (let look = 0; look < LOOKS; look++) {
      if (this.#closed) return true
      const seen = this.#look(mark, group, dead)
      if (seen !== "dying") return seen === "none"
      // Most are gone after the first tenths of a millisecond.
      await (look < LOOKS / 4 ? new Promise(setImmediate) : pause(1))
    }
    return false
  }

  #pids(): ReadonlyArray<string> | undefined {
    try {
      return fs.readdirSync(this.#dir).filter((name) => /^[0-9]/.test(name))
    } catch {
      // This process may have no descriptor left.
      return undefined
    }
  }

  /**
   * A process that carries the mark and was in no list was started after the list was made, by one that carries the mark and was in the
   * list, or is gone from it. So nothing is left when nobody in the list carries the mark and nobody who was in it is gone. A zombie
   * that was one before the list was made starts nothing.
   */
  #look(mark: string, group: number, dead: Set<string>): "none" | "dying" | "others" {
    const pids = this.#pids()
    if (pids === undefined || pids.length > PROCESSES) return "others"
    let seen: "none" | "dying" = "none"
    for (const pid of pids) {
      try {
        if (/^Max file locks\s+(\S+)/m.exec(read(`${this.#dir}/${pid}/limits`))?.[1] !== mark) continue
        const [state, , itsGroup] = read(`${this.#dir}/${pid}/stat`)
          .replace(/^.*\) /s, "")
          .split(" ")
        if (Number(itsGroup) !== group) return "others"
        if (state !== "Z" && state !== "X") seen = "dying"
        else if (!dead.has(pid)) {
          dead.add(pid)
          seen = "dying"
        }
      } catch {
        seen = "dying"
      }
    }
    return seen
  }
}

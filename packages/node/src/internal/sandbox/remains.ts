// Whether anything is left of an execution whose process group was killed, seen from the host: much quicker than a search by
// a process inside. The host only looks, and only in its own /proc: no path leads through what a box could have changed. Pids of
// a box are signalled by the box alone.
import * as fs from "node:fs"
import { setTimeout as pause } from "node:timers/promises"

/** Looking does not wait for anything, and the host does nothing else meanwhile. */
const PROCESSES = 400
/** Others may end between a list and a look at them. */
const LOOKS = 6
/** What was killed ends soon, or is stuck in the kernel. */
const WAITS = 40
/** The pid namespace of the machine itself, in which pid 2 is the parent of the kernel's own threads. */
const machine = "pid:[4026531836]"

const shared = Buffer.allocUnsafeSlow(32_768)

const read = (file: string): string => {
  const fd = fs.openSync(file, fs.constants.O_RDONLY)
  try {
    return shared.toString("latin1", 0, fs.readSync(fd, shared))
  } finally {
    fs.closeSync(fd)
  }
}

const ended = /^State:\s+[ZX]/m

const isAlive = (pid: string): boolean => {
  try {
    return !ended.test(read(`/proc/${pid}/status`))
  } catch {
    return false
  }
}

const kernelThreads = (): ReadonlySet<string> => {
  try {
    if (fs.readlinkSync("/proc/self/ns/pid") === machine) return new Set(read("/proc/2/task/2/children").split(" "))
  } catch {
    // A kernel without such lists.
  }
  return new Set()
}

/** The processes that could be the box's; undefined when they are too many. Those that let nobody look into them are root's. */
const candidates = (init: string, uid: number): ReadonlyArray<string> | undefined => {
  try {
    const pids = fs.readdirSync("/proc").filter((name) => /^[0-9]/.test(name))
    // This /proc is of other namespaces, or the box is gone.
    if (!pids.includes(init)) return undefined
    const threads = kernelThreads()
    const rest = pids.filter((pid) => {
      if (threads.has(pid)) return false
      const owner = fs.statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid
      // One that is gone meanwhile is looked at, and found to be gone.
      return owner === undefined || owner === uid || owner === 0
    })
    return rest.length > PROCESSES ? undefined : rest
  } catch {
    // This process may have no descriptor left.
    return undefined
  }
}

export class Remains {
  readonly #init: string
  readonly #uid: number
  #closed = false

  /** The box's pid 1 and its user, as the host sees them. Throws when not all processes can be seen from here. */
  constructor(init: number, uid: number) {
    this.#init = String(init)
    this.#uid = uid
    if (fs.readFileSync("/proc/self/mountinfo", "utf8").includes("hidepid=")) throw new Error("/proc hides processes")
  }

  /** The box is gone, and all its processes with it. */
  close(): void {
    this.#closed = true
  }

  /** True when certainly no process carries the mark any more; false when something outside the group does, or might. */
  async none(mark: string, group: number): Promise<boolean> {
    const dead = new Set<string>()
    for (let look = 0; look < LOOKS; look++) {
      if (this.#closed) return true
      const dying = this.#look(mark, group, dead)
      if (dying === undefined || dying.length === 0) return dying !== undefined
      // Most are gone after the first tenths of a millisecond.
      for (let wait = 0; wait < WAITS && dying.some(isAlive); wait++) {
        await (wait < WAITS / 2 ? new Promise(setImmediate) : pause(1))
      }
    }
    return false
  }

  /**
   * Those in the group that are dying, or were there a moment ago; undefined when something outside the group carries the mark, or might.
   * A process that carries the mark and was in no list was started after the list was made, by one that carries the mark and was in the
   * list, or is gone from it. So nothing is left when nobody in the list carries the mark and nobody who was in it is gone. A zombie
   * that was one before the list was made starts nothing.
   */
  #look(mark: string, group: number, dead: Set<string>): ReadonlyArray<string> | undefined {
    const pids = candidates(this.#init, this.#uid)
    if (pids === undefined) return undefined
    const dying: Array<string> = []
    for (const pid of pids) {
      try {
        if (/^Max file locks\s+(\S+)/m.exec(read(`/proc/${pid}/limits`))?.[1] !== mark) continue
        const status = read(`/proc/${pid}/status`)
        // Its last number is the one that the box knows.
        if (Number(/^NSpgid:.*\s(\d+)$/m.exec(status)?.[1]) !== group) return undefined
        const isDead = ended.test(status)
        if (!isDead || !dead.has(pid)) dying.push(pid)
        if (isDead) dead.add(pid)
      } catch {
        dying.push(pid)
      }
    }
    return dying
  }
}

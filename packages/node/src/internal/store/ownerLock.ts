/**
 * Proof that an owner lives: a file that it keeps locked for as long as its process exists. The kernel lets go of the lock
 * when the process ends, however it ends, so nobody has to trust a pid.
 *
 * The lock is SQLite's exclusive lock, because Node has no `flock`. Lock files must never be opened by other means: closing
 * any descriptor of a file drops every POSIX lock that the process holds on it.
 */
import { randomUUID } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { DatabaseSync } from "node:sqlite"

/** A lock that is held until it is released or the process ends. */
export interface OwnerLock {
  /** The id of the owner. */
  readonly id: string
  readonly release: () => void
}

/** The locks of this process. The garbage collector closes a connection that nobody refers to, and its lock with it. */
const held = new Set<DatabaseSync>()

const lockFile = (directory: string, id: string) => path.join(directory, `${id}.lock`)

const lock = (file: string, millis = 0): DatabaseSync | undefined => {
  const connection = new DatabaseSync(file)
  try {
    connection.exec(`pragma busy_timeout = ${millis}`)
    connection.exec("pragma locking_mode = exclusive; pragma journal_mode = memory")
    // A lock is kept from the first write on; `user_version` is the smallest thing that can be written.
    connection.exec("begin exclusive; pragma user_version = 1; commit")
    return connection
  } catch {
    connection.close()
    return undefined
  }
}

/** Whether it was never locked: that takes a write. */
const isEmpty = (file: string): boolean => fs.statSync(file, { throwIfNoEntry: false })?.size === 0

/** How long somebody may take to look at a lock file, in milliseconds. */
const lookLasts = 5000

/** How often somebody may look at a new lock file, or a sweeper take it for a stray one, before it was locked. */
const attempts = 100

/** Becomes an owner: makes a name that nobody has had, and takes its lock. */
export const acquireOwnerLock = (directory: string): OwnerLock => {
  for (let attempt = 0; attempt < attempts; attempt++) {
    // Another name each time: whoever removes the file of the last one may not be done yet.
    const id = randomUUID()
    const file = lockFile(directory, id)
    fs.closeSync(fs.openSync(file, fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_RDWR, 0o600))
    const connection = lock(file)
    if (connection === undefined || !fs.existsSync(file)) {
      fs.rmSync(file, { force: true })
      connection?.close()
      continue
    }
    held.add(connection)
    return {
      id,
      release: () => {
        held.delete(connection)
        fs.rmSync(file, { force: true })
        connection.close()
      }
    }
  }
  throw new Error(`could not lock a new file in ${directory}; is the state directory on a network file system?`)
}

/**
 * Runs `bury` while holding the lock of an owner that is gone, then removes its lock file. Does nothing when the owner lives
 * or somebody else is burying it.
 */
export const ifOwnerIsGone = (directory: string, id: string, bury: () => void): boolean => {
  const file = lockFile(directory, id)
  if (!fs.existsSync(file)) {
    bury()
    return true
  }
  let connection = lock(file)
  // Opening a file that somebody else just removed makes an empty one, which is nobody's. What keeps it is one who looks at it.
  if (connection === undefined && isEmpty(file)) connection = lock(file, lookLasts)
  if (connection === undefined) return false
  try {
    bury()
    fs.rmSync(file, { force: true })
    return true
  } finally {
    connection.close()
  }
}

/**
 * Whether an owner lives. Looking changes nothing: opened for reading, a file that its owner just released is not brought back, and
 * who looks at the same time as somebody else does not take that one for the owner.
 */
export const isOwnerAlive = (directory: string, id: string): boolean => {
  const file = lockFile(directory, id)
  let connection: DatabaseSync | undefined
  try {
    connection = new DatabaseSync(file, { readOnly: true })
    connection.exec("pragma busy_timeout = 0; pragma user_version")
    return false
  } catch {
    return fs.existsSync(file)
  } finally {
    connection?.close()
  }
}

/** The ids of the owners that have a lock file. */
export const lockedOwners = (directory: string): ReadonlyArray<string> =>
  fs
    .readdirSync(directory)
    .filter((name) => name.endsWith(".lock"))
    .map((name) => name.slice(0, -".lock".length))

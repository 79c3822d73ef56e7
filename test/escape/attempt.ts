/**
 * What an escape attempt is: one program that is run outside a devbox, where it must have its effect, and inside, where it
 * must not. Types, and the two shapes that many attempts share. No attempt and no test stands here.
 */
import { randomUUID } from "node:crypto"
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { dirname } from "node:path"

/** What a program said. */
export interface Said {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
}

/** The host as an attempt finds it: what belongs to this run and may be planted in. */
export interface Scene {
  readonly isRoot: boolean
  /** A directory of this run in `/tmp`, open to everybody. */
  readonly directory: string
  /** A directory of this run in the user's home. */
  readonly home: string
  readonly stateDir: string
  /** Another devbox of the same owner. Its home has `neighbour.txt` and its first command's output the same secret. */
  readonly neighbour: {
    readonly id: string
    readonly secret: string
    /** The process of a command in it, as the host counts. */
    readonly pid: number
    /** Whether it has a file in its home, asked through the SDK. */
    readonly has: (name: string) => Promise<boolean>
  }
}

/** An attempt made ready: something of the host is planted, and the program is told where. */
export interface Prepared {
  /** What the program is told: places, never the secret itself. */
  readonly env: Readonly<Record<string, string>>
  /** Whether the program got the secret or had its effect, judged from the host. */
  readonly observed: (said: Said) => boolean | Promise<boolean>
  /** Puts the host back as it was. */
  readonly cleanup: () => void | Promise<void>
}

/** One attempt. */
export interface Attempt {
  readonly id: string
  readonly title: string
  /** Why the program can have its effect outside only for root. */
  readonly needsRoot?: string
  /** Says what this host lacks, where the thing that is attacked does not exist on every host. */
  readonly absent?: (scene: Scene) => string | undefined
  /** Text for bash; may use what every host of the suite has, and `node`. */
  readonly program: string
  readonly arrange: (scene: Scene) => Prepared | Promise<Prepared>
}

/** A text that nobody can guess. */
export const newSecret = (): string => `escape-${randomUUID()}`

/** For arrangements that leave nothing to put back. */
export const nothing = (): void => {}

/**
 * Plants a file with a secret at a place; the program has to show it. Everybody may read it unless told otherwise: what
 * refuses it inside should be the isolation, not the accident that a devbox runs as another user.
 */
export const readsFile =
  (place: (scene: Scene) => string, contents: (secret: string) => string = (secret) => `${secret}\n`, mode = 0o644) =>
  (scene: Scene): Prepared => {
    const secret = newSecret()
    const file = place(scene)
    const made = mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, contents(secret), { flag: "wx", mode })
    return {
      env: { TARGET: file },
      observed: ({ stdout }) => stdout.includes(secret),
      cleanup: () => {
        rmSync(file)
        if (made !== undefined) rmSync(made, { recursive: true })
      }
    }
  }

/** Names a file that must not exist; the program has to create it on the host. */
export const createsFile =
  (place: (scene: Scene) => string) =>
  (scene: Scene): Prepared => {
    const file = place(scene)
    return {
      env: { TARGET: file },
      observed: () => existsSync(file),
      cleanup: () => rmSync(file, { force: true })
    }
  }

/** A directory that everybody may write to, as a careless host has them. */
export const openDirectory = (path: string): string => {
  mkdirSync(path, { recursive: true })
  chmodSync(path, 0o777)
  return path
}

/** What this host lacks when a path is not there, or not open to this user either. Permissions alone do not say it. */
export const unlessReadable = (path: string) => (): string | undefined => {
  try {
    accessSync(path, constants.R_OK)
    closeSync(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK))
    return undefined
  } catch (error) {
    return `this host keeps even this suite's user out: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Mutants of forks, of waking what is suspended, and of keeping alive. */
import type { Devbox } from "@effect-devbox/core/DevboxHandle"
import type { Interface } from "@effect-devbox/core/DevboxService"
import * as Effect from "effect/Effect"
import { broken, brokenHandle, brokenService, type Mutant } from "./mutant.ts"

/** Handles that resume by themselves are broken; the others are sound. */
const brokenWaking = (
  law: string,
  is: string,
  breaks: (sound: Devbox, service: Interface) => Partial<Devbox>
): Mutant =>
  brokenService(law, is, (service) => ({
    attach: (id, options) => {
      const sound = service.attach(id, options)
      return options?.autoResume === true ? { ...sound, ...breaks(sound, service) } : sound
    }
  }))

/** Forks one after another, each of its own instant. */
const oneByOne = ({ snapshotDisk }: Devbox): Partial<Devbox> => ({
  fork: (count, options) =>
    Effect.forEach(Array.from({ length: count }), () =>
      Effect.flatMap(
        Effect.acquireRelease(snapshotDisk(), (taken) => Effect.ignore(taken.delete)),
        (taken) => taken.createDevbox(options)
      )
    )
})

/** See above. */
export const forks: ReadonlyArray<Mutant> = [
  brokenHandle("fork-is-one-instant", "makes one too few", ({ fork }) => ({
    fork: (count, options) => fork(Math.max(1, count - 1), options)
  })),
  brokenHandle("fork-is-one-instant", "gives one devbox twice", ({ fork }) => ({
    fork: (count, options) => Effect.map(fork(1, options), (made) => Array.from({ length: count }, () => made[0]!))
  })),
  brokenHandle("fork-is-one-instant", "makes new devboxes", (_sound, service) => ({
    fork: (count, options) => Effect.replicateEffect(service.create(options), count)
  })),
  brokenHandle("fork-ends-with-its-scope", "leaves its snapshot", ({ snapshotDisk }) => ({
    fork: (count, options) =>
      Effect.flatMap(snapshotDisk(), (taken) => Effect.replicateEffect(taken.createDevbox(options), count))
  })),
  brokenHandle("fork-ends-with-its-scope", "takes a snapshot for each", oneByOne),
  broken("fork-ends-with-its-scope", "shuts down the first only", (b) => {
    let first: string | undefined
    return {
      shutdown: (id, options) => {
        first ??= id
        return id === first ? b.shutdown(id, options) : b.get(id)
      }
    }
  }),
  brokenHandle("fork-that-fails", "hides it", ({ fork }) => ({
    fork: (count, options) => Effect.catchTag(fork(count, options), "DevboxNotReady", () => Effect.succeed([]))
  })),
  brokenHandle("fork-that-fails", "leaves its snapshot", ({ snapshotDisk }) => ({
    fork: (count, options) =>
      Effect.flatMap(snapshotDisk(), (taken) => Effect.replicateEffect(taken.createDevbox(options), count))
  })),
  brokenHandle("fork-that-fails", "does not mind the number", ({ fork }) => ({
    fork: (count, options) => (count < 1 ? Effect.succeed([]) : fork(count, options))
  }))
]

/** See above. */
export const lives: ReadonlyArray<Mutant> = [
  brokenService("auto-resume-command", "never resumes", (s) => ({ attach: (id) => s.attach(id) })),
  brokenService("auto-resume-command", "always resumes", (s) => ({
    create: (options) => Effect.map(s.create(options), ({ id }) => s.attach(id, { autoResume: true }))
  })),
  brokenWaking("auto-resume-command", "wakes it for a look", (sound) => ({
    getInfo: Effect.andThen(Effect.ignore(sound.cmd.exec("true")), sound.getInfo)
  })),
  brokenWaking("auto-resume-files", "resumes for commands only", (sound, service) => ({
    file: service.attach(sound.id).file
  })),
  brokenWaking("auto-resume-files", "does not wait for the end of a suspend", (sound, service) => {
    const plain = service.attach(sound.id)
    return {
      file: {
        ...sound.file,
        write: (path, contents) =>
          Effect.catchTag(plain.file.write(path, contents), "DevboxNotReady", () =>
            Effect.andThen(plain.resume, plain.file.write(path, contents))
          )
      }
    }
  }),
  brokenWaking("auto-resume-runs-once", "runs it again", (sound) => ({
    cmd: {
      ...sound.cmd,
      exec: (command, options) =>
        Effect.catchTag(sound.cmd.exec(command, options), "DevboxNotReady", () =>
          sound.cmd.exec("echo run >> runs.txt", options)
        )
    }
  })),
  brokenHandle("keep-alive-while", "does not do it", () => ({ keepAliveWhile: () => Effect.never })),
  brokenHandle("keep-alive-while", "does not look at the devbox", () => ({ keepAliveWhile: (effect) => effect })),
  broken("keep-alive-while", "keeps what is over alive", () => ({ keepAlive: () => Effect.void }))
]

/** See above. */
export const pools: ReadonlyArray<Mutant> = [
  brokenService("pool-hands-out-once", "makes one devbox for all", (s) => {
    let only: Devbox | undefined
    return {
      create: (options) =>
        Effect.suspend(() =>
          only === undefined ? Effect.map(s.create(options), (made) => (only = made)) : Effect.succeed(only)
        )
    }
  }),
  brokenService("pool-hands-out-once", "leaves what was handed out", (s) => ({
    create: (options) => s.createDetached(options)
  })),
  broken("pool-hands-out-once", "is never filled", (b) => {
    let made = 0
    return { create: (params) => (++made > 1 ? Effect.never : b.create(params)) }
  }),
  brokenHandle("pool-hands-out-what-runs", "takes everything for sound", ({ getInfo }) => ({
    keepAlive: Effect.void,
    getInfo: Effect.map(getInfo, (info) => Object.assign(info, { status: "running" }))
  })),
  brokenService("pool-ends", "leaves its devboxes", (s) => ({ create: (options) => s.createDetached(options) }))
]

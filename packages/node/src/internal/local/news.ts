/**
 * Waiting for something to change, by events and never by looking again and again. What this process does is told to its
 * waiters; what another process does shows in the database's write-ahead log, which every commit touches.
 */
import * as fs from "node:fs"

/** Who waits for news of which devbox. */
export interface News {
  /** Tells whoever waits for this devbox to look again. */
  readonly changed: (id: string) => void
  /**
   * Looks now and after every change of the devbox until `look` gives something, the time is over or the signal says so.
   * `foreign` says that other processes may bring the change about.
   */
  readonly until: <A>(id: string, look: () => A | undefined, options: Until) => Promise<A | undefined>
}

/** How to wait. */
export interface Until {
  readonly foreign: boolean
  /** Default: no limit. */
  readonly millis?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Node fires timers beyond this at once. */
export const longestTimer = 2 ** 31 - 1

/** When to look again after a write, in milliseconds after the look before. */
const secondLooks = [4, 20, 100, 500]

/** Makes the news of one database. */
export const makeNews = (database: string): News => {
  const waiting = new Map<string, Set<() => void>>()
  let watchers = 0
  let watcher: fs.FSWatcher | undefined
  let pending = false
  let again: NodeJS.Timeout | undefined

  const wakeAll = () => {
    pending = false
    for (const set of waiting.values()) for (const wake of set) wake()
  }
  // A commit can be seen only a moment after the write that told of it, and that moment is as long as its process is kept from running.
  const lookAgain = ([next, ...later]: ReadonlyArray<number>) => {
    clearTimeout(again)
    if (next === undefined || watchers === 0) return
    again = setTimeout(() => {
      wakeAll()
      lookAgain(later)
    }, next)
    again.unref()
  }
  // A commit is several writes; one look for all of them is enough.
  const stirred = () => {
    if (pending) return
    pending = true
    setImmediate(wakeAll)
    lookAgain(secondLooks)
  }
  const watch = (): (() => void) => {
    watchers += 1
    if (watcher === undefined) {
      watcher = fs.watch(`${database}-wal`, { persistent: false }, stirred)
      // The log goes only with the state directory, and then waiting ends by its time or its signal.
      watcher.on("error", () => {})
    }
    return () => {
      watchers -= 1
      if (watchers > 0) return
      watcher?.close()
      watcher = undefined
      clearTimeout(again)
    }
  }

  return {
    changed: (id) => {
      for (const wake of waiting.get(id) ?? []) wake()
    },
    until: (id, look, { foreign, millis, signal }) =>
      new Promise((resolve, reject) => {
        let timer: NodeJS.Timeout | undefined
        const unwatch = foreign ? watch() : undefined
        const set = waiting.get(id) ?? new Set()
        waiting.set(id, set)
        const end = () => {
          clearTimeout(timer)
          unwatch?.()
          signal?.removeEventListener("abort", over)
          set.delete(wake)
          if (set.size === 0 && waiting.get(id) === set) waiting.delete(id)
        }
        const over = () => {
          end()
          resolve(undefined)
        }
        const wake = () => {
          try {
            const seen = look()
            if (seen === undefined) return
            end()
            resolve(seen)
          } catch (error) {
            end()
            reject(error)
          }
        }
        set.add(wake)
        signal?.addEventListener("abort", over)
        if (millis !== undefined) timer = setTimeout(over, Math.min(millis, longestTimer))
        if (signal?.aborted === true) over()
        else wake()
      })
  }
}

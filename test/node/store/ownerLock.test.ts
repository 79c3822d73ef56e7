import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import {
  acquireOwnerLock,
  ifOwnerIsGone,
  isOwnerAlive,
  lockedOwners
} from "../../../packages/node/src/internal/store/ownerLock.ts"

let directory: string
const children: Array<ChildProcess> = []
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "effect-devbox-owners-"))
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
  fs.rmSync(directory, { recursive: true, force: true })
})

describe("owner locks", () => {
  it("holds while the process lives and is free once it was killed", async () => {
    const child = spawn(process.execPath, [path.join(import.meta.dirname, "ownerLockChild.ts"), directory], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    children.push(child)
    const [said] = (await once(child.stdout, "data")) as [Buffer]
    const id = said.toString().trim()
    let buried = 0
    for (let i = 0; i < 20; i++) {
      expect(isOwnerAlive(directory, id)).toBe(true)
      expect(ifOwnerIsGone(directory, id, () => void buried++)).toBe(false)
    }
    child.kill("SIGKILL")
    await once(child, "close")
    expect(isOwnerAlive(directory, id)).toBe(false)
    expect(ifOwnerIsGone(directory, id, () => void buried++)).toBe(true)
    expect([buried, lockedOwners(directory)]).toEqual([1, []])
  })

  it("is seen by the process that holds it as well", () => {
    const lock = acquireOwnerLock(directory)
    expect(isOwnerAlive(directory, lock.id)).toBe(true)
    expect(isOwnerAlive(directory, lock.id)).toBe(true)
    lock.release()
    expect(isOwnerAlive(directory, lock.id)).toBe(false)
    expect(lockedOwners(directory)).toEqual([])
  })

  it("is not brought back by who looks at it while it is released, nor seen by who looks beside somebody else", async () => {
    const watchers = Array.from({ length: 3 }, () =>
      spawn(process.execPath, [path.join(import.meta.dirname, "ownerLockWatcher.ts"), directory], {
        stdio: ["pipe", "pipe", "inherit"]
      })
    )
    children.push(...watchers)
    await Promise.all(watchers.map((child) => once(child.stdout, "data")))
    for (let i = 0; i < 60; i++) acquireOwnerLock(directory).release()
    expect(lockedOwners(directory)).toEqual([])
    fs.writeFileSync(path.join(directory, "stray.lock"), "")
    const seen = await Promise.all(
      watchers.map(async (child) => {
        const said = once(child.stdout, "data")
        child.stdin.end()
        return String(await said)
      })
    )
    expect(seen).toEqual(["false\n", "false\n", "false\n"])
  })

  it("leaves no empty file, which is what one who buries opens when another is done with it, also while somebody looks", async () => {
    const file = path.join(directory, "stray.lock")
    fs.writeFileSync(file, "")
    const looker = spawn(process.execPath, [path.join(import.meta.dirname, "ownerLockLooker.ts"), file], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    children.push(looker)
    await once(looker.stdout, "data")
    let buried = 0
    expect(ifOwnerIsGone(directory, "stray", () => void buried++)).toBe(true)
    expect([buried, lockedOwners(directory)]).toEqual([1, []])
  })

  it("counts an owner without a lock file as gone", () => {
    let buried = 0
    expect(ifOwnerIsGone(directory, "own_3", () => void buried++)).toBe(true)
    expect(buried).toBe(1)
  })
})

/** When a command counts as ended for lack of memory: by what the kernel ended since the box was told of it, and only then. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { openJournal } from "../../../packages/node/src/internal/journal/journal.ts"
import type { Journal } from "../../../packages/node/src/internal/journal/types.ts"
import { Job } from "../../../packages/node/src/internal/sandbox/jobs.ts"

let dir: string
let journal: Journal
let kills: number
beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), "effect-devbox-jobs-"))
  journal = openJournal(dir, { owner: true })
  kills = 0
})
afterEach(() => {
  journal.close()
  fs.rmSync(dir, { recursive: true, force: true })
})

/** A command that the box has just been told of. */
const told = (id: string): Job => {
  const job = new Job({ id, stdin: "-", stdout: "-", shell: "-", script: undefined }, journal.create(id))
  job.countKills = () => kills
  job.line()
  return job
}

it("blames the kernel for a command that was over before its start was heard of", () => {
  const job = told("brief")
  kills = 1
  job.blame(137, kills, [job])
  expect(job.outOfMemory).toBe("cause")
})

it("does not blame it for what was ended before, nor for a kill that was asked for", () => {
  kills = 1
  const later = told("later")
  later.blame(137, kills, [later])
  expect(later.outOfMemory).toBe("no")
  const killed = told("killed")
  killed.killed = true
  kills = 2
  killed.blame(137, kills, [killed])
  expect(killed.outOfMemory).toBe("seen")
})

/** The queue of a named shell where a command cannot be written down for it: that one is lost, those behind it are not. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { openJournal } from "../../../packages/node/src/internal/journal/journal.ts"
import { FifoPool } from "../../../packages/node/src/internal/sandbox/fifo.ts"
import { Job } from "../../../packages/node/src/internal/sandbox/jobs.ts"
import { Shells } from "../../../packages/node/src/internal/sandbox/shells.ts"

let dir: string
beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), "effect-devbox-shells-"))
})
afterEach(() => fs.rmSync(dir, { recursive: true, force: true }))

it("goes on with the next command when the one before it finds no space", () => {
  execFileSync("mkfifo", [path.join(dir, "fifo")])
  const journal = openJournal(path.join(dir, "o"), { owner: true })
  const job = (id: string, script: () => string) =>
    new Job(
      {
        id,
        stdin: "-",
        stdout: "-",
        shell: "key",
        get script() {
          return script()
        }
      },
      journal.create(id)
    )
  const lost: Array<string> = []
  const shells = new Shells(
    {
      requests: dir,
      fifos: new FifoPool(dir, "f.", "mkfifo"),
      send: () => {},
      lost: (failed, reason) => {
        lost.push(`${failed.request.id} ${reason}`)
        shells.finished(failed)
      }
    },
    () => {}
  )
  const first = job("first", () => "echo a longer command than the last one\n")
  const full = job("full", () => {
    throw new Error("ENOSPC: no space left on device")
  })
  shells.run(first, "key", "fifo")
  shells.run(full, "key", undefined)
  shells.run(
    job("last", () => "echo last\n"),
    "key",
    undefined
  )
  shells.finished(first)
  expect(lost).toEqual(["full nospace"])
  expect(fs.readFileSync(path.join(dir, "s0.sh"), "utf8").trimEnd()).toBe("echo last")
  shells.close()
  journal.close()
})

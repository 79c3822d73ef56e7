import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Database } from "../../../packages/node/src/internal/store/database.ts"
import * as Devboxes from "../../../packages/node/src/internal/store/devboxes.ts"
import * as Executions from "../../../packages/node/src/internal/store/executions.ts"
import { appendLogs, listLogs } from "../../../packages/node/src/internal/store/logs.ts"
import * as Owners from "../../../packages/node/src/internal/store/owners.ts"
import { openStore } from "../../../packages/node/src/internal/store/store.ts"

let root: string
let db: Database
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "effect-devbox-rows-"))
  db = openStore(root).db
  Owners.insertOwner(db, { id: "own_1", kind: "process", pid: 1, socket: null })
})
afterEach(() => {
  db.close()
  fs.rmSync(root, { recursive: true, force: true })
})

const insert = (id: string, metadata: Record<string, string> = {}) =>
  Devboxes.insertDevbox(db, {
    id,
    owner_id: "own_1",
    detached: 0,
    status: "provisioning",
    name: null,
    metadata: JSON.stringify(metadata),
    request: "{}",
    create_time_ms: Date.now()
  })

const execution = { source: "exec", command: "true", shell_name: null, attach_stdin: 0 } as const

describe("devbox rows", () => {
  it("never leave a final status, and keep the steps in order", () => {
    insert("dbx_1")
    expect(Devboxes.transition(db, "dbx_1", "running")).toBe(true)
    expect(Devboxes.transition(db, "dbx_1", "running")).toBe(false)
    expect(Devboxes.transition(db, "dbx_1", "failure", { failureReason: "out_of_memory", detail: "told so" })).toBe(
      true
    )
    expect(Devboxes.transition(db, "dbx_1", "shutdown", { shutdownReason: "api_shutdown" })).toBe(false)
    expect(Devboxes.getTransitions(db, "dbx_1").map((step) => [step.status, step.failure_reason])).toEqual([
      ["provisioning", null],
      ["running", null],
      ["failure", "told so"]
    ])
    const row = Devboxes.getDevbox(db, "dbx_1")
    expect([row?.failure_reason, row?.shutdown_reason, row?.end_time_ms === null]).toEqual([
      "out_of_memory",
      null,
      false
    ])
  })

  it("are listed newest first, page by page, by status and by metadata", () => {
    for (let i = 0; i < 5; i++) insert(`dbx_${i}`, { even: String(i % 2 === 0), ['a.b"c']: "x" })
    Devboxes.transition(db, "dbx_3", "running")
    const ids = (query: Parameters<typeof Devboxes.listDevboxes>[1]) =>
      Devboxes.listDevboxes(db, query).map((row) => row.id)
    expect(ids({ limit: 2 })).toEqual(["dbx_4", "dbx_3"])
    expect(ids({ limit: 9, startingAfter: "dbx_3" })).toEqual(["dbx_2", "dbx_1", "dbx_0"])
    expect(ids({ limit: 9, status: "running" })).toEqual(["dbx_3"])
    expect(ids({ limit: 9, metadata: { even: "true", ['a.b"c']: "x" } })).toEqual(["dbx_4", "dbx_2", "dbx_0"])
    expect(ids({ limit: 9, metadata: { even: "true", other: "x" } })).toEqual([])
  })

  it("are handed over only by the owner that has them", () => {
    insert("dbx_1")
    Owners.insertOwner(db, { id: "own_2", kind: "holder", pid: 2, socket: "/s" })
    expect(Devboxes.handOver(db, "dbx_1", "own_2", "own_1")).toBe(false)
    expect(Devboxes.handOver(db, "dbx_1", "own_1", "own_2")).toBe(true)
    expect(Devboxes.transition(db, "dbx_1", "running", { ifOwner: "own_1" })).toBe(false)
    expect(Devboxes.openDevboxesOf(db, "own_2").map((row) => row.id)).toEqual(["dbx_1"])
  })

  it("are forgotten with all that hangs on them", () => {
    insert("dbx_1")
    insert("dbx_2")
    Executions.insertExecution(db, { devbox_id: "dbx_1", id: "e", ...execution })
    appendLogs(db, "dbx_1", [{ level: "info", source: "exec", message: "m", cmd_id: null }])
    Devboxes.transition(db, "dbx_1", "shutdown")
    Owners.endOwner(db, "own_1")
    expect(Devboxes.forgetEnded(db, Date.now() + 1)).toBe(1)
    expect(Devboxes.getDevbox(db, "dbx_1")).toBeUndefined()
    expect(Executions.getExecution(db, "dbx_1", "e")).toBeUndefined()
    expect(listLogs(db, "dbx_1")).toEqual([])
    expect(Owners.getOwner(db, "own_1")?.id).toBe("own_1")
    Devboxes.transition(db, "dbx_2", "shutdown")
    Devboxes.forgetEnded(db, Date.now() + 1)
    expect(Owners.getOwner(db, "own_1")).toBeUndefined()
  })
})

describe("execution rows", () => {
  it("accept one id once and one ending once", () => {
    insert("dbx_1")
    const written = Executions.insertExecution(db, { devbox_id: "dbx_1", id: "e", ...execution })
    expect(written).toEqual({ ...Executions.getExecution(db, "dbx_1", "e") })
    expect(Executions.insertExecution(db, { devbox_id: "dbx_1", id: "e", ...execution })).toBeUndefined()
    expect(Executions.openExecutionsOf(db, "dbx_1").map((row) => row.id)).toEqual(["e"])
    expect(Executions.completeExecution(db, "dbx_1", "e", { exitStatus: 3, stdoutBytes: 1, stderrBytes: 2 })).toBe(true)
    expect(Executions.completeExecution(db, "dbx_1", "e", { exitStatus: 0, stdoutBytes: 0, stderrBytes: 0 })).toBe(
      false
    )
    expect(Executions.openExecutionsOf(db, "dbx_1")).toEqual([])
    expect(Executions.getExecution(db, "dbx_1", "e")).toMatchObject({
      exit_status: 3,
      stdout_bytes: 1,
      stderr_bytes: 2
    })
  })

  it("refuse a devbox that does not exist", () => {
    expect(() => Executions.insertExecution(db, { devbox_id: "dbx_no", id: "e", ...execution })).toThrow(/FOREIGN KEY/)
  })

  it("report what an insert and a completion cost", () => {
    insert("dbx_1")
    const rounds = 2000
    const start = performance.now()
    for (let i = 0; i < rounds; i++) {
      Executions.insertExecution(db, { devbox_id: "dbx_1", id: `e${i}`, ...execution })
      Executions.completeExecution(db, "dbx_1", `e${i}`, { exitStatus: 0, stdoutBytes: 1, stderrBytes: 0 })
    }
    console.log(`insert + complete: ${((performance.now() - start) / rounds).toFixed(4)} ms`)
  })
})

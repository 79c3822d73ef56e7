import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { openDatabase } from "../../../packages/node/src/internal/store/database.ts"
import { openOwners } from "../../../packages/node/src/internal/store/owners.ts"
import { openStore, prepareStateDir } from "../../../packages/node/src/internal/store/store.ts"

let root: string
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "effect-devbox-store-"))
})
afterEach(() => {
  fs.rmSync(root, { recursive: true, force: true })
})

const mode = (file: string) => (fs.statSync(file).mode & 0o777).toString(8)

describe("openDatabase", () => {
  it("lets processes that open a new database at the same moment all succeed", { timeout: 60_000 }, async () => {
    const round = async (at: string) => {
      const children = Array.from({ length: 4 }, (_, i) =>
        spawn(process.execPath, [path.join(import.meta.dirname, "openDatabaseChild.ts"), at, `owner_${i}`], {
          stdio: ["pipe", "pipe", "pipe"]
        })
      )
      const said = children.map((child) => {
        let text = ""
        child.stderr.on("data", (data: Buffer) => (text += data.toString()))
        return () => text
      })
      await Promise.all(children.map((child) => once(child.stdout, "data")))
      const codes = children.map((child) => once(child, "close"))
      for (const child of children) child.stdin.write("go\n")
      for (const [i, code] of codes.entries()) expect([(await code)[0], said[i]!()]).toEqual([0, ""])
      const { db } = openStore(at)
      expect(openOwners(db).map((owner) => owner.id)).toEqual(["owner_0", "owner_1", "owner_2", "owner_3"])
      db.close()
    }
    for (let i = 0; i < 8; i++) await round(path.join(root, `state-${i}`))
  })

  it("keeps the database and its side files closed to other users, whatever the umask", () => {
    const umask = process.umask(0)
    try {
      const { db, dir } = openStore(path.join(root, "state"))
      expect([dir.database, `${dir.database}-wal`, `${dir.database}-shm`].map(mode)).toEqual(["600", "600", "600"])
      expect(mode(dir.owners)).toBe("700")
      expect(mode(dir.root)).toBe(process.getuid?.() === 0 ? "711" : "700")
      db.close()
    } finally {
      process.umask(umask)
    }
  })

  it("narrows a state directory that was open to others", () => {
    const open = path.join(root, "open")
    fs.mkdirSync(open)
    fs.chmodSync(open, 0o777)
    expect(mode(prepareStateDir(open).root)).toMatch(/^7(00|11)$/)
  })

  it("refuses a database of a newer version and says what to do", () => {
    const file = path.join(root, "state.db")
    openDatabase(file).close()
    const raw = new DatabaseSync(file)
    raw.exec("update meta set value = 1000 where key = 'schema_version'")
    raw.close()
    expect(() => openDatabase(file)).toThrow(/newer version of effect-devbox \(schema 1000.*another state directory/)
  })

  it("rolls a transaction back when it throws, and joins an outer one", () => {
    const db = openDatabase(path.join(root, "state.db"))
    const count = () => db.statement("select count(*) as n from owners").get()?.["n"]
    const insert = (id: string) =>
      db.statement("insert into owners (id, kind, pid, start_time_ms) values (?, 'process', 1, 1)").run(id)
    expect(() =>
      db.transaction(() => {
        insert("a")
        db.transaction(() => insert("b"))
        throw new Error("no")
      })
    ).toThrow("no")
    expect(count()).toBe(0)
    db.durably(() => insert("c"))
    expect(count()).toBe(1)
    expect(db.statement("pragma synchronous").get()).toEqual({ synchronous: 1 })
    db.close()
  })
})

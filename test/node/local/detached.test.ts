/** A holder that cannot start its box: it says why, and nothing of it is left when that is known. */
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startProcess } from "../../../packages/node/src/internal/local/detached.ts"
import type { Database } from "../../../packages/node/src/internal/store/database.ts"
import { handOver, insertDevbox, transition } from "../../../packages/node/src/internal/store/devboxes.ts"
import { endOwner, insertOwner } from "../../../packages/node/src/internal/store/owners.ts"
import { openStore } from "../../../packages/node/src/internal/store/store.ts"
import { findLeaks } from "../../tools/findLeaks.ts"
import { type Host, launchers, makeHost, unavailable } from "../sandbox/helpers.ts"

/** A devbox that an owner who is dead was starting. */
const devbox = (db: Database, id: string): string => {
  const row = {
    id,
    owner_id: "nobody",
    detached: 1,
    status: "provisioning",
    name: null,
    metadata: "{}",
    request: "{}"
  } as const
  insertDevbox(db, { ...row, create_time_ms: 0 })
  return id
}

for (const launcher of launchers) {
  const reason = unavailable(launcher)
  if (reason !== undefined) console.warn(`holders on ${launcher} are skipped: ${reason}`)
  describe.skipIf(reason !== undefined)(`a holder on ${launcher}`, () => {
    let host: Host
    beforeAll(async () => {
      host = await makeHost(launcher)
      const { db } = openStore(host.state)
      for (const id of ["nobody", "another"]) {
        insertOwner(db, { id, kind: "process", pid: process.pid, socket: null })
        endOwner(db, id)
      }
      db.close()
    })
    afterAll(() => host.close())

    it("does not bring back a state directory that somebody removed since its owner died", async () => {
      const stateDir = `${host.state}-gone`
      const order = { stateDir, from: "nobody", spec: host.spec({ id: "late" }), keepAliveSeconds: 60, again: false }
      expect(await startProcess("holderMain", { ...order, mounts: [] })).toContain(`there is no ${stateDir} any more`)
      expect(fs.existsSync(stateDir)).toBe(false)
    })

    it("leaves a devbox alone that was found ended or suspended, or taken by another, since its owner died", async () => {
      const { db } = openStore(host.state)
      const [ended, asleep, taken] = ["ended", "asleep", "taken"].map((id) => devbox(db, id))
      transition(db, ended!, "shutdown", { detail: "its owner died" })
      transition(db, asleep!, "suspended", { detail: "its holder died" })
      transition(db, taken!, "resuming", { toOwner: "another" })
      const before = db.all("select * from devboxes")
      for (const id of [ended!, asleep!, taken!]) {
        const order = {
          stateDir: host.state,
          from: "nobody",
          spec: host.spec({ id }),
          keepAliveSeconds: 60,
          again: true
        }
        expect(await startProcess("holderMain", { ...order, mounts: [] })).toContain(`nobody waits for devbox ${id}`)
        expect(fs.existsSync(path.join(host.state, "boxes", id))).toBe(false)
        expect(handOver(db, id, "nobody", "another")).toBe(false)
      }
      expect(db.all("select * from devboxes")).toEqual(before)
      db.close()
    })

    it("says why its box does not start, and is gone by then with its lock and its socket", async () => {
      const store = openStore(host.state)
      const spec = host.spec({ id: devbox(store.db, "broken") })
      store.db.close()
      const tools = { ...host.report.tools, sh: "/bin/false", unshare: "/bin/false" }
      const order = {
        stateDir: host.state,
        from: "nobody",
        spec: { ...spec, report: { ...spec.report, tools } },
        keepAliveSeconds: 60,
        again: false,
        mounts: []
      }
      expect(await startProcess("holderMain", order)).toMatch(/the launcher ended with 1/)
      expect(findLeaks({ stateDir: host.state }).filter(({ kind }) => kind === "process")).toEqual([])
      expect(fs.readdirSync(path.join(host.state, "owners"))).toEqual([])
      const { db } = openStore(host.state)
      expect(db.all("select id from owners where end_time_ms is null")).toEqual([])
      db.close()
    })
  })
}

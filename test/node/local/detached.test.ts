/** A holder that cannot start its box: it says why, and nothing of it is left when that is known. */
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startProcess } from "../../../packages/node/src/internal/local/detached.ts"
import { openStore } from "../../../packages/node/src/internal/store/store.ts"
import { findLeaks } from "../../tools/findLeaks.ts"
import { type Host, launchers, makeHost, unavailable } from "../sandbox/helpers.ts"

for (const launcher of launchers) {
  const reason = unavailable(launcher)
  if (reason !== undefined) console.warn(`holders on ${launcher} are skipped: ${reason}`)
  describe.skipIf(reason !== undefined)(`a holder on ${launcher}`, () => {
    let host: Host
    beforeAll(async () => {
      host = await makeHost(launcher)
      openStore(host.state).db.close()
    })
    afterAll(() => host.close())

    it("does not bring back a state directory that somebody removed since its owner died", async () => {
      const stateDir = `${host.state}-gone`
      const order = { stateDir, from: "nobody", spec: host.spec({ id: "late" }), keepAliveSeconds: 60, again: false }
      expect(await startProcess("holderMain", { ...order, mounts: [] })).toContain(`there is no ${stateDir} any more`)
      expect(fs.existsSync(stateDir)).toBe(false)
    })

    it("says why its box does not start, and is gone by then with its lock and its socket", async () => {
      const spec = host.spec({ id: "broken" })
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

/** Short forms of what `node test/soak/local.ts` does at length. */
import { describe, expect, it } from "vitest"
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { rounds } from "../../soak/crash/rounds.ts"
import { together } from "../../soak/owners/together.ts"
import { snapshots } from "../../soak/writes/snapshots.ts"

const inFolder = async <A>(use: (dir: string) => Promise<A>): Promise<A> => {
  const dir = mkdtempSync(join(process.env["DEVBOX_TEST_DIR"] ?? "/var/tmp", "devbox-soak-"))
  chmodSync(dir, 0o755)
  try {
    return await use(dir)
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 10 })
  }
}

describe("a state directory", () => {
  it(
    "is in order after its owner was killed in each phase, with every snapshot usable",
    { timeout: 180_000 },
    async () => {
      const report = await inFolder((dir) => rounds(dir, { rounds: 6, seed: 11 }))
      console.log(`killed in ${JSON.stringify(report.kills)}, ${report.used} snapshots used`)
      expect(report.problems).toEqual([])
    }
  )

  it("belongs to two owners at once without either touching the other's", { timeout: 120_000 }, async () => {
    const report = await inFolder((dir) => together(dir, { owners: 2, seconds: 15, seed: 5 }))
    console.log(`${report.sessions} sessions, steps ${JSON.stringify(report.steps)}`)
    expect(report.problems).toEqual([])
  })

  it("has snapshots that are consistent although programs write", { timeout: 120_000 }, async () => {
    const report = await inFolder((dir) => snapshots(dir, { snapshots: 5, copies: 0 }))
    console.log(`methods ${JSON.stringify(report.methods)}`)
    expect(report.inconsistent).toEqual([])
    expect(report.methods["rotate"]).toBeUndefined()
  })
})

/** `pnpm bench client`: calls, waits, files and bad networks, ours against the official client. Numbers only; it judges nothing. */
import type { Measurements, Row } from "../stats.ts"
import { compare, rowsOf, type Wanted, withServer } from "./compare.ts"

const speed: Wanted = { key: "calls/s", name: "", unit: "calls/s", better: "more" }
const memory: Wanted = { key: "peak RSS MB", name: "", unit: "MB" }

/** Measures everything. */
export const benchClient = async (scale: number, progress: (what: string) => void): Promise<Measurements> => {
  const rows: Array<Row> = []
  const measure = async (what: string, url: string, rounds: number, wanted: ReadonlyArray<Wanted>) => {
    rows.push(...rowsOf(await compare(what, url, scale, rounds), wanted))
    progress(what)
  }
  await withServer([], async (url) => {
    await measure("calls 1", url, 3, [{ ...speed, name: "calls, 1 at a time" }])
    await measure("calls 64", url, 3, [
      { ...speed, name: "calls, 64 at a time" },
      { key: "p99 ms", name: "the slowest hundredth, 64 at a time", unit: "ms" },
      { key: "processor µs a call", name: "processor for a call, 64 at a time", unit: "µs" }
    ])
    await measure("calls 1000", url, 3, [{ ...speed, name: "calls, 1000 at a time" }])
    await measure("waits", url, 3, [{ key: "all s", name: "1000 waits at a time, all over", unit: "s" }])
    for (const what of ["upload", "download"]) {
      const name = `${what} of ${Math.ceil(1000 * scale)} MB`
      await measure(what, url, 1, [
        { key: "MB/s", name, unit: "MB/s", better: "more" },
        { ...memory, name: `most memory of the ${what}` }
      ])
    }
  })
  await withServer(["--chaos", "2026"], (url) =>
    measure("chaos", url, 1, [
      { key: "succeeded %", name: "safe calls that succeed, bad network", unit: "%", better: "more" }
    ])
  )
  return { rows, absent: [] }
}

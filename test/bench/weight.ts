/** `pnpm bench weight`: what the smallest useful program on Runloop weighs and takes to load, beside the official client's. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { bundle } from "../bundle/bundle.ts"
import { compare, rowsOf, withServer } from "./client/compare.ts"
import { type Measurements, type Row, summarise } from "./stats.ts"

const kilobytes = async (entry: string) => summarise([(await bundle(entry)).gzipBytes / 1000])

/** The sizes of bundles for browsers, minified and compressed. */
const sizes = async (): Promise<ReadonlyArray<Row>> => {
  const directory = mkdtempSync(join(import.meta.dirname, "size-"))
  try {
    const official = async (name: string, code: string) => {
      const entry = join(directory, `${name.length}.ts`)
      writeFileSync(entry, code)
      return { name, summary: await kilobytes(entry) }
    }
    const objects = await official("official 1.32.0", 'export { RunloopSDK } from "@runloop/api-client"\n')
    const alone = await official(
      "official, without its objects",
      'import Runloop from "@runloop/api-client"\nexport const client = (bearerToken: string) => new Runloop({ bearerToken })\n'
    )
    const ours = await kilobytes(join(import.meta.dirname, "../bundle/runloop.ts"))
    const effect = await kilobytes(join(import.meta.dirname, "client/effectAlone.ts"))
    const unit = "kB gzip"
    return [
      { name: "a program on Runloop, bundled", unit, summary: ours, rival: objects },
      { name: "the same", unit, summary: ours, rival: alone },
      { name: "of it Effect: streams, schemas, HTTP", unit, summary: effect }
    ]
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Measures everything. */
export const benchWeight = async (scale: number, progress: (what: string) => void): Promise<Measurements> => {
  const found = await withServer([], (url) => compare("import", url, scale, Math.max(3, Math.round(9 * scale))))
  progress("import")
  const rows = rowsOf(found, [
    { key: "import ms", name: "import and first client", unit: "ms" },
    { key: "peak RSS MB", name: "memory after it", unit: "MB" }
  ])
  return { rows: [...rows, ...(await sizes())], absent: [] }
}

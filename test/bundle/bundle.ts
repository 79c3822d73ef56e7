/** Bundles one entry file for the browser and weighs it, with no knowledge of which entries exist. */
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"

/**
 * What came of it: the size a user downloads, and what was not bundled. Effect asks the running system for one module of
 * Node's by name where there is one (`process.getBuiltinModule`); that is no import and works in a browser.
 */
export interface Bundle {
  readonly gzipBytes: number
  readonly code: string
  /** Everything the bundle still imports from outside. */
  readonly imports: ReadonlyArray<string>
}

/** Bundles, minifies and compresses. What cannot be resolved for a browser stays an import, and is listed. */
export const bundle = async (entry: string): Promise<Bundle> => {
  const built = await rolldown({ input: entry, platform: "browser", logLevel: "silent" })
  try {
    const { output } = await built.generate({ format: "esm", minify: true, codeSplitting: false })
    const chunks = output.filter((part) => part.type === "chunk")
    const code = chunks.map((chunk) => chunk.code).join("\n")
    return {
      code,
      gzipBytes: gzipSync(code, { level: 9 }).length,
      imports: [...new Set(chunks.flatMap((chunk) => [...chunk.imports, ...chunk.dynamicImports]))]
    }
  } finally {
    await built.close()
  }
}

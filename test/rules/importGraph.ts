/**
 * Who imports whom, read from the sources with the bundler's own parser: static, type-only, re-exporting, dynamic and
 * `import("…")` type imports. It resolves names inside the repository and judges nothing.
 */
import { posix } from "node:path"
import { parseAst } from "rolldown/parseAst"
import type { Sources } from "./sources.ts"

/** One import. `to` is a path of the repository where the import stays inside it, else the specifier itself. */
export interface Edge {
  readonly from: string
  readonly to: string
  readonly specifier: string
  readonly line: number
  /** Erased before anything runs: `import type`, `export type`, `import("…")` as a type. */
  readonly typeOnly: boolean
}

/** Every import of every source file. */
export interface Graph {
  readonly files: ReadonlySet<string>
  readonly edges: ReadonlyArray<Edge>
}

/** `@effect-devbox/core/Foo` → its source file, by the `exports` rules of the package manifests. */
const resolvePackage = (specifier: string, files: ReadonlySet<string>): string | undefined => {
  const match = /^@effect-devbox\/(core|node)(?:\/(.+))?$/.exec(specifier)
  if (match === null) return undefined
  const base = `packages/${match[1]}/src`
  const candidates =
    match[2] === undefined ? [`${base}/index.ts`] : [`${base}/${match[2]}.ts`, `${base}/${match[2]}/index.ts`]
  return candidates.find((path) => files.has(path)) ?? candidates[0]
}

const resolve = (from: string, specifier: string, files: ReadonlySet<string>): string =>
  specifier.startsWith(".")
    ? posix.normalize(posix.join(posix.dirname(from), specifier))
    : (resolvePackage(specifier, files) ?? specifier)

const sourceNodes = new Set([
  "ImportDeclaration",
  "ExportNamedDeclaration",
  "ExportAllDeclaration",
  "ImportExpression",
  "TSImportType"
])

interface Found {
  readonly specifier: string
  readonly at: number
  readonly typeOnly: boolean
}

const specifiers = (text: string): ReadonlyArray<Found> => {
  const found: Array<Found> = []
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit)
    if (typeof node !== "object" || node === null) return
    const { exportKind, importKind, source, start, type } = node as {
      readonly type?: unknown
      readonly source?: { readonly value?: unknown } | null
      readonly start?: number
      readonly importKind?: string
      readonly exportKind?: string
    }
    if (typeof type === "string" && sourceNodes.has(type) && typeof source?.value === "string") {
      const typeOnly = type === "TSImportType" || importKind === "type" || exportKind === "type"
      found.push({ specifier: source.value, at: start ?? 0, typeOnly })
    }
    Object.values(node).forEach(visit)
  }
  visit(parseAst(text, { lang: "ts" }))
  return found
}

/** The imports of all TypeScript files of the map. */
export const importGraph = (sources: Sources): Graph => {
  const code = [...sources].filter(([path]) => path.endsWith(".ts") && !path.endsWith(".d.ts"))
  const files = new Set(code.map(([path]) => path))
  const edges = code.flatMap(([from, text]) =>
    specifiers(text).map(({ at, specifier, typeOnly }) => ({
      from,
      specifier,
      typeOnly,
      to: resolve(from, specifier, files),
      line: text.slice(0, at).split("\n").length
    }))
  )
  return { files, edges }
}

/** The shortest import chain from one file to the first that matches, both ends included. */
export const chain = (
  graph: Graph,
  start: string,
  isTarget: (path: string) => boolean
): ReadonlyArray<string> | undefined => {
  const cameFrom = new Map<string, string | undefined>([[start, undefined]])
  const queue = [start]
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    for (const { to } of graph.edges.filter((edge) => edge.from === path)) {
      if (isTarget(to)) return [...trail(cameFrom, path), to]
      if (graph.files.has(to) && !cameFrom.has(to)) {
        cameFrom.set(to, path)
        queue.push(to)
      }
    }
  }
  return undefined
}

const trail = (cameFrom: ReadonlyMap<string, string | undefined>, end: string): ReadonlyArray<string> => {
  const before = cameFrom.get(end)
  return before === undefined ? [end] : [...trail(cameFrom, before), end]
}

/** The import rules hold on the real tree, and each of them rejects the violation planted for it. */
import { describe, expect, it } from "vitest"
import { chain, importGraph } from "./importGraph.ts"
import { checkImports, importRules } from "./importRules.ts"
import { readSources, render, type Sources } from "./sources.ts"

const core = "packages/core/src"
const node = "packages/node/src"

/** For each rule a small tree that breaks it, and nothing else. */
const planted: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "service-knows-no-backend": {
    [`${core}/DevboxService.ts`]: `import "./internal/wait.ts"`,
    [`${core}/internal/wait.ts`]: `import type { Memory } from "../MemoryBackend.ts"`,
    [`${core}/MemoryBackend.ts`]: ""
  },
  "backend-knows-no-service": {
    [`${node}/LocalBackend.ts`]: `export * from "./internal/boxes.ts"`,
    [`${node}/internal/boxes.ts`]: `import * as DevboxService from "@effect-devbox/core/DevboxService"`,
    [`${core}/DevboxService.ts`]: ""
  },
  "models-are-values": {
    [`${core}/DevboxModel.ts`]: `import { x } from "./DevboxBackend.ts"`,
    [`${core}/DevboxBackend.ts`]: ""
  },
  "only-the-wire-knows-the-wire": {
    [`${core}/MemoryBackend.ts`]: `import * as HttpApi from "effect/http-api/HttpApi"`
  },
  "core-is-platform-neutral": { [`${core}/Devbox.ts`]: `export const read = () => import("node:fs")` },
  "core-sources-do-not-test": { [`${core}/testing/index.ts`]: `import { it } from "@effect/vitest"` },
  "sources-do-not-use-the-testing-room": {
    [`${node}/LocalBackend.ts`]: `import * as Laws from "@effect-devbox/core/testing"`,
    [`${core}/testing/index.ts`]: ""
  },
  "internal-stays-inside": { "examples/demo.ts": `import { settle } from "@effect-devbox/core/internal/settle"` },
  "packages-meet-by-name": { "examples/demo.ts": `import { Devbox } from "../packages/core/src/index.ts"` },
  "deep-imports-of-effect": { [`${core}/Devbox.ts`]: `import { Effect } from "effect"` },
  "unstable-effect-in-quarantine": { [`${node}/index.ts`]: `import * as Command from "effect/cli/Command"` },
  "no-cycles": {
    [`${core}/A.ts`]: `import { type B } from "./B.ts"`,
    [`${core}/B.ts`]: `export * from "./C.ts"`,
    [`${core}/C.ts`]: `export const a = () => import("./A.ts")`
  }
}

const tree = (files: Readonly<Record<string, string>>): Sources => new Map(Object.entries(files))

describe("import rules", () => {
  it("hold on the real tree", () => {
    expect(render(checkImports(readSources()))).toBe("")
  })

  it("have a planted violation each", () => {
    expect(Object.keys(planted).sort()).toEqual(importRules.map((rule) => rule.name).sort())
  })

  it.each(Object.entries(planted))("%s rejects what was planted for it, and no other rule does", (name, files) => {
    const violations = checkImports(tree(files))
    expect(violations.map((violation) => violation.rule)).toEqual([name])
  })

  it("accept the backend interface next to a service, and a service next to a handle", () => {
    const files = {
      [`${core}/DevboxService.ts`]: `import * as DevboxBackend from "./DevboxBackend.ts"\nimport "./internal/handle.ts"`,
      [`${core}/DevboxBackend.ts`]: `import type { DevboxId } from "./DevboxModel.ts"\nimport * as Effect from "effect/Effect"`,
      [`${core}/DevboxModel.ts`]: `import { snakeCase } from "./internal/snakeCase.ts"`,
      [`${core}/internal/snakeCase.ts`]: "",
      [`${core}/internal/handle.ts`]: ""
    }
    expect(render(checkImports(tree(files)))).toBe("")
  })
})

describe("no-cycles", () => {
  it("accepts two files that know each other's types only", () => {
    const files = { [`${core}/A.ts`]: `import "./B.ts"`, [`${core}/B.ts`]: `import type { A } from "./A.ts"` }
    expect(render(checkImports(tree(files)))).toBe("")
  })
})

describe("import graph", () => {
  it("sees static, re-exporting, dynamic and type imports with their lines", () => {
    const text = `import "a"\nexport * from "b"\nexport { x } from "c"\nconst d = import("d")\ntype E = import("e").E`
    const { edges } = importGraph(tree({ "x.ts": text }))
    expect(edges.map((edge) => `${edge.to}:${edge.line}`)).toEqual(["a:1", "b:2", "c:3", "d:4", "e:5"])
  })

  it("does not take an import in a comment or a string for one", () => {
    expect(importGraph(tree({ "x.ts": `// import "a"\nconst b = 'import "c"'` })).edges).toEqual([])
  })

  it("resolves package names to sources and gives the shortest chain", () => {
    const graph = importGraph(
      tree({
        "examples/a.ts": `import "@effect-devbox/core/testing"\nimport "@effect-devbox/core"`,
        [`${core}/index.ts`]: `import "./testing/index.ts"`,
        [`${core}/testing/index.ts`]: `import "node:fs"`
      })
    )
    expect(chain(graph, "examples/a.ts", (path) => path === "node:fs")).toEqual([
      "examples/a.ts",
      `${core}/testing/index.ts`,
      "node:fs"
    ])
  })
})

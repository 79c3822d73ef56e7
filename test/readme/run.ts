/**
 * Runs what the README promises: type-checks every TypeScript block, runs those that are not marked `check-only`, and checks
 * that every command it names is one that CI runs elsewhere. `node test/readme/run.ts`; exit status 1 when a block lies.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { blocks } from "./blocks.ts"

const root = path.resolve(import.meta.dirname, "../..")
const generated = path.join(root, "examples/.readme")

/** Commands that `.ci/run` runs in a fresh clone. */
const promised = new Set(["npx -y pnpm@12 demo", "npx -y pnpm@12 test"])

let failed = 0
let passed = 0
const report = (ok: boolean, what: string, detail = "") => {
  if (ok) passed++
  else failed++
  console.log(`${ok ? "ok  " : "FAIL"} ${what}${ok ? "" : `\n${detail}`}`)
}

rmSync(generated, { recursive: true, force: true })
mkdirSync(generated, { recursive: true })
try {
  const all = blocks(path.join(root, "README.md"))
  const programs = all.filter((block) => block.language === "ts")
  const file = (line: number) => path.join(generated, `line-${line}.ts`)
  for (const block of programs) writeFileSync(file(block.line), block.code)
  writeFileSync(
    path.join(generated, "tsconfig.json"),
    JSON.stringify({
      extends: "../tsconfig.json",
      compilerOptions: { composite: false, declarationMap: false, noEmit: true },
      include: ["*.ts"],
      references: [{ path: "../../packages/core" }, { path: "../../packages/node" }]
    })
  )
  const run = (command: string, args: ReadonlyArray<string>) =>
    spawnSync(command, args, { cwd: root, encoding: "utf8", timeout: 120_000 })
  const types = run(path.join(root, "node_modules/.bin/tsc"), ["-p", generated])
  report(types.status === 0, `README.md: ${programs.length} TypeScript blocks type-check`, types.stdout + types.stderr)
  for (const block of programs) {
    if (block.mark === "check-only") continue
    const result = run(process.execPath, [file(block.line)])
    report(result.status === 0, `README.md:${block.line} runs`, result.stdout + result.stderr)
  }
  for (const block of all.filter(({ language }) => language === "sh")) {
    for (const line of block.code.split("\n")) {
      const command = line.replace(/\s+#.*$/, "").trim()
      if (command !== "") report(promised.has(command), `README.md:${block.line} \`${command}\` is run in CI`)
    }
  }
} finally {
  rmSync(generated, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

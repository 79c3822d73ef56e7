/**
 * Runs what the README and the guides promise: type-checks every TypeScript block, runs those that are not marked
 * `check-only`, and shell blocks that are marked `run`, each in an empty folder. Those without a mark need a clone; CI types
 * all of them, marked or not, into a fresh one (`newcomer.ts`).
 * `node test/readme/run.ts [file…]`; exit status 1 when a block lies.
 */
import { spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { type Block, blocks } from "./blocks.ts"

const root = path.resolve(import.meta.dirname, "../..")
const generated = path.join(root, "examples/.readme")

let failed = 0
let passed = 0
const report = (ok: boolean, what: string, detail = "") => {
  if (ok) passed++
  else failed++
  console.log(`${ok ? "ok  " : "FAIL"} ${what}${ok ? "" : `\n${detail}`}`)
}

const named = process.argv.slice(2)
const guides = readdirSync(path.join(root, "docs")).filter((name) => name.endsWith(".md"))
const files = named.length > 0 ? named : ["README.md", ...guides.map((name) => `docs/${name}`)]
/** Examples that are shown are checked and run as the files they are. */
const isShown = ({ mark }: Block) => mark.startsWith("examples/")
const all = files.flatMap((name) => blocks(path.join(root, name))).filter((block) => !isShown(block))
const where = (block: Block) => `${path.relative(root, block.file)}:${block.line}`

/** Devboxes of the blocks live here, and a `devbox` for shell blocks is on the path. */
const scratch = mkdtempSync(path.join(tmpdir(), "devbox-readme-"))
chmodSync(scratch, 0o755)
const bin = path.join(scratch, "bin")
mkdirSync(bin)
const cli = path.join(root, "packages/node/src/bin.ts")
writeFileSync(path.join(bin, "devbox"), `#!/bin/sh\nexec "${process.execPath}" "${cli}" "$@"\n`, { mode: 0o755 })
const env = {
  ...process.env,
  EFFECT_DEVBOX_STATE_DIR: path.join(scratch, "state"),
  PATH: `${bin}:${process.env["PATH"] ?? ""}`
}

const run = (command: string, args: ReadonlyArray<string>, cwd = root) =>
  spawnSync(command, args, { cwd, encoding: "utf8", timeout: 180_000, env })

rmSync(generated, { recursive: true, force: true })
mkdirSync(generated, { recursive: true })
try {
  const programs = all.filter((block) => block.language === "ts")
  const file = (block: Block) =>
    path.join(generated, `${path.basename(block.file, ".md").toLowerCase()}-line-${block.line}.ts`)
  for (const block of programs) writeFileSync(file(block), block.code)
  writeFileSync(
    path.join(generated, "tsconfig.json"),
    JSON.stringify({
      extends: "../tsconfig.json",
      compilerOptions: { composite: false, declarationMap: false, noEmit: true },
      include: ["*.ts"],
      references: [{ path: "../../packages/core" }, { path: "../../packages/node" }]
    })
  )
  const types = run(path.join(root, "node_modules/.bin/tsc"), ["-p", generated])
  report(types.status === 0, `${programs.length} TypeScript blocks type-check`, types.stdout + types.stderr)
  for (const block of programs) {
    if (block.mark === "check-only") continue
    const result = run(process.execPath, [file(block)])
    report(result.status === 0, `${where(block)} runs`, result.stdout + result.stderr)
  }
  for (const block of all.filter(({ language, mark }) => language === "sh" && mark === "run")) {
    const home = mkdtempSync(path.join(scratch, "home-"))
    const result = run("bash", ["-euo", "pipefail", "-c", block.code], home)
    report(result.status === 0, `${where(block)} runs`, result.stdout + result.stderr)
  }
} finally {
  rmSync(generated, { recursive: true, force: true })
  // What a block that failed half-way left is ended before the folder that it is known by goes.
  run("sh", ["-c", 'left=$(devbox list -q) && [ -z "$left" ] || devbox rm $left'])
  rmSync(scratch, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

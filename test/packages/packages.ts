/**
 * The packages as their users get them: built, packed, looked over by publint and attw, installed by npm into empty projects,
 * compiled against in strict mode, and run on each Node they promise, and core on Bun, on Deno and in a browser.
 * `node test/packages/packages.ts`; exit status 1 when something is not as it should be. It publishes nothing.
 */
import { spawnSync } from "node:child_process"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { isDeepStrictEqual } from "node:util"
import { bundle } from "../bundle/bundle.ts"
import { findBrowser, runInBrowser } from "./browser.ts"

const root = path.resolve(import.meta.dirname, "../..")
const fixtures = path.join(import.meta.dirname, "consumer")
const bins = path.join(import.meta.dirname, "../node_modules/.bin")

/** The version of a package that the workspace is built and tested with. */
const catalog = readFileSync(path.join(root, "pnpm-workspace.yaml"), "utf8")
const pinned = (name: string): string => {
  const version = new RegExp(`^  "?${name}"?: (.+)$`, "m").exec(catalog)?.[1]
  if (version === undefined) throw new Error(`${name} is not in the catalog`)
  return `${name}@${version}`
}

/** Compilers that users have, besides ours. */
const olderTypescript = "typescript-5@npm:typescript@5.9.3"

/** The most each package may weigh, packed, in bytes. */
const budgets = { core: 600_000, node: 600_000 } as const
type Name = keyof typeof budgets
const names = Object.keys(budgets) as ReadonlyArray<Name>

/** Each Node that the packages promise, as npm has it for this machine. */
const nodes = ["22.23.3", "24.21.0", "26.9.0"]
/** Other systems that core runs on, and the packages that bring them. */
const others = { bun: "@oven/bun-linux-x64@1.4.5", deno: "@deno/linux-x64-glibc@2.9.6" }

let failed = 0
let passed = 0
const report = (ok: boolean, what: string, detail = ""): boolean => {
  if (ok) passed++
  else failed++
  console.log(`${ok ? "ok  " : "FAIL"} ${what}${ok || detail === "" ? "" : `\n${detail.slice(-3000)}`}`)
  return ok
}

const scratch = mkdtempSync(path.join(tmpdir(), "devbox-packages-"))
// Devboxes of root run as a user that has to pass through.
chmodSync(scratch, 0o755)

/** What programs keep for next time goes with everything else. */
const environment = {
  ...process.env,
  XDG_CACHE_HOME: path.join(scratch, "cache"),
  DENO_DIR: path.join(scratch, "cache", "deno")
}

const run = (command: string, args: ReadonlyArray<string>, cwd: string, env: NodeJS.ProcessEnv = environment) => {
  const { error, status, stderr, stdout } = spawnSync(command, args, { cwd, encoding: "utf8", timeout: 300_000, env })
  return { ok: status === 0, stdout, said: `${stdout}${stderr}${error?.message ?? ""}`.trim() }
}

/** An empty project with packages in it. */
const project = (name: string, packages: ReadonlyArray<string>): string => {
  const folder = path.join(scratch, name)
  mkdirSync(folder)
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
  const { ok, said } = run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", ...packages], folder)
  report(ok, `npm installs ${name} into an empty project`, said)
  return folder
}

const installed = (folder: string): number => {
  const lock = JSON.parse(readFileSync(path.join(folder, "package-lock.json"), "utf8")) as { readonly packages: object }
  return Object.keys(lock.packages).filter((key) => key !== "").length
}

/** The public modules of a package, as its users write them. */
const modules = (folder: string, name: Name): ReadonlyArray<string> => {
  const own = `@effect-devbox/${name}`
  const dist = path.join(folder, "node_modules", own, "dist")
  const files = readdirSync(dist).filter((file) => /^[A-Z]\w*\.js$/.test(file))
  return [own, ...files.map((file) => `${own}/${file.slice(0, -".js".length)}`)]
}

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

/** How long Node takes to load a module, above what it takes for nothing, in turns so that both meet the same machine. */
const importTimes = (folder: string, sources: ReadonlyArray<string>): ReadonlyArray<number> => {
  const time = (source: string) => {
    const began = performance.now()
    const { ok, said } = run(process.execPath, ["--input-type=module", "-e", source], folder)
    if (!ok) throw new Error(said)
    return performance.now() - began
  }
  const rounds = Array.from({ length: 9 }, () => ["", ...sources].map(time))
  return sources.map((_, index) => Math.round(median(rounds.map((round) => round[index + 1]! - round[0]!))))
}

const tarballs = (): Record<Name, string> => {
  const build = run("npx", ["-y", "pnpm@12", "build"], root)
  report(build.ok, "the packages are built", build.said)
  const pack = (name: Name) => {
    const { ok, said } = run(
      "npx",
      ["-y", "pnpm@12", "pack", "--pack-destination", scratch],
      path.join(root, "packages", name)
    )
    const file = readdirSync(scratch).find((each) => each.startsWith(`effect-devbox-${name}-`)) ?? ""
    const size = ok ? statSync(path.join(scratch, file)).size : Infinity
    report(
      size <= budgets[name],
      `${name} is packed: ${(size / 1000).toFixed(0)} kB of ${budgets[name] / 1000} kB`,
      said
    )
    return path.join(scratch, file)
  }
  return { core: pack("core"), node: pack("node") }
}

try {
  const packed = tarballs()
  const smallest = project("smallest", [packed.core, pinned("effect")])
  console.log(`     npm i @effect-devbox/core effect installs ${installed(smallest)} packages`)
  const everything = project("everything", [
    packed.core,
    packed.node,
    ...["effect", "@effect/platform-node", "@effect/vitest", "vitest", "typescript", "@types/node"].map(pinned),
    olderTypescript,
    pinned("@runloop/api-client")
  ])

  for (const name of names) {
    const own = path.join(everything, "node_modules/@effect-devbox", name)
    const manifest = JSON.parse(readFileSync(path.join(own, "package.json"), "utf8")) as {
      readonly [field: string]: unknown
    }
    const promised = { license: "MIT", sideEffects: false, engines: { node: ">=22.13" } }
    const published = { access: "public", provenance: true }
    const missing = [
      ...Object.entries(promised).filter(([field, value]) => !isDeepStrictEqual(manifest[field], value)),
      ...Object.entries(published).filter(
        ([field, value]) => Reflect.get(manifest["publishConfig"] ?? {}, field) !== value
      )
    ].map(([field]) => field)
    const unlicensed = existsSync(path.join(own, "LICENSE")) ? [] : ["the file LICENSE"]
    report(
      [...missing, ...unlicensed].length === 0,
      `${name} says its license, its Node, that imports do nothing else, and asks for provenance`,
      [...missing, ...unlicensed].join()
    )
    if (manifest["repository"] === undefined) console.log(`     ${name} names no repository yet (RELEASING.md)`)
    const lint = run(path.join(bins, "publint"), ["run", "--strict", packed[name]], scratch)
    report(lint.ok && /All good/.test(lint.said), `${name}: publint finds nothing`, lint.said)
    const entries = modules(everything, name).map((module) => `.${module.slice(`@effect-devbox/${name}`.length)}`)
    const types = run(
      path.join(bins, "attw"),
      [packed[name], "--profile", "esm-only", "--include-entrypoints", ...entries.filter((entry) => entry !== ".")],
      scratch
    )
    report(types.ok, `${name}: attw finds nothing in ${entries.length} entry points`, types.said)
  }

  // Every public module, compiled by a stranger with everything strict and no library left out.
  const all = names
    .flatMap((name) => modules(everything, name))
    .concat("@effect-devbox/core/testing", "@effect-devbox/core/testing/vitest")
  writeFileSync(
    path.join(everything, "all.ts"),
    all.map((module, index) => `export * as m${index} from "${module}"\n`).join("")
  )
  for (const file of readdirSync(fixtures)) {
    // Under another name here, so that no tool takes it for a project of the workspace.
    const name = file === "strict.json" ? "tsconfig.json" : file
    for (const folder of [everything, smallest])
      writeFileSync(path.join(folder, name), readFileSync(path.join(fixtures, file)))
  }
  for (const compiler of ["typescript", "typescript-5"]) {
    const tsc = path.join(everything, "node_modules", compiler, "bin/tsc")
    const compiled = run(process.execPath, [tsc, "-p", "."], everything)
    const { stdout } = run(process.execPath, [tsc, "--version"], everything)
    report(
      compiled.ok,
      `TypeScript ${stdout.trim()}: a strict consumer compiles against ${all.length} modules`,
      compiled.said
    )
  }

  for (const inside of [
    "core/internal/settle",
    "core/internal/settle.js",
    "node/internal/cli/exec",
    "core/dist/index.js",
    "core/src/index.ts"
  ]) {
    const reached = run(
      process.execPath,
      ["-e", `import("@effect-devbox/${inside}").catch((error) => { console.log(error.code); process.exit(3) })`],
      everything
    )
    report(
      ["ERR_PACKAGE_PATH_NOT_EXPORTED", "ERR_MODULE_NOT_FOUND"].includes(reached.stdout.trim()),
      `@effect-devbox/${inside} is out of reach`,
      reached.said
    )
  }

  const memory = path.join(smallest, "memory.ts")
  for (const version of nodes) {
    const place = project(`node ${version}`, [`node-linux-${process.arch}@${version}`])
    const bin = path.join(place, `node_modules/node-linux-${process.arch}/bin`)
    const env = {
      ...environment,
      PATH: `${bin}:${process.env["PATH"]}`,
      EFFECT_DEVBOX_STATE_DIR: path.join(place, "state")
    }
    const node = path.join(bin, "node")
    const core = run(node, [memory], smallest, env)
    report(core.stdout === "hello\n", `Node ${version} runs core`, core.said)
    const local = run(node, ["local.ts"], everything, env)
    report(local.stdout === `hello from v${version}\n`, `Node ${version} runs a devbox on this machine`, local.said)
    const cli = run(
      path.join(everything, "node_modules/.bin/devbox"),
      ["run", "--no-upload", "--", "echo hello"],
      everything,
      env
    )
    report(cli.stdout === "hello\n", `Node ${version} runs the installed devbox`, cli.said)
  }
  for (const [name, wanted] of Object.entries(others)) {
    const place = project(name, [wanted])
    const [folder] = wanted.split(/(?<=.)@/)
    const found = ["bin", "."]
      .map((sub) => path.join(place, "node_modules", folder!, sub, name))
      .find((file) => statSync(file, { throwIfNoEntry: false }) !== undefined)
    const core = run(found ?? name, ["run", memory], smallest)
    report(core.stdout === "hello\n", `${wanted} runs core`, core.said)
  }

  const browser = findBrowser()
  if (browser === undefined) console.log("skip core in a browser: no Chromium is installed here")
  else {
    const { logged, said } = await runInBrowser(browser, memory, path.join(scratch, "browser"))
    const { stdout } = run(browser, ["--version"], scratch)
    report(logged === "hello\n", `${stdout.trim()} runs core`, said)
  }

  const theirs = 'await import("@runloop/api-client")'
  const [ourTime, theirTime] = importTimes(everything, ['await import("./runloop.ts")', theirs])
  const weigh = async (source: string) => {
    const entry = path.join(everything, `weigh-${source.length}.js`)
    writeFileSync(entry, source)
    return ((await bundle(entry)).gzipBytes / 1000).toFixed(1)
  }
  const ourWeight = await weigh('export * from "./runloop.ts"')
  const theirWeight = await weigh(
    'import Runloop from "@runloop/api-client"\nexport const client = (bearerToken) => new Runloop({ bearerToken })'
  )
  console.log(`     the smallest useful program, beside ${pinned("@runloop/api-client")} (Node ${process.version})`)
  console.log(`     import      ${ourTime} ms   ${theirTime} ms   ratio ${(ourTime! / theirTime!).toFixed(2)}`)
  console.log(
    `     gzip        ${ourWeight} kB   ${theirWeight} kB   ratio ${(Number(ourWeight) / Number(theirWeight)).toFixed(2)}`
  )
} finally {
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 })
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

/** `devbox cp` and `devbox run`: files and folders there and back. */
import { createHash } from "node:crypto"
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { World } from "./devbox.ts"

// Each run is a process of its own, and a busy machine takes its time for many.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const world = new World()
let box = ""
beforeAll(async () => {
  box = await world.create()
})
afterAll(() => world.end())

/** A folder with files, by their paths. */
const folder = (name: string, files: Readonly<Record<string, string>>): string => {
  const root = path.join(world.root, name)
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
    writeFileSync(path.join(root, file), text)
  }
  return root
}

const tree = (root: string): ReadonlyArray<string> =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .sort()

/** One checksum over the names and contents of everything in a folder. */
const checksum = (root: string): string => {
  const hash = createHash("sha256")
  for (const file of tree(root)) {
    hash.update(
      `${createHash("sha256")
        .update(readFileSync(path.join(root, file)))
        .digest("hex")}  ./${file}\n`
    )
  }
  return hash.digest("hex")
}

const checksumInside = (place: string): Promise<string> =>
  world.ok([
    "exec",
    "-n",
    box,
    `cd ${place} && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1`
  ])

describe("cp", () => {
  it("copies a folder of 10 000 files both ways, with equal checksums", { timeout: 180_000 }, async () => {
    const root = path.join(world.root, "many")
    for (let group = 0; group < 100; group++) {
      const place = path.join(root, `group-${String(group).padStart(2, "0")}`)
      mkdirSync(place, { recursive: true })
      for (let file = 0; file < 100; file++) {
        const size = (group * 37 + file * 101) % 4096
        writeFileSync(path.join(place, `file ${String(file).padStart(2, "0")}`), Buffer.alloc(size, `${group}/${file}`))
      }
    }
    const began = performance.now()
    expect(JSON.parse(await world.ok(["--json", "cp", root, `${box}:many`]))).toMatchObject({ files: 10_000 })
    const middle = performance.now()
    const back = path.join(world.root, "many-back")
    expect(JSON.parse(await world.ok(["--json", "cp", `${box}:many`, back]))).toMatchObject({ files: 10_000 })
    const end = performance.now()
    const expected = checksum(root)
    expect(await checksumInside("many")).toBe(expected)
    expect(checksum(back)).toBe(expected)
    console.log(
      `cp: 10000 files in ${Math.round(middle - began)} ms, out ${Math.round(end - middle)} ms, checksums equal (${expected.slice(0, 16)})`
    )
  })

  it("copies into a folder that is there, else to the name that is given, and a folder's contents with /.", async () => {
    const root = folder("src", { "a.txt": "a", "deep/b.txt": "b" })
    await world.ok(["exec", "-n", box, "mkdir there"])
    await world.ok(["cp", root, `${box}:there`])
    await world.ok(["cp", root, `${box}:new`])
    await world.ok(["cp", `${root}/.`, `${box}:there`])
    await world.ok(["cp", path.join(root, "a.txt"), `${box}:there/`])
    await world.ok(["cp", path.join(root, "a.txt"), `${box}:other/name.txt`])
    expect(await world.ok(["exec", "-n", box, "find there new other -type f | LC_ALL=C sort"])).toBe(
      [
        "new/a.txt",
        "new/deep/b.txt",
        "other/name.txt",
        "there/a.txt",
        "there/deep/b.txt",
        "there/src/a.txt",
        "there/src/deep/b.txt"
      ].join("\n")
    )
    const back = folder("back", { "kept.txt": "kept" })
    await world.ok(["cp", `${box}:new`, back])
    await world.ok(["cp", `${box}:new/.`, back])
    await world.ok(["cp", `${box}:new/a.txt`, `${back}/renamed`])
    expect(tree(back)).toEqual(["a.txt", "deep/b.txt", "kept.txt", "new/a.txt", "new/deep/b.txt", "renamed"])
  })

  it("keeps the modes of new files", async () => {
    const root = folder("modes", { "run.sh": "#!/bin/sh\necho ran\n", secret: "s" })
    chmodSync(path.join(root, "run.sh"), 0o755)
    chmodSync(path.join(root, "secret"), 0o600)
    await world.ok(["cp", path.join(root, "run.sh"), `${box}:run.sh`])
    await world.ok(["cp", path.join(root, "secret"), `${box}:secret`])
    expect(await world.ok(["exec", "-n", box, "./run.sh; stat -c %a secret"])).toBe("ran\n600")
    await world.ok(["cp", `${box}:run.sh`, `${root}/back.sh`])
    expect(statSync(`${root}/back.sh`).mode & 0o777).toBe(0o755)
  })

  it("copies from stdin and to stdout", async () => {
    const bytes = Buffer.from([0, 255, 10, 13, 128, 0])
    await world.ok(["cp", "-", `${box}:made/of/bytes`], { input: bytes })
    expect((await world.run(["cp", `${box}:made/of/bytes`, "-"])).bytes).toEqual(bytes)
  })

  it("says what is missing, and leaves no half file", async () => {
    const root = folder("empty", { keep: "" })
    const missing = await world.run(["cp", `${box}:nothing`, root])
    expect([missing.status, missing.stderr]).toEqual([2, expect.stringContaining("nothing in devbox")])
    await world.ok(["exec", "-n", box, "echo x > locked; chmod 0 locked"])
    const denied = await world.run(["cp", `${box}:locked`, root])
    expect([denied.status, denied.stderr]).toEqual([8, expect.stringContaining("permission denied")])
    expect(tree(root)).toEqual(["keep"])
    expect((await world.run(["cp", "a", "b"])).stderr).toContain("goes between this machine and a devbox")
  })
})

describe("run", () => {
  it("takes the folder along without what is ignored, runs, brings back, and leaves nothing", async () => {
    const root = folder("project", {
      "main.sh": 'mkdir -p out/deep; files=$(find . -type f | LC_ALL=C sort); echo "$files" > out/deep/list; exit 7',
      ".gitignore": "*.log\n/build\n!keep.log\n",
      ".devboxignore": "huge/\n",
      "a.log": "ignored",
      "keep.log": "kept",
      "build/x": "ignored",
      "sub/build/x": "kept",
      "sub/.gitignore": "!a.log\n",
      "sub/a.log": "kept",
      "huge/file": "ignored",
      "node_modules/p/index.js": "ignored",
      ".git/config": "ignored"
    })
    symlinkSync("main.sh", path.join(root, "link"))
    const outcome = await world.run(["run", "--fetch", "out", "--", "bash", "main.sh"], { cwd: root })
    expect([outcome.status, outcome.stderr]).toEqual([7, ""])
    expect(readFileSync(path.join(root, "out/deep/list"), "utf8").split("\n")).toEqual([
      "./.devboxignore",
      "./.gitignore",
      "./keep.log",
      "./main.sh",
      "./sub/.gitignore",
      "./sub/a.log",
      "./sub/build/x",
      ""
    ])
    expect(await world.ok(["list", "-q"])).toBe(box)
  })

  it("takes everything along with --all-files, and nothing with --no-upload", async () => {
    const root = folder("everything", { ".gitignore": "x", x: "1", "node_modules/p": "2" })
    expect(await world.ok(["run", "--all-files", "--", "find . -type f | LC_ALL=C sort"], { cwd: root })).toBe(
      "./.gitignore\n./node_modules/p\n./x"
    )
    expect(await world.ok(["run", "--no-upload", "--", "pwd -P"], { cwd: root })).toBe("/home/user")
  })

  it("refuses to take a whole home along by accident", async () => {
    const outcome = await world.run(["run", "--", "true"], { cwd: world.home, env: { HOME: world.home } })
    expect([outcome.status, outcome.stderr]).toEqual([125, expect.stringContaining("--no-upload")])
  })

  it("says where a command stands, to who forgets the dashes or the command", async () => {
    const forgotten = await world.run(["run", "--no-upload", "npm", "test"])
    expect([forgotten.status, forgotten.stderr]).toEqual([125, expect.stringContaining("devbox run -- npm …")])
    expect((await world.run(["run"])).stderr).toContain("there is no command to run")
  })

  it("reads stdin, and keeps the command's status when what is to be brought back is missing", async () => {
    const root = folder("input", { f: "" })
    const outcome = await world.run(["run", "--fetch", "nothing", "--", "cat; exit 3"], { cwd: root, input: "piped" })
    expect(outcome).toMatchObject({ status: 3, stdout: "piped", stderr: expect.stringContaining("is not there") })
    const fine = await world.run(["run", "--fetch", "nothing", "--", "true"], { cwd: root })
    expect(fine.status).toBe(125)
  })
})

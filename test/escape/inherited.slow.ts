/** What a devbox may not inherit: open files, session keys and the terminal of whoever started the process that owns it. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { newSecret } from "./attempt.ts"
import { inheritedAttempts, type Inherited } from "./attemptsInherited.ts"
import { trialSuite } from "./suite.ts"
import type { Outcome } from "./tryOut.ts"

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** Runs the child below `inherit.sh`, in a terminal where the host can make one. */
const makeAll = async (): Promise<ReadonlyArray<Outcome>> => {
  const directory = mkdtempSync(join(tmpdir(), "devbox-inherit-"))
  const at = (name: string): string => join(directory, name)
  const hasTerminal = existsSync("/usr/bin/script")
  const given: Inherited = {
    fileSecret: newSecret(),
    directorySecret: newSecret(),
    directoryFile: "in-directory.txt",
    keySecret: newSecret(),
    keyName: newSecret(),
    typescript: hasTerminal ? at("typescript") : undefined,
    keyringProblem: undefined
  }
  try {
    writeFileSync(at("given.json"), JSON.stringify(given), { mode: 0o600 })
    // What closes the way should be that nothing is inherited, not that a devbox of root runs as another user.
    chmodSync(directory, 0o755)
    writeFileSync(at("file.txt"), given.fileSecret)
    writeFileSync(at(given.directoryFile), given.directorySecret)
    writeFileSync(at("key-name"), given.keyName)
    writeFileSync(at("key-secret"), given.keySecret)
    const here = (name: string): string => join(import.meta.dirname, name)
    const child = [here("inheritedChild.ts"), at("given.json"), at("problem"), at("result.json")]
    const command = ["bash", here("inherit.sh"), directory, process.execPath, ...child]
    const words = hasTerminal ? ["script", "-qefc", `exec ${command.map(quote).join(" ")}`, at("typescript")] : command
    const started = spawn(words[0] ?? "", words.slice(1), { stdio: ["ignore", "pipe", "pipe"] })
    let said = ""
    for (const stream of [started.stdout, started.stderr])
      stream.on("data", (chunk: Buffer) => (said += chunk.toString()))
    await once(started, "close")
    if (!existsSync(at("result.json"))) throw new Error(`the process with the inheritance failed: ${said.slice(-2000)}`)
    return JSON.parse(readFileSync(at("result.json"), "utf8")) as ReadonlyArray<Outcome>
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

let all: Promise<ReadonlyArray<Outcome>> | undefined
const blank: Inherited = {
  fileSecret: "",
  directorySecret: "",
  directoryFile: "",
  keySecret: "",
  keyName: "",
  typescript: undefined,
  keyringProblem: undefined
}

trialSuite(
  "escape attempts on what was inherited",
  inheritedAttempts(blank).map(({ id, title }) => ({
    id,
    title,
    make: async () => {
      const outcome = (await (all ??= makeAll())).find(({ attempt }) => attempt.id === id)
      if (outcome === undefined) throw new Error(`the attempt ${id} was not made`)
      return outcome
    }
  })),
  2
)

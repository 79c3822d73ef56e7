// Copies what a box wrote, as the user that the box runs as and with that user's power over the box's files: a box may have
// closed its own directories. The copier is started before the box stands still, waits for the word, and dies with us.
import { spawn, type ChildProcess } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { randomUUID } from "node:crypto"
import { dropped } from "./tools.ts"
import type { HostReport } from "./types.ts"

/** The end of stdin before the word means that nobody wants the copy any more. */
const copyScript = 'echo ready; read -r word || exit 1; exec cp -a $3 -- "$1/." "$2"'

/** Whether files can share their blocks in this directory. */
export const canShareBlocks = (dir: string): boolean => {
  const one = path.join(dir, `.probe-${randomUUID()}`)
  const two = `${one}.copy`
  try {
    fs.writeFileSync(one, "probe")
    fs.copyFileSync(one, two, fs.constants.COPYFILE_FICLONE_FORCE)
    return true
  } catch {
    return false
  } finally {
    fs.rmSync(one, { force: true })
    fs.rmSync(two, { force: true })
  }
}

/** What runs a program with power over the files of the box's user, and over nobody else's. */
export const asBoxUser = (report: HostReport): ReadonlyArray<string> =>
  report.launcher === "process" ? [] : [report.tools["unshare"]!, "--user", "--map-root-user"]

const dyingWithUs = (report: HostReport): ReadonlyArray<string> =>
  report.tools["setpriv"] === undefined ? [] : [report.tools["setpriv"], "--pdeathsig", "KILL"]

/** A copier that waits for the word. `to` exists and is empty. */
export class DiskCopy {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  readonly ready: Promise<void>

  constructor(report: HostReport, from: string, to: string) {
    const options = process.platform === "linux" ? "--reflink=auto" : ""
    const shell = [report.tools["sh"] ?? "sh", "-c", copyScript, "sh", from, to, options]
    const argv: ReadonlyArray<string> = [...asBoxUser(report), ...dyingWithUs(report), ...shell]
    this.#child = spawn(argv[0]!, argv.slice(1), {
      stdio: ["pipe", "pipe", "pipe"],
      env: { PATH: "/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C" },
      cwd: "/",
      ...dropped(report)
    })
    const { stderr, stdin, stdout } = this.#child
    let said = ""
    stdin!.on("error", () => {})
    stderr!.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-2000)))
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once("error", reject)
      this.#child.once("close", (code, signal) =>
        code === 0
          ? resolve()
          : reject(new Error(`copying the disk ended with ${code ?? signal}${said === "" ? "" : `: ${said.trim()}`}`))
      )
    })
    this.#ended.catch(() => {})
    this.ready = Promise.race([new Promise<void>((resolve) => stdout!.once("data", () => resolve())), this.#ended])
    this.ready.catch(() => {})
  }

  run(): Promise<void> {
    this.#child.stdin!.end("go\n")
    return this.#ended
  }

  abort(): void {
    this.#child.kill("SIGKILL")
  }
}

/** Copies a folder into a new one of this user. */
export const copyFolder = async (report: HostReport, from: string, to: string): Promise<void> => {
  fs.mkdirSync(to, { mode: 0o700 })
  const copy = new DiskCopy(report, from, to)
  await copy.ready
  await copy.run()
}

/**
 * The files of the repository as a map from path to text: what the rules in this folder read. It knows no rule, so that a
 * test can hand the rules a map it planted violations in.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** Path from the root of the repository, with forward slashes → text. */
export type Sources = ReadonlyMap<string, string>

/** What a rule found: where, and what to do about it. */
export interface Violation {
  readonly rule: string
  readonly path: string
  readonly line: number
  readonly detail: string
}

/** The root of the repository. */
export const root = fileURLToPath(new URL("../..", import.meta.url))

const binary = /\.(png|gz|tgz|tar|zst|ico)$/

/** Every text file that is, or is about to be, under version control. */
export const readSources = (): Sources => {
  // A clean checkout may belong to another user than the one who runs the tests; git refuses that unless told.
  const listed = execFileSync(
    "git",
    ["-c", `safe.directory=${root.replace(/\/$/, "")}`, "ls-files", "-co", "--exclude-standard"],
    { cwd: root, encoding: "utf8" }
  )
  const paths = listed.split("\n").filter((path) => path !== "" && !binary.test(path) && existsSync(`${root}${path}`))
  return new Map(paths.map((path) => [path, readFileSync(`${root}${path}`, "utf8")]))
}

/** One line per violation, readable and clickable. */
export const render = (violations: ReadonlyArray<Violation>): string =>
  violations.map((v) => `${v.path}:${v.line} [${v.rule}] ${v.detail}`).join("\n")

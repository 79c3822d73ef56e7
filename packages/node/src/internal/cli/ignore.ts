/**
 * Which files of a folder are a project's own: what `.gitignore` files say, read as git reads them, each for its folder. A
 * `.devboxignore` says more in the same words.
 */
import makeIgnore, { type Ignore } from "ignore"
import { existsSync, readFileSync, statSync } from "node:fs"
import * as path from "node:path"
import type { Exclude } from "./copy.ts"

const files = [".gitignore", ".devboxignore"]

const rulesOf = (folder: string): Ignore | undefined => {
  const found = files.map((name) => path.join(folder, name)).filter((file) => existsSync(file))
  return found.length === 0 ? undefined : makeIgnore().add(found.map((file) => readFileSync(file, "utf8")).join("\n"))
}

/** Never a project's own, whatever the files say: history that nobody asked for, and packages made for this machine. */
const always: Exclude = (name) => /(^|\/)(\.git|node_modules)$/.test(name)

const isFolder = (file: string): boolean => statSync(file, { throwIfNoEntry: false })?.isDirectory() === true

/** What a copy of a folder leaves out. Paths are relative to it, with `/`. */
export const ignored = (root: string): Exclude => {
  const known = new Map<string, Ignore | undefined>()
  const rules = (folder: string): Ignore | undefined => {
    if (!known.has(folder)) known.set(folder, rulesOf(path.join(root, folder)))
    return known.get(folder)
  }
  return (name) => {
    if (name === "" || name === ".") return false
    if (always(name)) return true
    const parts = name.split("/")
    const slash = isFolder(path.join(root, name)) ? "/" : ""
    // The nearest file that has a word on it decides. What is in an ignored folder is not asked for: the folder was.
    for (let depth = parts.length - 1; depth >= 0; depth--) {
      const said = rules(parts.slice(0, depth).join("/"))?.test(parts.slice(depth).join("/") + slash)
      if (said?.ignored === true) return true
      if (said?.unignored === true) return false
    }
    return false
  }
}

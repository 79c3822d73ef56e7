/** Writes the examples into the README between its markers: `node test/readme/showExamples.ts`. A test compares the two. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import * as path from "node:path"

const root = path.resolve(import.meta.dirname, "../..")
const begin = "<!-- examples: written by test/readme/showExamples.ts -->"
const end = "<!-- end of examples -->"

/** The first sentence of what an example says of itself. */
const title = (code: string): string => {
  const comment = /^\/\*\*([\s\S]*?)\*\//.exec(code)?.[1]?.replace(/\n \*/g, " ").replace(/\s+/g, " ").trim() ?? ""
  return /^.*?[.:](?= |$)/.exec(comment)?.[0].replace(/[.:]$/, "") ?? comment
}

/** What stands between the markers. */
export const shown = (): string => {
  const folder = path.join(root, "examples")
  return readdirSync(folder)
    .filter((name) => /^\d/.test(name))
    .map((name) => {
      const code = readFileSync(path.join(folder, name), "utf8")
      const link = `<a href="examples/${name}">${name}</a>`
      return `<details><summary>${link}: ${title(code)}</summary>\n\n\`\`\`ts examples/${name}\n${code}\`\`\`\n\n</details>\n`
    })
    .join("\n")
}

/** The README with the examples of today in it. */
export const readmeNow = (): { readonly file: string; readonly is: string; readonly shouldBe: string } => {
  const file = path.join(root, "README.md")
  const is = readFileSync(file, "utf8")
  const from = is.indexOf(begin)
  const to = is.indexOf(end)
  if (from === -1 || to < from) throw new Error(`README.md has lost its markers ${begin} and ${end}`)
  return { file, is, shouldBe: `${is.slice(0, from)}${begin}\n\n${shown()}\n${is.slice(to)}` }
}

if (import.meta.main) {
  const { file, shouldBe } = readmeNow()
  writeFileSync(file, shouldBe)
}

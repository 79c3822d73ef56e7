/**
 * A newcomer's hour: every command of the README and the guides, in the order in which a reader meets them, as one script for one
 * terminal. `node test/readme/newcomer.ts` prints it; `bash test/tools/freshClone.sh hour` types it into a fresh clone.
 */
import { readFileSync } from "node:fs"
import * as path from "node:path"
import { blocks } from "./blocks.ts"

const root = path.resolve(import.meta.dirname, "../..")
const read = (name: string) => readFileSync(path.join(root, name), "utf8")

/** The README, then the guides as the README leads to them. */
const documents = [
  "README.md",
  ...new Set([...read("README.md").matchAll(/\((docs\/[\w-]+\.md)\)/g)].map(([, name]) => name!))
]

/** The commands of the documents and nothing else, each block under the place where it stands. */
export const script = (): string =>
  documents
    .flatMap((name) => blocks(path.join(root, name)).map((block) => ({ ...block, name })))
    .filter(({ language }) => language === "sh")
    .map(({ code, line, name }) => `# ${name}, line ${line}\n${code}`)
    .join("\n")

if (import.meta.main) process.stdout.write(script())

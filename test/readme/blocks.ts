/** The code blocks of a Markdown file, with where they stand. Fences only; indented code is prose. */
import { readFileSync } from "node:fs"

export interface Block {
  readonly file: string
  /** Line of the opening fence, from 1. */
  readonly line: number
  readonly language: string
  /** What follows the language on the fence. */
  readonly mark: string
  readonly code: string
}

export const blocks = (file: string): ReadonlyArray<Block> => {
  const found: Array<Block> = []
  let open:
    | { readonly line: number; readonly language: string; readonly mark: string; readonly code: Array<string> }
    | undefined
  readFileSync(file, "utf8")
    .split("\n")
    .forEach((text, index) => {
      if (open === undefined) {
        const fence = /^```(\w+) ?(.*)$/.exec(text)
        if (fence !== null) open = { line: index + 1, language: fence[1]!, mark: fence[2]!, code: [] }
      } else if (text === "```") {
        found.push({
          file,
          line: open.line,
          language: open.language,
          mark: open.mark,
          code: `${open.code.join("\n")}\n`
        })
        open = undefined
      } else open.code.push(text)
    })
  if (open !== undefined) throw new Error(`${file}:${open.line}: the code block has no end`)
  return found
}

/**
 * The little language of unscripted commands: words with quotes and `$name`, lists with `;` `&&` `||` `&`, and redirections.
 * It is not bash. What it does not know it refuses by name, so that a test never passes on a misreading.
 */

/** A piece of a word: text, or the value of a variable. */
export type Part = { readonly text: string } | { readonly variable: string }
/** A word before its variables are filled in. */
export type Word = ReadonlyArray<Part>

/** `n>file`, `n>>file`, `<file`, `n>&m`. */
export interface Redirection {
  readonly from: "stdin" | "stdout" | "stderr"
  readonly mode: "write" | "append" | "read" | "duplicate"
  readonly target: Word
}

/** One command, and when it runs: always, or by how the one before it ended. */
export interface Simple {
  readonly when: "always" | "success" | "failure"
  /** It goes on beside the rest, and after it. */
  readonly background: boolean
  readonly words: ReadonlyArray<Word>
  readonly redirections: ReadonlyArray<Redirection>
}

/** What the language does not have. */
export class Refused {
  readonly what: string
  constructor(what: string) {
    this.what = what
  }
}

const names = /^(?:[A-Za-z_][A-Za-z0-9_]*|[?$])/
const streams = { "0": "stdin", "1": "stdout", "2": "stderr" } as const

/** Reads a script. */
export const parse = (source: string): ReadonlyArray<Simple> | Refused => {
  const commands: Array<Simple> = []
  let when: Simple["when"] = "always"
  let words: Array<Word> = []
  let redirections: Array<Redirection> = []
  let at = 0

  const finish = (next: Simple["when"], background = false) => {
    if (words.length > 0 || redirections.length > 0) commands.push({ when, background, words, redirections })
    when = next
    words = []
    redirections = []
  }

  const variable = (): Part | Refused => {
    const rest = source.slice(at + 1)
    const braced = rest.startsWith("{")
    const name = names.exec(braced ? rest.slice(1) : rest)?.[0]
    if (name === undefined) {
      if (rest.startsWith("(") || braced) return new Refused(rest.startsWith("(") ? "$(" : "${…}")
      at += 1
      return { text: "$" }
    }
    at += 1 + name.length + (braced ? 1 : 0)
    if (!braced) return { variable: name }
    if (source[at] !== "}") return new Refused("${…} with an operator")
    at += 1
    return { variable: name }
  }

  const word = (): Word | Refused => {
    const parts: Array<Part> = []
    if (source.startsWith("~", at) && /^~(?:\/|$|\s)/.test(source.slice(at))) {
      parts.push({ variable: "HOME" })
      at += 1
    }
    while (at < source.length && !/[\s;&|<>]/.test(source[at]!)) {
      const char = source[at]!
      if (char === "'") {
        const end = source.indexOf("'", at + 1)
        if (end < 0) return new Refused("a quote without its end")
        parts.push({ text: source.slice(at + 1, end) })
        at = end + 1
      } else if (char === '"') {
        at += 1
        parts.push({ text: "" })
        while (source[at] !== '"') {
          if (at >= source.length) return new Refused("a quote without its end")
          if (source[at] === "`") return new Refused("`")
          if (source[at] === "$") {
            const part = variable()
            if (part instanceof Refused) return part
            parts.push(part)
          } else {
            if (source[at] === "\\" && '"\\$`'.includes(source[at + 1] ?? " ")) at += 1
            parts.push({ text: source[at]! })
            at += 1
          }
        }
        at += 1
      } else if (char === "$") {
        const part = variable()
        if (part instanceof Refused) return part
        parts.push(part)
      } else if ("`(){}*?".includes(char)) {
        return new Refused(char)
      } else {
        if (char === "\\") at += 1
        parts.push({ text: source[at] ?? "" })
        at += 1
      }
    }
    return parts
  }

  const redirection = (digit: string): Redirection | Refused => {
    const operator = /^(?:>>|>&|>|<)/.exec(source.slice(at))![0]
    at += operator.length
    while (source[at] === " ") at += 1
    const target = word()
    if (target instanceof Refused) return target
    if (target.length === 0) return new Refused(`${operator} without a target`)
    const from = streams[(digit || (operator === "<" ? "0" : "1")) as "0" | "1" | "2"]
    const mode = operator === "<" ? "read" : operator === ">" ? "write" : operator === ">>" ? "append" : "duplicate"
    return { from, mode, target }
  }

  while (at < source.length) {
    const rest = source.slice(at)
    const operator = /^(?:&&|\|\||;|\n)/.exec(rest)?.[0]
    if (operator !== undefined) {
      finish(operator === "&&" ? "success" : operator === "||" ? "failure" : "always")
      at += operator.length
    } else if (/^\s/.test(rest)) {
      at += 1
    } else if (rest.startsWith("#")) {
      at += /^[^\n]*/.exec(rest)![0].length
    } else if (/^[012]?[<>]/.test(rest)) {
      const digit = /^[012]?/.exec(rest)![0]
      at += digit.length
      if (/^(?:<<|<&|>\|)/.test(source.slice(at))) return new Refused(source.slice(at, at + 2))
      const found = redirection(digit)
      if (found instanceof Refused) return found
      redirections.push(found)
    } else if (rest.startsWith("&")) {
      finish("always", true)
      at += 1
    } else if (rest.startsWith("|")) {
      return new Refused("|")
    } else {
      const found = word()
      if (found instanceof Refused) return found
      words.push(found)
    }
  }
  finish("always")
  return commands
}

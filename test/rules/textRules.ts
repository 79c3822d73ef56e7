/**
 * What may not stand in a file, as data with reasons: traces of the machine it was written on, unfinished work, escapes from
 * the type checker, tests that wait for the clock, undocumented exports. Words that the rules forbid are spelled in pieces,
 * so that this file passes its own rules.
 */
import type { Sources, Violation } from "./sources.ts"

/** A rule over lines: where it applies, what breaks it, and what a reason beside the line can excuse. */
export interface TextRule {
  readonly name: string
  readonly why: string
  readonly applies: RegExp
  readonly except?: RegExp
  readonly breaks: RegExp
  /** A comment on the line or the line above that matches this makes it acceptable. */
  readonly excuse?: RegExp
  /** A file of which this holds as a whole is acceptable. */
  readonly excuseFile?: (text: string) => boolean
}

const word = (...pieces: ReadonlyArray<string>): string => pieces.join("")
const any = (words: ReadonlyArray<string>): RegExp => new RegExp(words.join("|"), "i")

const code = /\.(ts|mts|js|mjs|sh)$|^\.ci\//
const typescript = /\.ts$/
const tests = /^test\/|^packages\/core\/src\/testing\//
const comment = /\/\/ \S+ \S+/

/** The rules over single lines. */
export const textRules: ReadonlyArray<TextRule> = [
  {
    name: "no-machine-paths",
    why: "a path of the machine it was written on means nothing to anybody else",
    applies: /./,
    breaks: any([word("/wo", "rk/"), word("/ro", "ot/\\.[a-z]"), word("/tmp/", "bash")])
  },
  {
    name: "no-registry-hosts",
    why: "where packages come from is the reader's setting, not ours",
    applies: /./,
    breaks: any([
      word("npm", "js\\.(org|com)"),
      word("deb\\.deb", "ian"),
      word("npm", "mirror"),
      word("arti", "factory"),
      word("nex", "us\\.")
    ])
  },
  {
    name: "no-download-addresses-in-the-lockfile",
    why: "an address there is the mirror of one machine",
    applies: /^pnpm-lock\.yaml$/,
    breaks: /https?:\/\//
  },
  {
    name: "no-workplace-words",
    why: "the papers and tools this was built with are not part of what a reader has",
    applies: /./,
    breaks: any([
      word("dec", "isions\\.md"),
      word("ho", "use\\.md"),
      word("local-", "backend\\.md"),
      word("wire-", "protocol\\.md"),
      word("effect-4-", "guide"),
      word("examples-to-", "follow"),
      word("\\.lib", "rary"),
      word("iss", "ues show"),
      word("\\bcl", "aude\\b")
    ])
  },
  {
    name: "no-unfinished-work",
    why: "what is not done is an issue, not a comment",
    applies: code,
    breaks: new RegExp(`\\b(${["TO", "FIX", "HA"].map((half, i) => half + ["DO", "ME", "CK"][i]).join("|")})\\b`)
  },
  {
    name: "no-escape-from-types",
    why: "a cast to nothing hides the error it was written for",
    applies: typescript,
    breaks: new RegExp([word("\\bas", " any\\b"), word("@ts-", "(ignore|nocheck)")].join("|"))
  },
  {
    name: "double-casts-say-why",
    why: "a cast through unknown overrules the compiler; a comment beside it, or the one that opens the file, must say on what grounds",
    applies: typescript,
    breaks: new RegExp(word("\\bas unk", "nown as\\b")),
    excuse: comment,
    excuseFile: (text) => /\bcasts?\b/.test(text.slice(0, text.indexOf("*/")))
  },
  {
    name: "nothing-through-the-root-of-a-process",
    why: "links that a devbox made would lead to files of the host: absolute ones begin at the root of whoever opens them",
    applies: /^packages\/.*\.ts$/,
    breaks: /\/proc\/[^\s"'`]*\/root\b/
  },
  {
    name: "no-skipped-tests",
    why: "a test that cannot run says so in its output with a reason (`ctx.skip(reason)`); a silent one is not there",
    applies: tests,
    breaks: new RegExp(word("\\b(it|test|describe)(\\.\\w+)*\\.", "(skip|only|todo|fails)\\("))
  },
  {
    name: "no-sleeps-in-tests",
    why: "a test awaits an event or moves the TestClock; a sleep is slow on a fast machine and too short on a slow one",
    applies: tests,
    breaks: new RegExp([word("set", "Timeout\\("), word("timers", "/promises")].join("|")),
    excuse: /\/\/.*\b(virtual|real) time\b/
  },
  {
    name: "no-effect-sleeps-in-real-time",
    why: "under the TestClock a sleep takes no time; in a test that runs live it is a guess",
    applies: tests,
    breaks: new RegExp(word("Effect\\.", "sleep\\(")),
    excuse: /\/\/.*\b(virtual|real) time\b/,
    excuseFile: (text) => /TestClock|it\.effect|virtual time/.test(text) && !/it\.live|excludeTestServices/.test(text)
  },
  {
    name: "test-titles-are-sentences",
    why: "a title says what happens, not what ought to",
    applies: /\.test\.ts$/,
    breaks: new RegExp(word("\\b(it|test)(\\.\\w+)*\\(\\s*[\"'`]sho", "uld\\b"), "i")
  }
]

const exported = /^export (?:declare )?(?:abstract )?(?:const|class|interface|type|function|namespace) (\w+)/
const publicFile = /^packages\/[^/]+\/src\/(?!.*internal\/).*\.ts$/

/** Every public file opens with a comment that says what it is; every public export has one of its own. */
const checkDocs = (path: string, lines: ReadonlyArray<string>): ReadonlyArray<Violation> => {
  const at = (line: number, detail: string): Violation => ({ rule: "public-things-are-documented", path, line, detail })
  const found: Array<Violation> = []
  if (!/^(#!.*\n)?\/\*\*/.test(lines.slice(0, 2).join("\n"))) {
    found.push(at(1, "opens without a comment that says what it is and what it must not do"))
  }
  const seen = new Set<string>()
  for (const [index, line] of lines.entries()) {
    const name = exported.exec(line)?.[1]
    if (name === undefined) continue
    const before = lines[index - 1]?.trim() ?? ""
    // The type beside a schema of the same name, and further overloads, share the comment of the first.
    if (!seen.has(name) && !before.endsWith("*/")) found.push(at(index + 1, `export ${name} has no docstring`))
    seen.add(name)
  }
  return found
}

const checkLines = (rule: TextRule, path: string, lines: ReadonlyArray<string>): ReadonlyArray<Violation> =>
  rule.excuseFile?.(lines.join("\n")) === true
    ? []
    : lines.flatMap((line, index) => {
        const excused =
          rule.excuse !== undefined && (rule.excuse.test(line) || rule.excuse.test(lines[index - 1] ?? ""))
        return rule.breaks.test(line) && !excused
          ? [{ rule: rule.name, path, line: index + 1, detail: `${line.trim().slice(0, 100)}: ${rule.why}` }]
          : []
      })

/** Every violation of every rule. */
export const checkText = (sources: Sources): ReadonlyArray<Violation> =>
  [...sources].flatMap(([path, text]) => {
    const lines = text.split("\n")
    const applying = textRules.filter((rule) => rule.applies.test(path) && rule.except?.test(path) !== true)
    return [
      ...applying.flatMap((rule) => checkLines(rule, path, lines)),
      ...(publicFile.test(path) ? checkDocs(path, lines) : [])
    ]
  })

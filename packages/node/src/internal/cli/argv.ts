/**
 * What stands on the command line before it is parsed: which command it is, and where the command to run inside begins, so that
 * `devbox exec box ls -la` needs no `--`. Words in, words out.
 */
import type { CommandDescriptor } from "effect/cli/Completions"

/** The commands whose exit status is that of what they run, with how many words stand before it. */
const runners: Readonly<Record<string, number>> = { exec: 1, run: 1, ssh: 1, shell: 1 }

/** The flags of a command that take a value from the next word, as they are written. */
export const valued = ({ flags }: Pick<CommandDescriptor, "flags">): ReadonlySet<string> =>
  new Set(
    flags
      .filter((flag) => flag.type._tag !== "Boolean" && flag.optionalValue !== true)
      .flatMap((flag) => [flag.name, ...flag.aliases])
      .map((name) => (name.length === 1 ? `-${name}` : `--${name}`))
  )

/** A command line, understood as far as that is needed. */
export interface Prepared {
  readonly argv: ReadonlyArray<string>
  /** Whether our own failures must not be taken for those of the command inside. */
  readonly passesStatus: boolean
  /** Whether machines read the answer, errors included. */
  readonly json: boolean
}

/** The word that stands for no image: `devbox run -- …`. */
export const plainImage = "plain"

/** Understands a command line. */
export const prepare = (
  argv: ReadonlyArray<string>,
  takesValue: (verb: string | undefined) => ReadonlySet<string>
): Prepared => {
  const words: Array<string> = []
  let verb: string | undefined
  let json = false
  let index = 0
  for (; index < argv.length; index++) {
    const word = argv[index]!
    if (word === "--") break
    if (word.startsWith("-") && word !== "-") {
      if (word === "--json") json = true
      if (takesValue(verb).has(word) && index + 1 < argv.length) index++
      continue
    }
    if (verb === undefined) verb = word
    else words.push(word)
    const before = runners[verb]
    if (before !== undefined && words.length > before) break
  }
  const passesStatus = verb !== undefined && verb in runners
  if (!passesStatus || index === argv.length) return { argv, passesStatus, json }
  const [head, tail] = [argv.slice(0, index), argv.slice(index)]
  if (tail[0] !== "--") return { argv: [...head, "--", ...tail], passesStatus, json }
  return { argv: verb === "run" && words.length === 0 ? [...head, plainImage, ...tail] : argv, passesStatus, json }
}

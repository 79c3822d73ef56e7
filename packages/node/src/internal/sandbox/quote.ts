// Text for a POSIX shell: quoting, environment exports and the checks that keep a request from
// becoming something else than it says. Nothing in here runs anything.
import type { ProcessLimits } from "./types.ts"

/** One word, taken literally by any POSIX shell. */
export const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

/** Lines that export an environment. */
export const exportLines = (env: Readonly<Record<string, string>>): string => {
  let text = ""
  for (const name in env) text += `export ${name}=${quote(env[name]!)}\n`
  return text
}

/** Says what is wrong with an environment, or undefined when a shell can export it. */
export const environmentProblem = (env: Readonly<Record<string, string>>): string | undefined => {
  for (const name in env) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      return `environment variable ${JSON.stringify(name)} is not a name that a shell can export`
    }
    if (env[name]!.includes("\0")) return `environment variable ${name} contains a NUL byte`
  }
  return undefined
}

const atLeastOne = (value: number): number => Math.max(1, Math.floor(value))

/** Lines that set limits. `-p` is dash's name for what bash calls `-u`; bash refuses to set its own `-p`. */
export const limitLines = (limits: ProcessLimits | undefined): string => {
  if (limits === undefined) return ""
  let text = ""
  const add = (flag: string, value: number): void => {
    text += `ulimit -${flag} ${atLeastOne(value)} 2>/dev/null\n`
  }
  // Of data, not of addresses: runtimes such as V8 reserve far more addresses than they use.
  if (limits.memoryBytes !== undefined) add("d", limits.memoryBytes / 1024)
  if (limits.cpuSeconds !== undefined) add("t", limits.cpuSeconds)
  if (limits.fileSizeBytes !== undefined) add("f", limits.fileSizeBytes / 512)
  if (limits.openFiles !== undefined) add("n", limits.openFiles)
  if (limits.processes !== undefined) {
    const processes = atLeastOne(limits.processes)
    text += `ulimit -p ${processes} 2>/dev/null || ulimit -u ${processes} 2>/dev/null\n`
  }
  return text
}

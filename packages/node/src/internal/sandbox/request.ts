// Turns an execution request into the files that a slot or a named shell reads. The text that users wrote goes into
// one quoted word or a file of its own, so that nothing in it can end early or mean something else.
import * as fs from "node:fs"
import { hash } from "node:crypto"
import { ExecStartError } from "./errors.ts"
import { environmentProblem, exportLines, limitLines, quote } from "./quote.ts"
import type { ExecRequest } from "./types.ts"

// The kernel takes no word longer than 128 KiB.
const WORD_MAX = 120_000

/** Names a shell in the agent's language, the same from every process. */
export const shellKey = (name: string): string => hash("sha256", name).slice(0, 24)

const problem = (request: ExecRequest): string | undefined => {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(request.id)) return "its id may have letters, digits, - and _ only"
  const words = typeof request.command === "string" ? [request.command] : request.command
  if (typeof request.command !== "string" && (words[0] ?? "") === "") return "the command has no words"
  if ([...words, request.cwd ?? ""].some((text) => text.includes("\0"))) return "a NUL byte cannot be in a command"
  return environmentProblem(request.env ?? {})
}

/** What a slot or a named shell reads, and a command that is too long for it. Throws for what no shell could run. */
const scriptOf = (request: ExecRequest): { readonly text: string; readonly aside?: string } => {
  const wrong = problem(request)
  if (wrong !== undefined) throw new ExecStartError(request.id, "invalid request", wrong)
  const inShell = request.shellName !== undefined
  let text = exportLines({ ...request.env, DEVBOX_EXECUTION_ID: request.id }) + limitLines(request.limits)
  if (request.cwd !== undefined)
    text += `cd "$HOME"; cd -- ${quote(request.cwd)} || ${inShell ? "return" : "exit"} 126\n`
  else if (!inShell) text += "cd 2>/dev/null || cd /\n"
  if (!inShell) text += "unset OLDPWD\n"
  const { command } = request
  // $1 and $2 were set by slot.sh: the box's bash and the name of the .cmd file.
  if (inShell) return { text: `${text}${typeof command === "string" ? command : command.map(quote).join(" ")}\n` }
  if (typeof command !== "string") return { text: `${text}exec ${command.map(quote).join(" ")}\n` }
  if (Buffer.byteLength(command) <= WORD_MAX) return { text: `${text}exec "$1" -c ${quote(command)} bash\n` }
  return { text: `${text}exec "$1" "$2"\n`, aside: command }
}

/** The script of a command in a named shell, for an owner in this process: it gives the shell one after another. */
export const shellScriptOf = (request: ExecRequest): string => scriptOf(request).text

/** Writes `q/<id>.sh`. */
export const writeRequest = (q: string, request: ExecRequest): void => {
  const { aside, text } = scriptOf(request)
  if (aside !== undefined) create(`${q}/${request.id}.cmd`, aside, request.id)
  create(`${q}/${request.id}.sh`, text, request.id)
}

const create = (file: string, text: string, id: string): void => {
  try {
    fs.writeFileSync(file, text, { flag: "wx", mode: 0o644 })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new ExecStartError(id, code === "EEXIST" ? "duplicate id" : "no space", message)
  }
}

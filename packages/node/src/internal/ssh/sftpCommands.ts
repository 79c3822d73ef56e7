// What SFTP asks for, done by commands inside the box, where a link leads where it leads for the box. Each is one run of the
// tools that every Linux has.
import { randomUUID } from "node:crypto"
import type { Attributes } from "ssh2"
import { said } from "../local/hidden.ts"
import type { Box, BoxExecution } from "../sandbox/types.ts"

/** SSH_FX_*, as far as they are used. */
export const status = { ok: 0, eof: 1, noSuchFile: 2, permissionDenied: 3, failure: 4, unsupported: 8 } as const

/** An SFTP answer that is not success. */
export class SftpError extends Error {
  override readonly name = "SftpError"
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

const toError = (words: string): SftpError => {
  // The tools say "tool: what 'path': reason".
  const reason = words.split("\n")[0]!.replace(/^.*: /, "")
  if (/No such file or directory|Not a directory/.test(words)) return new SftpError(status.noSuchFile, reason)
  if (/Permission denied|Operation not permitted|Read-only file system/.test(words))
    return new SftpError(status.permissionDenied, reason)
  return new SftpError(status.failure, reason === "" ? "failed" : reason)
}

/** Starts a script with a stdin or a stdout that is streamed. Paths are its words, never part of its text. */
export const begin = (
  box: Box,
  script: string,
  words: ReadonlyArray<string>,
  stream: "stdin" | "stdout"
): BoxExecution => {
  const execution = box.exec({
    id: `sftp-${randomUUID()}`,
    command: ["sh", "-c", script, "sh", ...words],
    env: { LC_ALL: "C" },
    stdin: stream === "stdin",
    stdout: stream === "stdout" ? "pipe" : "journal"
  })
  execution.done.catch(() => {})
  return execution
}

/** Waits for a script to succeed, and forgets it. */
export const finish = async (box: Box, execution: BoxExecution): Promise<void> => {
  try {
    const { code } = await execution.done
    if (code === 0) return
    throw toError(await said(box, execution.id))
  } finally {
    box.journal.remove(execution.id)
  }
}

/** Runs a script and gives what it printed. */
export const ask = async (box: Box, script: string, ...words: ReadonlyArray<string>): Promise<Buffer> => {
  const execution = begin(box, script, words, "stdout")
  const parts: Array<Uint8Array> = []
  for await (const bytes of execution.stdoutPipe!) parts.push(bytes)
  await finish(box, execution)
  return Buffer.concat(parts)
}

/** Does not end with what was asked, but says why, as the tools do. */
export const fail = 'fail() { echo "sftp: $1" >&2; exit 1; }\n'

const facts = "%f %s %u %g %X %Y"

const toAttributes = (words: ReadonlyArray<string>): Attributes => {
  const [mode = "0", size, uid, gid, atime, mtime] = words
  return {
    mode: Number.parseInt(mode, 16),
    size: Number(size),
    uid: Number(uid),
    gid: Number(gid),
    atime: Number(atime),
    mtime: Number(mtime)
  }
}

/** The attributes of a file; of the link itself where it is one, unless it is to be followed. */
export const stat = async (box: Box, path: string, follow: boolean): Promise<Attributes> => {
  const printed = await ask(box, `exec stat ${follow ? "-L " : ""}-c '${facts}' -- "$1"`, path)
  return toAttributes(printed.toString("latin1").trim().split(" "))
}

/** Changes what the attributes name; owners stay, because a box has only one. */
export const setStat = async (box: Box, path: string, attributes: Partial<Attributes>): Promise<void> => {
  const { atime, mode, mtime, size } = attributes
  const lines = [
    size === undefined ? "" : `truncate -s ${size} -- "$1" || exit 1\n`,
    mode === undefined ? "" : `chmod ${(mode & 0o7777).toString(8)} -- "$1" || exit 1\n`,
    mtime === undefined ? "" : `touch -c -m -d @${mtime} -- "$1" || exit 1\n`,
    atime === undefined ? "" : `touch -c -a -d @${atime} -- "$1" || exit 1\n`
  ]
  await ask(box, `${lines.join("")}[ -e "$1" ] || exec stat -- "$1"`, path)
}

/** A file of a folder. */
export interface Entry {
  readonly filename: string
  readonly attrs: Attributes
}

const kinds: Readonly<Record<string, number>> = {
  f: 0o100000,
  d: 0o040000,
  l: 0o120000,
  c: 0o020000,
  b: 0o060000,
  p: 0o010000,
  s: 0o140000
}

/** What is in a folder, with the folder itself and the one above it. */
export const list = async (box: Box, path: string): Promise<ReadonlyArray<Entry>> => {
  // A link to a folder is listed as the folder.
  const script = `[ -d "$1" ] || exec ls -- "$1/"
cd -- "$1" || exit 1
find . .. -maxdepth 0 -printf '%m %y %s %U %G %A@ %T@ %p\\0' && exec find . -mindepth 1 -maxdepth 1 -printf '%m %y %s %U %G %A@ %T@ %f\\0'`
  const entries: Array<Entry> = []
  for (const line of (await ask(box, script, path)).toString("utf8").split("\0")) {
    const found = /^(\d+) (\w) (\d+) (\d+) (\d+) (\d+)\S* (\d+)\S* (.*)$/s.exec(line)
    if (found === null) continue
    const [, mode, kind, size, uid, gid, atime, mtime, filename] = found as unknown as [string, ...Array<string>] // a cast, because the pattern has these groups
    entries.push({
      filename: filename!,
      attrs: {
        mode: Number.parseInt(mode!, 8) | (kinds[kind!] ?? 0),
        size: Number(size),
        uid: Number(uid),
        gid: Number(gid),
        atime: Number(atime),
        mtime: Number(mtime)
      }
    })
  }
  return entries
}

// The SFTP of a session: requests of protocol version 3, answered over the files of the box. Requests for one open file keep
// their order; the others are answered as they are done.
import type { Attributes, SFTPWrapper } from "ssh2"
import type { Box } from "../sandbox/types.ts"
import { ask, type Entry, fail, list, setStat, SftpError, stat, status } from "./sftpCommands.ts"
import { type OpenFile, openFile } from "./sftpFiles.ts"

/** SSH_FXF_*. */
const flags = { read: 1, write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 } as const

/** How many names one answer carries: an answer is at most 34 kB. */
const page = 64

interface Handle {
  readonly file?: OpenFile
  entries?: ReadonlyArray<Entry>
  last: Promise<unknown>
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const letters: Readonly<Record<number, string>> = {
  0o040000: "d",
  0o120000: "l",
  0o020000: "c",
  0o060000: "b",
  0o010000: "p",
  0o140000: "s"
}

/** The line of `ls -l` that interactive clients show. */
const longname = ({ attrs, filename }: Entry): string => {
  const bits = "rwxrwxrwx"
  const rights = Array.from(bits, (letter, at) => ((attrs.mode >> (8 - at)) & 1 ? letter : "-")).join("")
  const date = new Date(attrs.mtime * 1000)
  const day = `${months[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)}`
  const recent = Math.abs(Date.now() - date.getTime()) < 180 * 86_400_000
  const time = recent ? date.toISOString().slice(11, 16) : ` ${date.getUTCFullYear()}`
  return `${letters[attrs.mode & 0o170000] ?? "-"}${rights}    1 user     user     ${String(attrs.size).padStart(12)} ${day} ${time} ${filename}`
}

/** Makes what an open asks for, and refuses what it may not have. */
const prepare = async (box: Box, path: string, how: number, attributes: Partial<Attributes>): Promise<void> => {
  const has = (flag: number) => (how & flag) !== 0
  const mode = attributes.mode === undefined ? "" : `chmod ${(attributes.mode & 0o777).toString(8)} -- "$1"; `
  const create = has(flags.create)
    ? has(flags.exclusive)
      ? `[ ! -e "$1" ] || fail "File exists"; set -C; : >"$1" || exit 1; set +C; ${mode}\n`
      : `[ -e "$1" ] || { : >"$1" || exit 1; ${mode}}\n`
    : ""
  await ask(
    box,
    `${fail}${create}[ -e "$1" ] || fail "No such file or directory"
[ ! -d "$1" ] || fail "Is a directory"
${has(flags.read) ? '[ -r "$1" ] || fail "Permission denied"\n' : ""}${
      has(flags.write) ? '[ -w "$1" ] || fail "Permission denied"\n' : ""
    }${has(flags.truncate) && has(flags.write) ? ': >"$1"\n' : ""}`,
    path
  )
}

/**
 * Says that the subsystem ended well: without that scp reports failure, and ssh2 has no way of its own to say it of this one kind of
 * channel.
 */
const exitOf = (sftp: SFTPWrapper): void => {
  // a cast: ssh2 has these fields and does not type them
  const { _protocol: protocol, outgoing } = sftp as unknown as {
    readonly _protocol: { readonly exitStatus: (channel: number, status: number) => void }
    readonly outgoing: { readonly id: number; readonly state: string }
  }
  if (outgoing.state === "open") protocol.exitStatus(outgoing.id, 0)
}

/** Serves SFTP on an accepted subsystem. */
export const serveFiles = (sftp: SFTPWrapper, boxOf: () => Promise<Box>, heard: () => void): void => {
  const handles = new Map<number, Handle>()
  let next = 0

  const open = (handle: Omit<Handle, "last">): Buffer => {
    const key = Buffer.alloc(4)
    key.writeUInt32BE(next)
    handles.set(next++, { ...handle, last: Promise.resolve() })
    return key
  }
  const handleOf = (key: Buffer): Handle => {
    const handle = key.length === 4 ? handles.get(key.readUInt32BE()) : undefined
    if (handle === undefined) throw new SftpError(status.failure, "no such handle")
    return handle
  }
  const fileOf = (key: Buffer): OpenFile => {
    const { file } = handleOf(key)
    if (file === undefined) throw new SftpError(status.failure, "it is a folder")
    return file
  }

  /** Does the work and answers, whatever happens. */
  const answer = (id: number, work: (box: Box) => Promise<void>): Promise<void> => {
    heard()
    return boxOf()
      .then(work)
      .catch((error: unknown) => {
        const { code, message } =
          error instanceof SftpError
            ? error
            : new SftpError(status.failure, error instanceof Error ? error.message : "")
        sftp.status(id, code, message)
      })
  }
  const done = (id: number) => sftp.status(id, status.ok, "")
  /** As {@link answer}, after everything that was asked of the same file before. */
  const inTurn = (id: number, key: Buffer, work: (box: Box) => Promise<void>): void => {
    const handle = key.length === 4 ? handles.get(key.readUInt32BE()) : undefined
    const turn = (handle?.last ?? Promise.resolve()).then(() => answer(id, work))
    if (handle !== undefined) handle.last = turn
  }
  const doing = (id: number, script: string, ...words: ReadonlyArray<string>) =>
    void answer(id, async (box) => {
      await ask(box, fail + script, ...words)
      done(id)
    })
  const names = (id: number, entries: ReadonlyArray<Entry>) =>
    sftp.name(
      id,
      entries.map((entry) => ({ ...entry, longname: longname(entry) }))
    )
  const noFacts: Attributes = { mode: 0, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 }
  const name = (id: number, printed: Buffer) =>
    sftp.name(id, [{ filename: printed.toString("utf8").replace(/\n$/, ""), longname: "", attrs: noFacts }])

  sftp.on("error", () => {})
  sftp.on("OPEN", (id, path, how, attributes) => {
    void answer(id, async (box) => {
      await prepare(box, path, how, attributes)
      sftp.handle(id, open({ file: openFile(box, path, (how & flags.append) !== 0) }))
    })
  })
  sftp.on("READ", (id, key, offset, length) =>
    inTurn(id, key, async () => {
      const bytes = await fileOf(key).read(offset, Math.min(length, 256 * 1024))
      if (bytes.length === 0) sftp.status(id, status.eof, "")
      else sftp.data(id, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    })
  )
  sftp.on("WRITE", (id, key, offset, bytes) => {
    // Its buffer is the packet's, which does not stay.
    const copy = Uint8Array.from(bytes)
    inTurn(id, key, async () => {
      await fileOf(key).write(offset, copy)
      done(id)
    })
  })
  sftp.on("CLOSE", (id, key) =>
    inTurn(id, key, async () => {
      const { file } = handleOf(key)
      handles.delete(key.readUInt32BE())
      await file?.close()
      done(id)
    })
  )
  sftp.on("FSTAT", (id, key) =>
    inTurn(id, key, async (box) => {
      const file = fileOf(key)
      await file.flush()
      sftp.attrs(id, await stat(box, file.path, true))
    })
  )
  sftp.on("FSETSTAT", (id, key, attributes) =>
    inTurn(id, key, async (box) => {
      const file = fileOf(key)
      await file.flush()
      await setStat(box, file.path, attributes)
      done(id)
    })
  )
  sftp.on("OPENDIR", (id, path) => {
    void answer(id, async (box) => sftp.handle(id, open({ entries: await list(box, path) })))
  })
  sftp.on("READDIR", (id, key) =>
    inTurn(id, key, async () => {
      const handle = handleOf(key)
      const entries = handle.entries ?? []
      handle.entries = entries.slice(page)
      if (entries.length === 0) sftp.status(id, status.eof, "")
      else names(id, entries.slice(0, page))
    })
  )
  for (const [event, follow] of [
    ["STAT", true],
    ["LSTAT", false]
  ] as const) {
    sftp.on(event as "STAT", (id, path) => {
      void answer(id, async (box) => sftp.attrs(id, await stat(box, path, follow)))
    })
  }
  sftp.on("SETSTAT", (id, path, attributes) => {
    void answer(id, async (box) => {
      await setStat(box, path, attributes)
      done(id)
    })
  })
  sftp.on("REALPATH", (id, path) => {
    void answer(id, async (box) => name(id, await ask(box, 'exec realpath -m -- "${1:-.}"', path)))
  })
  sftp.on("READLINK", (id, path) => {
    void answer(id, async (box) => name(id, await ask(box, 'exec readlink -- "$1" || exec ls -- "$1"', path)))
  })
  sftp.on("REMOVE", (id, path) =>
    doing(id, '[ ! -d "$1" ] || [ -L "$1" ] || fail "Is a directory"; exec rm -- "$1"', path)
  )
  sftp.on("RMDIR", (id, path) => doing(id, 'exec rmdir -- "$1"', path))
  sftp.on("MKDIR", (id, path, { mode }) => {
    const rights = mode === undefined ? "" : `-m ${(mode & 0o777).toString(8)} `
    doing(id, `exec mkdir ${rights}-- "$1"`, path)
  })
  sftp.on("RENAME", (id, from, to) =>
    doing(id, '[ ! -e "$2" ] || fail "File exists"; exec mv -T -- "$1" "$2"', from, to)
  )
  // ssh2 gives the link first, whatever its types say.
  sftp.on("SYMLINK", (id, link, target) => doing(id, 'exec ln -s -- "$1" "$2"', target, link))
  // The client has said everything, and what it asked for last was answered, or it would wait.
  sftp.once("end", () => {
    exitOf(sftp)
    sftp.end()
  })
  sftp.on("close", () => {
    for (const { file, last } of handles.values()) void last.then(() => file?.close()).catch(() => {})
    handles.clear()
  })
}

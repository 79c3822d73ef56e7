/** What `stat` prints → the file info of Effect's `FileSystem`. */
import * as ByteSize from "effect/ByteSize"
import type { File } from "effect/FileSystem"
import * as Option from "effect/Option"

/** The format to ask `stat` for. */
export const statFormat = "%f %s %b %o %i %h %u %g %d %t %T %.9X %.9Y %.9W"

const types: Readonly<Record<number, File.Type>> = {
  0o010: "FIFO",
  0o020: "CharacterDevice",
  0o040: "Directory",
  0o060: "BlockDevice",
  0o100: "File",
  0o120: "SymbolicLink",
  0o140: "Socket"
}

/** The type of a file by the letter that `find` prints for it. */
export const typeOfLetter = (letter: string): File.Type =>
  (
    {
      f: "File",
      d: "Directory",
      l: "SymbolicLink",
      p: "FIFO",
      s: "Socket",
      b: "BlockDevice",
      c: "CharacterDevice"
    } as const
  )[letter] ?? "Unknown"

/** The kernel's number for a device, from the two that `stat` prints. */
const device = (major: bigint, minor: bigint): bigint =>
  ((major & 0xfffff000n) << 32n) | ((major & 0xfffn) << 8n) | ((minor & 0xffffff00n) << 12n) | (minor & 0xffn)

const time = (seconds: string): Option.Option<Date> => Option.some(new Date(Math.floor(Number(seconds) * 1000)))

/** A line in the format above, as far as it could make trouble: a program inside may call itself `stat`. */
const line = /^[0-9a-f]+( \d+){8}( [0-9a-f]+){2}( -?\d+(\.\d+)?){2} \S+$/

/** Reads one line in the format above. */
export const parseStat = (text: string): File.Info | undefined => {
  if (!line.test(text.trim())) return undefined
  const [
    mode = "",
    size = "",
    blocks = "",
    blksize = "",
    ino = "",
    nlink = "",
    uid = "",
    gid = "",
    dev = "",
    major = "",
    minor = "",
    atime = "",
    mtime = "",
    birth = ""
  ] = text.trim().split(" ")
  const bits = Number.parseInt(mode, 16)
  return {
    type: types[(bits & 0o170000) >> 9] ?? "Unknown",
    mtime: time(mtime),
    atime: time(atime),
    // A file system without birth times says 0 or "-".
    birthtime: Number(birth) > 0 ? time(birth) : Option.none(),
    dev: BigInt(dev),
    ino: Option.some(BigInt(ino)),
    mode: bits,
    nlink: Option.some(BigInt(nlink)),
    uid: Option.some(Number(uid)),
    gid: Option.some(Number(gid)),
    rdev: Option.some(device(BigInt(`0x${major}`), BigInt(`0x${minor}`))),
    size: ByteSize.bytes(BigInt(size)),
    blksize: Option.some(ByteSize.bytes(BigInt(blksize))),
    blocks: Option.some(BigInt(blocks))
  }
}

/** `printf` and `echo`, to the byte. */
import { concat, toBytes } from "./bytes.ts"

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\\": "\\", a: "\x07", '"': '"' }
const token = /\\x([0-9A-Fa-f]{1,2})|\\([0-7]{1,3})|\\(.)|%([sd%])/g

/** What `printf format …` prints; the format is used again while arguments are left. */
export const printf = (format: string, values: ReadonlyArray<string>): Uint8Array => {
  const out: Array<Uint8Array> = []
  const left = [...values]
  do {
    const before = left.length
    let at = 0
    for (const match of format.matchAll(token)) {
      const [whole, hex, octal, letter, directive] = match
      out.push(toBytes(format.slice(at, match.index)))
      at = match.index + whole.length
      if (hex !== undefined) out.push(Uint8Array.of(Number.parseInt(hex, 16)))
      else if (octal !== undefined) out.push(Uint8Array.of(Number.parseInt(octal, 8) & 0xff))
      else if (letter !== undefined) out.push(toBytes(escapes[letter] ?? whole))
      else if (directive === "%") out.push(toBytes("%"))
      else if (directive === "d") out.push(toBytes(String(Number.parseInt(left.shift() ?? "0", 10) || 0)))
      else out.push(toBytes(left.shift() ?? ""))
    }
    out.push(toBytes(format.slice(at)))
    if (left.length === before) break
  } while (left.length > 0)
  return concat(out)
}

/** What `echo …` prints. */
export const echo = (words: ReadonlyArray<string>): string =>
  words[0] === "-n" ? words.slice(1).join(" ") : `${words.join(" ")}\n`

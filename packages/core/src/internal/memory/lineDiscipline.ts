/** What lies between the keys and the program of a terminal in memory: echo, lines, Ctrl-C and Ctrl-D, and `\n` shown as `\r\n`. */
import { toBytes } from "./bytes.ts"
import type { Input } from "./input.ts"

/** What a terminal is connected to. */
export interface Ends {
  /** What the program reads. */
  readonly input: Input
  /** What is seen. */
  readonly screen: Input
  readonly interrupt: () => void
}

/** See above. */
export interface LineDiscipline {
  readonly type: (bytes: Uint8Array) => void
  readonly show: (bytes: Uint8Array) => void
  readonly raw: () => void
}

const key = { interrupt: 0x03, end: 0x04, newline: 0x0a, enter: 0x0d, erase: 0x7f }

/** A terminal that edits lines until it is told not to. */
export const make = ({ input, interrupt, screen }: Ends): LineDiscipline => {
  let line: Array<number> = []
  let raw = false
  const see = (...bytes: ReadonlyArray<number>) => screen.write(Uint8Array.from(bytes))
  const deliver = (...end: ReadonlyArray<number>) => {
    input.write(Uint8Array.from([...line, ...end]))
    line = []
  }
  const press = (byte: number) => {
    switch (byte) {
      case key.enter:
      case key.newline:
        see(key.enter, key.newline)
        return deliver(key.newline)
      case key.interrupt:
        screen.write(toBytes("^C\r\n"))
        line = []
        return interrupt()
      case key.end:
        return line.length === 0 ? input.end() : deliver()
      case key.erase: {
        if (line.length === 0) return
        // A character of UTF-8 is its first byte and those that continue it.
        while (line.length > 1 && (line.at(-1)! & 0xc0) === 0x80) line.pop()
        line.pop()
        return screen.write(toBytes("\b \b"))
      }
      default:
        line.push(byte)
        return see(byte)
    }
  }
  return {
    type: (bytes) => {
      if (raw) input.write(bytes.slice())
      else for (const byte of bytes) press(byte)
    },
    show: (bytes) => {
      if (raw) return screen.write(bytes)
      const shown = Array.from(bytes).flatMap((byte) => (byte === key.newline ? [key.enter, key.newline] : [byte]))
      screen.write(Uint8Array.from(shown))
    },
    raw: () => {
      raw = true
    }
  }
}

/** Small helpers for bytes and lines. */

import { makeDecoder } from "../decode.ts"

export { encode as toBytes } from "../encode.ts"

const decoder = makeDecoder()

/** Bytes as text; what is not UTF-8 becomes U+FFFD. */
export const toText = (bytes: Uint8Array): string => decoder.decode(bytes)

/** One array from many. */
export const concat = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

/** The last lines of a text, and whether anything is missing before them. */
export const lastLines = (text: string, count: number): { readonly text: string; readonly truncated: boolean } => {
  const lines = text.split("\n")
  const whole = lines.at(-1) === "" ? lines.length - 1 : lines.length
  if (whole <= count) return { text, truncated: false }
  return { text: lines.slice(whole - count).join("\n"), truncated: true }
}

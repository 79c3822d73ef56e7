/** Chance that can be had again: numbers that depend on a seed and on what they are for, and on nothing else. */

/** Mixes a text into a 32 bit number (FNV-1a). */
const hash = (text: string, start: number): number => {
  let mixed = (start ^ 0x811c9dc5) >>> 0
  for (let i = 0; i < text.length; i++) mixed = Math.imul(mixed ^ text.charCodeAt(i), 0x01000193)
  return mixed >>> 0
}

/** Numbers from 0 up to but not including 1 (mulberry32), the same for the same seed and purpose. */
export const dice = (seed: number, purpose: string): (() => number) => {
  let state = hash(purpose, seed)
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

// The two ways to save a box's disk as of one instant: make what was written read-only, or copy it while the box stands still.
import * as fs from "node:fs"
import * as path from "node:path"
import { canShareBlocks, DiskCopy } from "./diskCopy.ts"
import { SaveError } from "./errors.ts"
import { boxDirs, makeLayer, upperDir } from "./layout.ts"
import type { BoxClosed, BoxSpec, Saved } from "./types.ts"

/** What saving needs of a box. */
export interface Saving {
  readonly spec: BoxSpec
  readonly gone: Promise<BoxClosed>
  /** Signals every process of the box but its agent, and resolves when that is done. */
  readonly signalAll: (signal: "STOP" | "CONT") => Promise<void>
}

/** The same box with what it wrote as its topmost read-only layer. */
export const rotateDisk = (spec: BoxSpec, upper: string): BoxSpec => {
  makeLayer(path.join(spec.layersDir, upper), spec.report)
  return { ...spec, upper, lower: [path.relative(spec.layersDir, upperDir(spec)), ...spec.lower] }
}

/** Makes names durable that were made in a directory. */
export const syncDirectory = async (dir: string): Promise<void> => {
  const file = await fs.promises.open(dir, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Copies what a box wrote while nothing in it runs. */
export const copyDisk = async (saving: Saving, name: string): Promise<Saved> => {
  const { spec } = saving
  const to = path.join(spec.layersDir, name)
  makeLayer(to, spec.report)
  const shares = canShareBlocks(spec.dir)
  const from = spec.report.launcher === "process" ? boxDirs(spec.dir).home : upperDir(spec)
  const copy = new DiskCopy(spec.report, from, to)
  const gone = saving.gone.then(() => Promise.reject(new SaveError("the box ended meanwhile")))
  gone.catch(() => {})
  try {
    await Promise.race([copy.ready, gone])
    const begun = performance.now()
    try {
      await Promise.race([saving.signalAll("STOP"), gone])
      await Promise.race([copy.run(), gone])
    } finally {
      // Not waited for when the box is gone; then there is nobody to go on.
      await Promise.race([saving.signalAll("CONT"), gone]).catch(() => {})
    }
    return { method: shares ? "reflink" : "copy", pausedMs: performance.now() - begun }
  } catch (error) {
    copy.abort()
    throw error instanceof SaveError ? error : new SaveError(error instanceof Error ? error.message : String(error))
  }
}

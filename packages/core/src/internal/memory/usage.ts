/** What a devbox used: its size times its time. */
import { Usage } from "../../DevboxModel.ts"
import { defined } from "../defined.ts"
import type { Box, World } from "./state.ts"

/** Cores, GiB of memory and GiB of disk by size (PROTOCOL P4). */
const sizes: Readonly<Record<string, readonly [number, number, number]>> = {
  X_SMALL: [0.5, 1, 4],
  SMALL: [1, 2, 4],
  MEDIUM: [2, 4, 8],
  LARGE: [2, 8, 16],
  X_LARGE: [4, 16, 16],
  XX_LARGE: [8, 32, 16]
}

/** See above. */
export const usage = (world: World, box: Box): Usage => {
  const end = box.endTimeMs ?? world.now()
  const elapsed = Math.floor((end - box.createTimeMs) / 1000)
  const active = Math.floor((box.ranMs + (box.runsSinceMs === undefined ? 0 : world.now() - box.runsSinceMs)) / 1000)
  const asked = box.params.launchParameters
  const [cores, memory, disk] = sizes[asked?.resourceSizeRequest ?? "SMALL"] ?? [
    asked?.customCpuCores ?? 1,
    asked?.customGbMemory ?? 2,
    asked?.customDiskSize ?? 4
  ]
  return new Usage({
    id: box.id,
    status: box.status,
    startTimeMs: box.createTimeMs,
    totalElapsedSeconds: elapsed,
    totalActiveSeconds: active,
    vcpuSeconds: Math.round(cores * active),
    memoryGbSeconds: memory * active,
    diskGbSeconds: disk * elapsed,
    ...defined({ endTimeMs: box.endTimeMs })
  })
}

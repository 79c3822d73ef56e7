/** What a devbox used: its size times its time. */
import { sizeOf, Usage } from "../../DevboxModel.ts"
import { defined } from "../defined.ts"
import type { Box, World } from "./state.ts"

/** See above. */
export const usage = (world: World, box: Box): Usage => {
  const end = box.endTimeMs ?? world.now()
  const elapsed = Math.floor((end - box.createTimeMs) / 1000)
  const active = Math.floor((box.ranMs + (box.runsSinceMs === undefined ? 0 : world.now() - box.runsSinceMs)) / 1000)
  const { cores, diskGb, memoryGb } = sizeOf(box.params.launchParameters)
  return new Usage({
    id: box.id,
    status: box.status,
    startTimeMs: box.createTimeMs,
    totalElapsedSeconds: elapsed,
    totalActiveSeconds: active,
    vcpuSeconds: Math.round(cores * active),
    memoryGbSeconds: memoryGb * active,
    diskGbSeconds: diskGb * elapsed,
    ...defined({ endTimeMs: box.endTimeMs })
  })
}

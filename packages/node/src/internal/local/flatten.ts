/** Keeps stacks of layers low: a snapshot of many layers gets one that holds the same, beside whatever else goes on. */
import { flattenLayers } from "../sandbox/flatten.ts"
import { finishLayer, insertLayer, layersOf, setLayers } from "../store/layers.ts"
import { dropLayers, measure, newLayerId, releaseLayers } from "./disk.ts"
import { type Engine, inBackground } from "./engine.ts"

/** From this many layers on looking for files that are not there gets slow. */
const deepest = 16

const flatten = async (engine: Engine, snapshotId: string): Promise<void> => {
  const { base, report } = await engine.host()
  const stack = layersOf(engine.db, "snapshot", snapshotId)
  const top = stack[0]
  if (top === undefined || stack.length <= deepest || stack.some((layer) => layer.format === "home")) return
  const id = newLayerId()
  insertLayer(engine.db, { id, format: "root", ownerId: engine.ownerId, replaces: top.id })
  try {
    const names = stack.map((layer) => layer.id)
    const whole = stack.at(-1)?.format === "root"
    await flattenLayers(engine.dir.layers, report, base, whole ? names : [...names, base.dir], id)
    engine.db.durably(() => {
      finishLayer(engine.db, id)
      // Unless it was deleted meanwhile.
      if (layersOf(engine.db, "snapshot", snapshotId)[0]?.id === top.id)
        setLayers(engine.db, "snapshot", snapshotId, [id])
    })
  } catch {
    // The stack stays as high as it is; the next snapshot tries again.
    finishLayer(engine.db, id)
    engine.db.statement("update layers set replaces = null where id = ?").run(id)
    await dropLayers(engine, [id])
    return
  }
  await measure(engine, report, layersOf(engine.db, "snapshot", snapshotId)).catch(() => {})
  await releaseLayers(engine, stack)
}

/** Makes one layer of a snapshot's many, later. */
export const flattenLater = (engine: Engine, snapshotId: string): void => {
  if (layersOf(engine.db, "snapshot", snapshotId).length > deepest) inBackground(engine, flatten(engine, snapshotId))
}

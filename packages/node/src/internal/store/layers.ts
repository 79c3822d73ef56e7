/**
 * The rows of layers and of who refers to them. A layer is a folder whose content never changes once it is whole; the rows that
 * name it are its reference count. A row is written before its folder is made, and goes before its folder does.
 */
import type { Database } from "./database.ts"

/** `overlay`: on top of others and the base. `root`: needs nothing below it. `home`: a home folder of the process tier. */
export type LayerFormat = "overlay" | "root" | "home"

/** A layer as it is written down. `owner_id`: who is making it; null when it is whole. */
export interface LayerRow {
  readonly id: string
  readonly format: LayerFormat
  readonly size_bytes: number | null
  readonly create_time_ms: number
  readonly owner_id: string | null
  readonly replaces: string | null
}

/** What can be made of layers. */
export type Holder = "devbox" | "snapshot"

/** Writes down a layer; `ownerId` while it is being made. */
export const insertLayer = (
  db: Database,
  layer: {
    readonly id: string
    readonly format: LayerFormat
    readonly ownerId?: string | undefined
    readonly replaces?: string | undefined
  }
): void => {
  db.statement("insert into layers (id, format, create_time_ms, owner_id, replaces) values (?, ?, ?, ?, ?)").run(
    layer.id,
    layer.format,
    Date.now(),
    layer.ownerId ?? null,
    layer.replaces ?? null
  )
}

/** One layer. */
export const getLayer = (db: Database, id: string): LayerRow | undefined =>
  db.first("select * from layers where id = ?", id)

/** Writes down that a layer is whole. */
export const finishLayer = (db: Database, id: string): void => {
  db.statement("update layers set owner_id = null where id = ?").run(id)
}

/** Writes down how large a layer is. */
export const setLayerSize = (db: Database, id: string, bytes: number): void => {
  db.statement("update layers set size_bytes = ? where id = ?").run(bytes, id)
}

/** The layers of something, top first. */
export const layersOf = (db: Database, holder: Holder, id: string): ReadonlyArray<LayerRow> =>
  db.all(
    `select layers.* from ${holder}_layers as held join layers on layers.id = held.layer_id
       where held.${holder}_id = ? order by held.position desc`,
    id
  )

/** Says anew which layers something is made of, top first. */
export const setLayers = (db: Database, holder: Holder, id: string, layers: ReadonlyArray<string>): void =>
  db.transaction(() => {
    db.statement(`delete from ${holder}_layers where ${holder}_id = ?`).run(id)
    layers.toReversed().forEach((layer, position) => {
      db.statement(`insert into ${holder}_layers (${holder}_id, position, layer_id) values (?, ?, ?)`).run(
        id,
        position,
        layer
      )
    })
  })

/** The whole layer that can stand in for another one and all below it. */
export const replacementOf = (db: Database, id: string): LayerRow | undefined =>
  db.first("select * from layers where replaces = ? and owner_id is null", id)

/** Layers that nothing is made of, nor of what they stand in for. Those with an owner are perhaps still being made. */
export const unusedLayers = (db: Database): ReadonlyArray<LayerRow> =>
  db.all(
    `select * from layers where not exists (select 1 from devbox_layers where layer_id = layers.id)
       and not exists (select 1 from snapshot_layers where layer_id = layers.id)
       and not exists (select 1 from layers as other where other.id = layers.replaces)`
  )

/** Forgets a layer if nothing is made of it, and says whether it did: then its folder can go. */
export const forgetLayer = (db: Database, id: string): boolean =>
  db
    .statement(
      `delete from layers where id = :id and not exists (select 1 from devbox_layers where layer_id = :id)
         and not exists (select 1 from snapshot_layers where layer_id = :id)`
    )
    .run({ id }).changes === 1

/** Devboxes that have ended and still hold layers. */
export const endedWithLayers = (db: Database): ReadonlyArray<string> =>
  db
    .all<{ readonly id: string }>(
      `select distinct devboxes.id from devbox_layers join devboxes on devboxes.id = devbox_id
         where status in ('shutdown', 'failure')`
    )
    .map((row) => row.id)

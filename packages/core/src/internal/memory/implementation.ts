/** The operations of `DevboxBackend` over a world in memory, each in its own room. */
import * as Effect from "effect/Effect"
import type { Capabilities, Feature } from "../../Capabilities.ts"
import type { Implementation } from "../../DevboxBackend.ts"
import { create } from "./create.ts"
import { infoNow, look, touch } from "./devbox.ts"
import { boxThatIs, findBox } from "./errors.ts"
import * as Executions from "./executions.ts"
import * as FileAccess from "./fileAccess.ts"
import * as Lifecycle from "./lifecycle.ts"
import * as Listing from "./listing.ts"
import * as Network from "./network.ts"
import * as Snapshots from "./snapshots.ts"
import { openTerminal } from "./terminal.ts"
import { usage } from "./usage.ts"
import type { World } from "./state.ts"

/** What a devbox in memory can do. It has no SSH and does not outlive its process. */
const features: ReadonlyArray<Feature> = [
  "suspend",
  "snapshot",
  "liveSnapshot",
  "tunnel",
  "perPortTunnel",
  "ssh",
  "stdin",
  "pty",
  "exactBytes",
  "killSignals",
  "metadataFilter",
  "dial",
  "fetch",
  "usage",
  "update",
  "notices",
  "executionEnv",
  "idempotentStdin",
  "consistentList",
  "ownerBound"
]

/** The operations that come with a feature. */
const operations: Readonly<Record<string, ReadonlyArray<keyof Implementation>>> = {
  suspend: ["suspend", "resume"],
  snapshot: ["startSnapshot", "getSnapshot", "listSnapshots", "updateSnapshot", "deleteSnapshot"],
  tunnel: ["enableTunnel", "removeTunnel"],
  stdin: ["sendStdin"],
  pty: ["openTerminal"],
  dial: ["dial"],
  ssh: ["createSshKey"],
  fetch: ["fetch"],
  usage: ["usage"],
  update: ["update"],
  notices: ["notices"]
}

/** The facts, without the features that a test wants to be missing. */
export const capabilities = (without: ReadonlySet<Feature>): Capabilities => ({
  features: new Set(features.filter((feature) => !without.has(feature))),
  limits: { memory: "unavailable", cpu: "unavailable", pids: "unavailable", disk: "unavailable" },
  networks: new Set(["none", "proxy", "user", "host"])
})

/** The backend of a world. */
export const implementation = (
  world: World,
  options: { readonly holds: boolean; readonly without: ReadonlySet<Feature> }
): Implementation => {
  const filters = !options.without.has("metadataFilter")
  const perPort = !options.without.has("perPortTunnel")
  const all: Required<Omit<Implementation, "waitForSnapshot">> = {
    name: world.settings.name,
    capabilities: capabilities(options.without),
    create: (params) => create(world, params),
    get: (id) => Effect.map(findBox(world, id), look),
    list: (query) =>
      Effect.suspend(() => {
        const boxes = Array.from(world.boxes.values()).filter(
          (box) => query.status === undefined || box.status === query.status
        )
        return Listing.page(world, "list", boxes, filters ? query : { ...query, metadata: undefined }, look)
      }),
    update: (id, change) =>
      Effect.map(findBox(world, id), (box) => {
        if (change.name !== undefined) box.name = change.name === "" ? undefined : change.name
        if (change.metadata !== undefined) box.metadata = { ...change.metadata }
        return infoNow(box)
      }),
    suspend: (id) => Lifecycle.suspend(world, id),
    resume: (id) => Lifecycle.resume(world, id),
    shutdown: (id, how) => Lifecycle.shutdown(world, id, how),
    keepAlive: (id) =>
      Effect.map(
        boxThatIs(world, id, "provisioning", "initializing", "running", "suspending", "suspended", "resuming"),
        (box) => {
          box.aliveFromMs = world.now()
          touch(world, box)
        }
      ),
    usage: (id) => Effect.map(findBox(world, id), (box) => usage(world, box)),
    logs: (id, filter = {}) =>
      Effect.map(findBox(world, id), (box) =>
        box.logs.filter(
          (entry) =>
            (filter.executionId === undefined || entry.cmdId === filter.executionId) &&
            (filter.shellName === undefined || entry.shellName === filter.shellName)
        )
      ),
    notices: Listing.notices(world),
    startSnapshot: (id, params) => Snapshots.start(world, id, params),
    getSnapshot: (id) => Snapshots.get(world, id),
    listSnapshots: (query) =>
      Effect.suspend(() => {
        const kept = Array.from(world.snapshots.values()).filter(
          (held) =>
            (held.status === "in_progress" || held.status === "complete") &&
            (query.devboxId === undefined || held.info.sourceDevboxId === query.devboxId)
        )
        const listed = kept.map((held) => ({ number: held.number, metadata: held.info.metadata, info: held.info }))
        return Listing.page(
          world,
          "listSnapshots",
          listed,
          filters ? query : { ...query, metadata: undefined },
          ({ info }) => info
        )
      }),
    updateSnapshot: (id, params) => Snapshots.update(world, id, params),
    deleteSnapshot: (id) => Snapshots.remove(world, id),
    startExecution: (id, params) => Executions.startExecution(world, id, params),
    getExecution: (id, executionId, how) => Executions.getExecution(world, id, executionId, how),
    output: (id, executionId, channel, cursor) => Executions.output(world, id, executionId, channel, cursor),
    sendStdin: (id, executionId, input) => Executions.sendStdin(world, id, executionId, input),
    kill: (id, executionId, how) => Executions.kill(world, id, executionId, how),
    openTerminal: (id, how) => openTerminal(world, id, how),
    download: (id, path) => FileAccess.download(world, id, path),
    upload: (id, path, contents) => FileAccess.upload(world, id, path, contents),
    enableTunnel: (id, how) =>
      how.port === undefined || perPort
        ? Network.enableTunnel(world, id, how)
        : Network.notOnePort(world, "enableTunnel"),
    removeTunnel: (id, how) =>
      how?.port === undefined || perPort
        ? Network.removeTunnel(world, id, how)
        : Network.notOnePort(world, "removeTunnel"),
    createSshKey: (id) => Network.createSshKey(world, id),
    dial: (id, port) => Network.dial(world, id, port),
    fetch: (id, port, request) => Network.fetch(world, id, port, request),
    waitForStatus: (id, statuses, hold) =>
      Effect.flatMap(findBox(world, id), (box) => {
        const seen = box.changed.until(() => {
          const now = look(box)
          return statuses.includes(now.status) ? now : undefined
        })
        return Effect.flatMap(Effect.timeoutOption(seen, hold), (held) =>
          held._tag === "Some" ? Effect.succeed(held.value) : Effect.sync(() => look(box))
        )
      }),
    waitForExecution: (id, executionId, hold, how) => Executions.waitForExecution(world, id, executionId, hold, how)
  }
  const left: Implementation = { ...all }
  const drop = (names: ReadonlyArray<keyof Implementation>) =>
    names.forEach((name) => Reflect.deleteProperty(left, name))
  for (const feature of options.without) drop(operations[feature] ?? [])
  if (!options.holds) drop(["waitForStatus", "waitForExecution"])
  return left
}

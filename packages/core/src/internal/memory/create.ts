/** The creation of a devbox: what was asked for is checked before anything exists. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { BackendError } from "../../DevboxError.ts"
import type { CreateParams } from "../../DevboxModel.ts"
import { TunnelOptions } from "../../Network.ts"
import { toBytes } from "./bytes.ts"
import { add, become, infoNow, isOver, remember } from "./devbox.ts"
import { absent, invalid } from "./errors.ts"
import * as Files from "./files.ts"
import { launch } from "./lifecycle.ts"
import { openTunnel } from "./network.ts"
import { disk } from "./snapshots.ts"
import type { World } from "./state.ts"
import { pass } from "./world.ts"

const isGiven = (record: Readonly<Record<string, unknown>> | undefined): boolean =>
  record !== undefined && Object.keys(record).length > 0

/** What devboxes in memory cannot be asked to be. */
const refusal = (world: World, params: CreateParams): BackendError | undefined => {
  const no = (feature: string, instead: string) => absent(world, "create", feature, instead)
  if (params.blueprintId !== undefined || params.blueprintName !== undefined) {
    return no("blueprint", "create from a snapshot, or upload what the test needs")
  }
  if (isGiven(params.secrets)) return no("secrets", "give the values as environment variables")
  if (isGiven(params.gateways)) return no("gateways", "script the commands that would use them")
  if (isGiven(params.mcp)) return no("mcp", "script the commands that would use it")
  const mount = params.mounts?.find((each) => each.type !== "file_mount")
  if (mount !== undefined) return no(mount.type, "mount files, or upload what the test needs")
  const keepAlive = params.launchParameters?.keepAliveTimeSeconds
  if (keepAlive !== undefined && (keepAlive < 1 || keepAlive > 172_800)) {
    return invalid(world, "create", `the keep-alive time is ${keepAlive} seconds; it must be from 1 second to 48 hours`)
  }
  return undefined
}

/** See `DevboxBackend`. */
export const create = (world: World, params: CreateParams) =>
  Effect.gen(function* () {
    const refused = refusal(world, params)
    if (refused !== undefined) return yield* refused
    const files = yield* disk(world, params.snapshotId)
    for (const mount of params.mounts ?? []) {
      if (mount.type !== "file_mount") continue
      const placed = Result.flatMap(Files.resolve(mount.target), (path) =>
        Files.write(files, path, toBytes(mount.content))
      )
      if (Result.isFailure(placed))
        return yield* invalid(world, "create", `cannot mount ${mount.target}: ${placed.failure.kind}`)
    }
    const box = add(world, params, files)
    remember(world, box)
    pass(world, "provisioning", () => {
      if (isOver(box)) return
      if (params.tunnel !== undefined) openTunnel(world, box, new TunnelOptions(params.tunnel))
      become(world, box, "initializing")
      launch(world, box)
    })
    return infoNow(box)
  })

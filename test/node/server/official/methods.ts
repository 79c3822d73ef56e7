/** The methods of the official client's object layer, read off its classes: what it gains is missing from the trials at once. */
import type { Runloop } from "@runloop/api-client"
import * as sdk from "@runloop/api-client/sdk"

/** Private to the client. */
const ignored = new Set([
  "constructor",
  "startStreamingWithCallbacks",
  "getLastNLines",
  "countNonEmptyLines",
  "getOutput"
])

const own = (of: object): ReadonlyArray<string> =>
  Object.getOwnPropertyNames(of).filter((name) => !ignored.has(name) && !name.startsWith("_"))

const statics = (of: object): ReadonlyArray<string> =>
  own(of).filter((name) => typeof (of as Record<string, unknown>)[name] === "function" && !/^[A-Z]/.test(name))

const classes: Readonly<Record<string, { readonly prototype: object }>> = {
  DevboxOps: sdk.DevboxOps,
  Devbox: sdk.Devbox,
  "Devbox.cmd": sdk.DevboxCmdOps,
  "Devbox.file": sdk.DevboxFileOps,
  "Devbox.net": sdk.DevboxNetOps,
  Execution: sdk.Execution,
  ExecutionResult: sdk.ExecutionResult,
  SnapshotOps: sdk.SnapshotOps,
  Snapshot: sdk.Snapshot,
  BlueprintOps: sdk.BlueprintOps,
  Blueprint: sdk.Blueprint,
  StorageObjectOps: sdk.StorageObjectOps,
  StorageObject: sdk.StorageObject,
  SecretOps: sdk.SecretOps,
  Secret: sdk.Secret,
  NetworkPolicyOps: sdk.NetworkPolicyOps,
  NetworkPolicy: sdk.NetworkPolicy
}

/** The names, as `Class.static`, `Class#method` and, for the layer below, `devboxes.method`. */
export const methodsOf = (api: Runloop): ReadonlyArray<string> => [
  // Its class is not exported.
  ...own(Object.getPrototypeOf(sdk.Devbox.fromId(api, "x").shell("y")) as object).map(
    (name) => `Devbox.shell()#${name}`
  ),
  ...Object.entries(classes).flatMap(([name, of]) => [
    ...statics(of).map((method) => `${name}.${method}`),
    ...own(of.prototype).map((method) => `${name}#${method}`)
  ]),
  ...Object.entries({
    devboxes: api.devboxes,
    "devboxes.diskSnapshots": api.devboxes.diskSnapshots,
    "devboxes.executions": api.devboxes.executions,
    "devboxes.logs": api.devboxes.logs
  }).flatMap(([name, resource]) => own(Object.getPrototypeOf(resource) as object).map((method) => `${name}.${method}`))
]

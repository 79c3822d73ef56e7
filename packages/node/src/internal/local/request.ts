/** What of a create request this backend can honour. The rest is refused by name, never ignored. */
import type { CreateParams, LaunchParameters } from "@effect-devbox/core/DevboxModel"
import { invalid, missing } from "./errors.ts"

const longest = 48 * 60 * 60

const architectures: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "arm64" }

const longestDeadline = 60_000

const checkTime = ({ afterIdle, lifecycle }: Partial<LaunchParameters>): void => {
  const inLifecycle = lifecycle?.afterIdle
  if (
    afterIdle !== undefined &&
    inLifecycle !== undefined &&
    (afterIdle.idleTimeSeconds !== inLifecycle.idleTimeSeconds || afterIdle.onIdle !== inLifecycle.onIdle)
  ) {
    throw invalid("create", "afterIdle and lifecycle.afterIdle say different things; give one of them")
  }
  const idle = (inLifecycle ?? afterIdle)?.idleTimeSeconds
  if (idle !== undefined && idle < 1) throw invalid("create", `an idle time of ${idle} s is not at least 1 second`)
  const deadline = lifecycle?.lifecycleHooks?.suspendDeadlineMs
  if (deadline !== undefined && (deadline < 0 || deadline > longestDeadline)) {
    throw invalid("create", `a deadline of ${deadline} ms for the suspend commands is not between 0 and 60 seconds`)
  }
}

/** Throws the typed error for the first thing that cannot be honoured. */
export const checkRequest = (params: CreateParams): void => {
  const launch: Partial<LaunchParameters> = params.launchParameters ?? {}
  const later: ReadonlyArray<readonly [unknown, string, string]> = [
    [params.blueprintId ?? params.blueprintName, "blueprint", "creating from a blueprint"],
    [params.secrets, "secrets", "stored secrets; give values with `env`"],
    [params.gateways, "gateways", "gateways"],
    [params.mcp, "mcp", "MCP gateways"],
    [params.mounts?.find((mount) => mount.type !== "file_mount"), "mounts", "mounts other than file mounts"],
    [launch.lifecycle?.resumeTriggers, "resumeTriggers", "anything that wakes a devbox by itself; resume it"],
    [launch.userParameters, "userParameters", "another user than `user`"],
    [launch.requiredServices, "requiredServices", "services of blueprints"]
  ]
  for (const [value, feature, what] of later) {
    if (value !== undefined) throw missing("create", feature, `the local backend does not have ${what}`)
  }
  const own = architectures[process.arch]
  if (launch.architecture !== undefined && launch.architecture !== own) {
    throw missing("create", "architecture", `this machine is ${own ?? process.arch}, not ${launch.architecture}`)
  }
  checkTime(launch)
  const keepAlive = launch.keepAliveTimeSeconds
  if (keepAlive !== undefined && (keepAlive < 1 || keepAlive > longest)) {
    throw invalid("create", `a keep-alive time of ${keepAlive} s is not between 1 second and 48 hours`)
  }
  for (const name of Object.keys(params.environmentVariables ?? {})) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      throw invalid("create", `${JSON.stringify(name)} is not the name of a variable`)
  }
}

/** What of a create request this backend can honour. The rest is refused by name, never ignored. */
import { ResourceNotFound } from "@effect-devbox/core/DevboxError"
import type { CreateParams, LaunchParameters, Mount, UserParameters } from "@effect-devbox/core/DevboxModel"
import { StorageObjectId } from "@effect-devbox/core/StorageObjects"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { findTool } from "../sandbox/tools.ts"
import type { HostReport } from "../sandbox/types.ts"
import { invalid, missing } from "./errors.ts"
import type { Sources } from "./sources.ts"

const longest = 48 * 60 * 60

const architectures: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "arm64" }

const longestDeadline = 60_000
/** `nobody` is whoever is not known in a box. */
const largestUid = 65_533
const known: ReadonlySet<string> = new Set(["file_mount", "code_mount", "object_mount"])

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

const checkUser = (user: UserParameters | undefined): void => {
  if (user === undefined) return
  if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(user.username)) {
    throw invalid("create", `${JSON.stringify(user.username)} is not the name of a user`)
  }
  if (user.uid < 0 || user.uid > largestUid) throw invalid("create", `${user.uid} is not the number of a user`)
}

/** Names of repositories and owners, and nothing that a path or an address could take for something else. */
const plainName = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/

const checkCode = (mount: Extract<Mount, { readonly type: "code_mount" }>): void => {
  for (const name of [mount.repoOwner, mount.repoName]) {
    if (!plainName.test(name) || name.startsWith("-")) {
      throw invalid("create", `${JSON.stringify(name)} is not the name of a repository or its owner`)
    }
  }
  if (mount.gitRef?.startsWith("-") === true || mount.gitRef?.includes("\0") === true) {
    throw invalid("create", `${JSON.stringify(mount.gitRef)} is not the name of a branch, tag or commit`)
  }
  const token = mount.token === undefined ? "" : Redacted.value(mount.token)
  if (/[\0\r\n]/.test(token)) throw invalid("create", "a token is one line")
}

/** Throws for mounts that this machine cannot provide, and for objects that do not exist. */
export const checkMounts = async (sources: Sources, report: HostReport, params: CreateParams): Promise<void> => {
  if (report.tier === "process" && params.launchParameters?.userParameters !== undefined) {
    throw missing("create", "userParameters", "devboxes of the process tier run as whoever runs this program")
  }
  for (const mount of params.mounts ?? []) {
    if (mount.type === "code_mount") {
      if (findTool("git") === undefined)
        throw missing("create", "mounts", "code mounts need git on this machine; install it")
      checkCode(mount)
    }
    if (mount.type === "object_mount") {
      if (sources.objects === undefined) {
        throw missing(
          "create",
          "mounts",
          "object mounts need StorageObjects; provide it to the layer of the local backend"
        )
      }
      if (!mount.objectPath.startsWith("/")) {
        throw invalid("create", `an object is put to an absolute path, and ${JSON.stringify(mount.objectPath)} is none`)
      }
      await Effect.runPromise(sources.objects.get(StorageObjectId.make(mount.objectId)))
    }
  }
}

/** The environment with the values of stored secrets. */
export const withSecrets = async (
  sources: Sources,
  env: Readonly<Record<string, string>> | undefined,
  secrets: Readonly<Record<string, string>> | undefined
): Promise<Readonly<Record<string, string>> | undefined> => {
  const entries = Object.entries(secrets ?? {})
  if (entries.length === 0 || sources.secrets === undefined) return env
  const values: Record<string, string> = {}
  for (const [variable, name] of entries) {
    const value = await Effect.runPromise(sources.secrets(name))
    if (value === undefined) throw new ResourceNotFound({ resource: "secret", id: name })
    values[variable] = Redacted.value(value)
  }
  return { ...env, ...values }
}

/** Throws the typed error for the first thing that cannot be honoured. */
export const checkRequest = (params: CreateParams, sources: Sources): void => {
  const launch: Partial<LaunchParameters> = params.launchParameters ?? {}
  const later: ReadonlyArray<readonly [unknown, string, string]> = [
    [params.blueprintId ?? params.blueprintName, "blueprint", "creating from a blueprint"],
    [params.gateways, "gateways", "gateways"],
    [params.mcp, "mcp", "MCP gateways"],
    [params.mounts?.find((mount) => !known.has(mount.type)), "mounts", "mounts of agents and brokers"],
    [launch.lifecycle?.resumeTriggers, "resumeTriggers", "anything that wakes a devbox by itself; resume it"],
    [launch.requiredServices, "requiredServices", "services of blueprints"]
  ]
  for (const [value, feature, what] of later) {
    if (value !== undefined) throw missing("create", feature, `the local backend does not have ${what}`)
  }
  const own = architectures[process.arch]
  if (launch.architecture !== undefined && launch.architecture !== own) {
    throw missing("create", "architecture", `this machine is ${own ?? process.arch}, not ${launch.architecture}`)
  }
  if (sources.secrets === undefined && Object.keys(params.secrets ?? {}).length > 0) {
    const detail =
      "this local backend was made without stored secrets; give it the option `secrets`, or give values with `env`"
    throw missing("create", "secrets", detail)
  }
  checkTime(launch)
  checkUser(launch.userParameters)
  const keepAlive = launch.keepAliveTimeSeconds
  if (keepAlive !== undefined && (keepAlive < 1 || keepAlive > longest)) {
    throw invalid("create", `a keep-alive time of ${keepAlive} s is not between 1 second and 48 hours`)
  }
  for (const name of [...Object.keys(params.environmentVariables ?? {}), ...Object.keys(params.secrets ?? {})]) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      throw invalid("create", `${JSON.stringify(name)} is not the name of a variable`)
  }
}

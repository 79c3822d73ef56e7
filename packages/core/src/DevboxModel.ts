/**
 * The data of a devbox: ids, status, what it was asked to be and what it is. Plain values that import nothing of ours but the
 * codec mechanism; their encoded side is the project's one JSON form (snake_case). The source of every field is PROTOCOL P4.
 */
import * as Schema from "effect/Schema"
import { nullish, openEnum, snakeCase } from "./internal/snakeCase.ts"
import { Tunnel, TunnelOptions } from "./Network.ts"

/** The id of a devbox, such as `dbx_01h…`. */
export const DevboxId = Schema.String.pipe(Schema.brand("effect-devbox/DevboxId"))
export type DevboxId = typeof DevboxId.Type

/** The id of a disk snapshot, such as `snp_01h…`. */
export const SnapshotId = Schema.String.pipe(Schema.brand("effect-devbox/SnapshotId"))
export type SnapshotId = typeof SnapshotId.Type

/** Where a devbox stands in its life. A word of a newer server decodes as `"unknown"`; `scheduled` is `queued`. */
export const DevboxStatus = openEnum(
  ["queued", "provisioning", "initializing", "running", "suspending", "suspended", "resuming", "failure", "shutdown"],
  { scheduled: "queued" }
)
export type DevboxStatus = typeof DevboxStatus.Type

/** What separates a devbox from the machine it runs on; `"remote"` when the machine is somebody else's. */
export const Isolation = openEnum(["isolated", "container", "process", "memory", "remote"])
export type Isolation = typeof Isolation.Type

/** Whether a resource limit is kept for the whole devbox, only for each process, or not at all. */
export const LimitSupport = openEnum(["enforced", "perProcess", "unavailable"])
export type LimitSupport = typeof LimitSupport.Type

/** How far each resource limit is kept where this devbox runs. */
export class Limits extends Schema.Class<Limits>("effect-devbox/Limits")({
  memory: LimitSupport,
  cpu: LimitSupport,
  pids: LimitSupport,
  disk: LimitSupport
}) {}

/** Who a devbox may talk to: nobody, allowed names through a proxy, anything through a user-mode stack, or as the host does. */
export const NetworkMode = Schema.Literals(["none", "proxy", "user", "host"])
export type NetworkMode = typeof NetworkMode.Type

/** When a devbox is idle, for how long that may last, and what happens then. */
export class AfterIdle extends Schema.Class<AfterIdle>("effect-devbox/AfterIdle")({
  idleTimeSeconds: Schema.Int,
  onIdle: Schema.Literals(["shutdown", "suspend"])
}) {}

/** Commands that run before a suspend, and the time they get in milliseconds (default 30 000, at most 60 000). */
export class LifecycleHooks extends Schema.Class<LifecycleHooks>("effect-devbox/LifecycleHooks")({
  suspendCommands: nullish(Schema.Array(Schema.String)),
  suspendDeadlineMs: nullish(Schema.Int)
}) {}

/** What wakes a suspended devbox. */
export class ResumeTriggers extends Schema.Class<ResumeTriggers>("effect-devbox/ResumeTriggers")({
  http: nullish(Schema.Boolean),
  axonEvent: nullish(Schema.Boolean)
}) {}

/** Idle policy, suspend hooks and wake-up triggers. */
export class Lifecycle extends Schema.Class<Lifecycle>("effect-devbox/Lifecycle")({
  afterIdle: nullish(snakeCase(AfterIdle)),
  lifecycleHooks: nullish(snakeCase(LifecycleHooks)),
  resumeTriggers: nullish(snakeCase(ResumeTriggers))
}) {}

/** The user that commands run as. */
export class UserParameters extends Schema.Class<UserParameters>("effect-devbox/UserParameters")({
  uid: Schema.Int,
  username: Schema.String
}) {}

/** Size, time limits, launch commands and placement of a devbox. Every key may be left out. */
export class LaunchParameters extends Schema.Class<LaunchParameters>("effect-devbox/LaunchParameters")({
  resourceSizeRequest: nullish(openEnum(["X_SMALL", "SMALL", "MEDIUM", "LARGE", "X_LARGE", "XX_LARGE", "CUSTOM_SIZE"])),
  /** 0.5, 1 or an even number up to 16; only with `CUSTOM_SIZE`. */
  customCpuCores: nullish(Schema.Finite),
  customGbMemory: nullish(Schema.Int),
  customDiskSize: nullish(Schema.Int),
  architecture: nullish(openEnum(["x86_64", "arm64"])),
  /** Default 3600, at most 172 800; ignored when an idle policy is set. */
  keepAliveTimeSeconds: nullish(Schema.Int),
  afterIdle: nullish(snakeCase(AfterIdle)),
  lifecycle: nullish(snakeCase(Lifecycle)),
  launchCommands: nullish(Schema.Array(Schema.String)),
  requiredServices: nullish(Schema.Array(Schema.String)),
  networkPolicyId: nullish(Schema.String),
  provisioningTier: nullish(openEnum(["standard", "flex"])),
  userParameters: nullish(snakeCase(UserParameters)),
  availablePorts: nullish(Schema.Array(Schema.Int))
}) {}

/** How large a devbox is: processor cores, GiB of memory, GiB of disk. */
export interface Size {
  readonly cores: number
  readonly memoryGb: number
  readonly diskGb: number
}

const size = (cores: number, memoryGb: number, diskGb: number): Size => ({ cores, memoryGb, diskGb })

/** PROTOCOL P4. */
const sizes: Readonly<Record<string, Size>> = {
  X_SMALL: size(0.5, 1, 4),
  SMALL: size(1, 2, 4),
  MEDIUM: size(2, 4, 8),
  LARGE: size(2, 8, 16),
  X_LARGE: size(4, 16, 16),
  XX_LARGE: size(8, 32, 16)
}

/** The size that was asked for; the usual one when none was. */
export const sizeOf = (asked: Partial<LaunchParameters> = {}): Size =>
  sizes[asked.resourceSizeRequest ?? "SMALL"] ??
  size(asked.customCpuCores ?? 1, asked.customGbMemory ?? 2, asked.customDiskSize ?? 4)

/** One step in the life of a devbox. */
export class StateTransition extends Schema.Class<StateTransition>("effect-devbox/StateTransition")({
  status: nullish(DevboxStatus),
  transitionTimeMs: nullish(Schema.Finite),
  failureReason: nullish(Schema.String)
}) {}

/** A gateway or MCP server that a devbox reaches with a token in place of the secret. */
export class GatewaySpec extends Schema.Class<GatewaySpec>("effect-devbox/GatewaySpec")({
  gatewayConfigId: Schema.String,
  secretId: Schema.String
}) {}

/** See {@link GatewaySpec}. */
export class McpSpec extends Schema.Class<McpSpec>("effect-devbox/McpSpec")({
  mcpConfigId: Schema.String,
  secretId: Schema.String
}) {}

/** Everything a backend says about a devbox. Fields below `limits` are ours and absent on Runloop's cloud. */
export class DevboxInfo extends Schema.Class<DevboxInfo>("effect-devbox/DevboxInfo")({
  id: DevboxId,
  status: DevboxStatus,
  createTimeMs: Schema.Int,
  endTimeMs: nullish(Schema.Int),
  launchParameters: snakeCase(LaunchParameters),
  metadata: Schema.Record(Schema.String, Schema.String),
  capabilities: Schema.Array(openEnum(["docker_in_docker"])),
  stateTransitions: Schema.Array(snakeCase(StateTransition)),
  name: nullish(Schema.String),
  blueprintId: nullish(Schema.String),
  snapshotId: nullish(SnapshotId),
  failureReason: nullish(openEnum(["out_of_memory", "out_of_disk", "execution_failed", "health_check_failed"])),
  shutdownReason: nullish(openEnum(["api_shutdown", "keep_alive_timeout", "entrypoint_exit", "idle", "ttl_expired"])),
  initiatorType: nullish(openEnum(["api", "scenario", "scoring_validation", "reflex"])),
  initiatorId: nullish(Schema.String),
  tunnel: nullish(snakeCase(Tunnel)),
  gatewaySpecs: nullish(Schema.Record(Schema.String, snakeCase(GatewaySpec))),
  mcpSpecs: nullish(Schema.Record(Schema.String, snakeCase(McpSpec))),
  isolation: nullish(Isolation),
  network: nullish(NetworkMode),
  limits: nullish(Limits)
}) {}

/** The JSON form of {@link DevboxInfo}. */
export const DevboxInfoJson = snakeCase(DevboxInfo)

const tokenField = nullish(Schema.RedactedFromValue(Schema.String))

/** A file, repository, storage object, agent or broker that is in place when the devbox runs. */
export const Mount = Schema.Union([
  snakeCase(Schema.Struct({ type: Schema.tag("object_mount"), objectId: Schema.String, objectPath: Schema.String })),
  snakeCase(Schema.Struct({ type: Schema.tag("file_mount"), target: Schema.String, content: Schema.String })),
  snakeCase(
    Schema.Struct({
      type: Schema.tag("code_mount"),
      repoName: Schema.String,
      repoOwner: Schema.String,
      token: tokenField,
      gitRef: nullish(Schema.String),
      installCommand: nullish(Schema.String)
    })
  ),
  snakeCase(
    Schema.Struct({
      type: Schema.tag("agent_mount"),
      agentId: Schema.NullOr(Schema.String),
      agentName: Schema.NullOr(Schema.String),
      agentPath: nullish(Schema.String),
      authToken: tokenField
    })
  ),
  snakeCase(
    Schema.Struct({
      type: Schema.tag("broker_mount"),
      axonId: Schema.String,
      protocol: nullish(Schema.Literals(["acp", "claude_json", "codex_json", "pi_json"])),
      agentBinary: nullish(Schema.String),
      launchArgs: nullish(Schema.Array(Schema.String)),
      workingDirectory: nullish(Schema.String)
    })
  )
])
export type Mount = typeof Mount.Type

/** A repository that is in place from the start: in a blueprint's image, or in a devbox by the older form of its mounts. */
export const CodeMount = snakeCase(
  Schema.Struct({
    repoName: Schema.String,
    repoOwner: Schema.String,
    token: tokenField,
    gitRef: nullish(Schema.String),
    installCommand: nullish(Schema.String)
  })
)

/** A gateway with the secret it uses, each by id or name. */
export class GatewayRequest extends Schema.Class<GatewayRequest>("effect-devbox/GatewayRequest")({
  gateway: Schema.String,
  secret: Schema.String
}) {}

/** An MCP configuration with the secret it uses, each by id or name. */
export class McpRequest extends Schema.Class<McpRequest>("effect-devbox/McpRequest")({
  mcpConfig: Schema.String,
  secret: Schema.String
}) {}

/** What a devbox is asked to be: the request of `create`. Fields below `network` are ours and never sent to Runloop's cloud. */
export class CreateParams extends Schema.Class<CreateParams>("effect-devbox/CreateParams")({
  name: nullish(Schema.String),
  metadata: nullish(Schema.Record(Schema.String, Schema.String)),
  blueprintId: nullish(Schema.String),
  blueprintName: nullish(Schema.String),
  snapshotId: nullish(SnapshotId),
  environmentVariables: nullish(Schema.Record(Schema.String, Schema.String)),
  /** Environment variable → NAME of a stored secret. */
  secrets: nullish(Schema.Record(Schema.String, Schema.String)),
  entrypoint: nullish(Schema.String),
  launchParameters: nullish(snakeCase(LaunchParameters)),
  mounts: nullish(Schema.Array(Mount)),
  tunnel: nullish(snakeCase(TunnelOptions)),
  gateways: nullish(Schema.Record(Schema.String, GatewayRequest)),
  mcp: nullish(Schema.Record(Schema.String, snakeCase(McpRequest))),
  network: nullish(NetworkMode),
  minimumIsolation: nullish(Schema.Literals(["isolated", "container", "process"])),
  /** Kept when the creating process ends. */
  detached: nullish(Schema.Boolean)
}) {}

/** The JSON form of {@link CreateParams}. */
export const CreateParamsJson = snakeCase(CreateParams)

/** What a devbox used so far: whole seconds, and size times seconds. */
export class Usage extends Schema.Class<Usage>("effect-devbox/Usage")({
  id: DevboxId,
  status: DevboxStatus,
  startTimeMs: Schema.Int,
  endTimeMs: nullish(Schema.Int),
  totalElapsedSeconds: Schema.Int,
  totalActiveSeconds: Schema.Int,
  vcpuSeconds: Schema.Int,
  memoryGbSeconds: Schema.Int,
  diskGbSeconds: Schema.Int
}) {}

/** The JSON form of {@link Usage}. */
export const UsageJson = snakeCase(Usage)

/** One line of a devbox's log. */
export class LogEntry extends Schema.Class<LogEntry>("effect-devbox/LogEntry")({
  level: Schema.String,
  source: openEnum(["setup_commands", "entrypoint", "exec", "files", "stats", "kmsg"]),
  timestampMs: Schema.Int,
  message: nullish(Schema.String),
  cmd: nullish(Schema.String),
  cmdId: nullish(Schema.String),
  exitCode: nullish(Schema.Int),
  shellName: nullish(Schema.String)
}) {}

/** The JSON form of {@link LogEntry}. */
export const LogEntryJson = snakeCase(LogEntry)

/** Notice that a devbox will be suspended or shut down at a time in milliseconds since 1970; advisory. */
export class Notice extends Schema.Class<Notice>("effect-devbox/Notice")({
  devboxId: DevboxId,
  evictionDeadlineMs: Schema.Int
}) {}

/** The JSON form of {@link Notice}. */
export const NoticeJson = snakeCase(Notice)

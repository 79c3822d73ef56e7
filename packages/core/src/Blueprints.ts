/**
 * Blueprints: images that devboxes start from. `Blueprints` is the service you use, derived once from any `BlueprintStore`, the
 * service you implement; the two stand beside `DevboxService` and `DevboxBackend` and follow the same rules.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Page } from "./DevboxBackend.ts"
import { BackendError, type LookupError, UnexpectedResponseError, type WaitTimeout } from "./DevboxError.ts"
import type { AwaitOptions } from "./DevboxHandle.ts"
import { CodeMount, LaunchParameters } from "./DevboxModel.ts"
import { type Cursor, listing } from "./internal/listing.ts"
import { idempotent, keyed, once } from "./internal/retry.ts"
import { settle } from "./internal/settle.ts"
import { nullish, openEnum, snakeCase } from "./internal/snakeCase.ts"

/** The id of a blueprint, such as `bpt_01h…`. */
export const BlueprintId = Schema.String.pipe(Schema.brand("effect-devbox/BlueprintId"))
export type BlueprintId = typeof BlueprintId.Type

const secret = Schema.RedactedFromValue(Schema.String)
const text = nullish(Schema.String)
const map = nullish(Schema.Record(Schema.String, Schema.String))

/** A service in a container beside the devbox. */
export const ContainerService = snakeCase(
  Schema.Struct({
    name: Schema.String,
    image: Schema.String,
    credentials: nullish(Schema.Struct({ username: Schema.String, password: secret })),
    env: map,
    options: text,
    portMappings: nullish(Schema.Array(Schema.String))
  })
)

/** What to build. Only the name is required. */
export class BlueprintParams extends Schema.Class<BlueprintParams>("effect-devbox/BlueprintParams")({
  name: Schema.String,
  dockerfile: text,
  systemSetupCommands: nullish(Schema.Array(Schema.String)),
  /** At most one of the two bases. */
  baseBlueprintId: text,
  baseBlueprintName: text,
  buildArgs: map,
  buildContext: nullish(snakeCase(Schema.Struct({ type: Schema.Literal("object"), objectId: Schema.String }))),
  codeMounts: nullish(Schema.Array(CodeMount)),
  fileMounts: map,
  launchParameters: nullish(snakeCase(LaunchParameters)),
  metadata: map,
  /** Holds while the image is built, only then. */
  networkPolicyId: text,
  secrets: map,
  services: nullish(Schema.Array(ContainerService))
}) {}

/** The JSON form of {@link BlueprintParams}. */
export const BlueprintParamsJson = snakeCase(BlueprintParams)

/** What a blueprint is and how far its build is. */
export class BlueprintInfo extends Schema.Class<BlueprintInfo>("effect-devbox/BlueprintInfo")({
  id: BlueprintId,
  name: Schema.String,
  createTimeMs: Schema.Int,
  parameters: BlueprintParamsJson,
  state: openEnum(["created", "deleted"]),
  status: openEnum(["queued", "provisioning", "building", "awaiting_upload", "failed", "build_complete"], {
    building_complete: "build_complete"
  }),
  baseBlueprintId: text,
  buildFinishTimeMs: nullish(Schema.Int),
  devboxCapabilities: nullish(Schema.Array(openEnum(["docker_in_docker"]))),
  failureReason: nullish(openEnum(["out_of_memory", "out_of_disk", "build_failed"])),
  isPublic: nullish(Schema.Boolean),
  metadata: map
}) {}

/** The JSON form of {@link BlueprintInfo}. */
export const BlueprintInfoJson = snakeCase(BlueprintInfo)

/** One line of a build's log. */
export class BlueprintLogEntry extends Schema.Class<BlueprintLogEntry>("effect-devbox/BlueprintLogEntry")({
  level: Schema.String,
  message: Schema.String,
  timestampMs: Schema.Int
}) {}

/** The JSON form of {@link BlueprintLogEntry}. */
export const BlueprintLogEntryJson = snakeCase(BlueprintLogEntry)

/** A build ended without an image; its logs say why. */
export class BlueprintFailed extends Schema.TaggedError<BlueprintFailed>()("BlueprintFailed", {
  blueprintId: Schema.String,
  status: Schema.String,
  failureReason: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    const reason = this.failureReason === undefined ? "" : ` (${this.failureReason})`
    return `Blueprint ${this.blueprintId} was not built: it is ${this.status}${reason}. Look at its logs.`
  }
}

/** Which blueprints to list: your own, or with `isPublic` everybody's. */
export interface BlueprintFilter {
  readonly name?: string | undefined
  readonly status?: BlueprintInfo["status"] | undefined
  readonly isPublic?: boolean | undefined
}

/** The service you implement: each operation is one request. */
export class BlueprintStore extends Context.Service<
  BlueprintStore,
  {
    readonly name: string
    readonly create: (params: BlueprintParams) => Effect.Effect<BlueprintInfo, BackendError>
    readonly get: (id: BlueprintId) => Effect.Effect<BlueprintInfo, LookupError>
    readonly list: (query: BlueprintFilter & Cursor) => Effect.Effect<Page<BlueprintInfo>, BackendError>
    /** Refused while snapshots depend on it. */
    readonly delete: (id: BlueprintId) => Effect.Effect<void, LookupError>
    readonly logs: (id: BlueprintId) => Effect.Effect<ReadonlyArray<BlueprintLogEntry>, LookupError>
    /** The Dockerfile that would be built. */
    readonly preview: (params: BlueprintParams) => Effect.Effect<string, BackendError>
  }
>()("effect-devbox/BlueprintStore") {}

const make = (store: typeof BlueprintStore.Service) => {
  const span = (name: string, id?: BlueprintId) =>
    Effect.withSpan(`Blueprints.${name}`, {
      attributes: { backend: store.name, ...(id === undefined ? {} : { "blueprint.id": id }) }
    })

  const awaitBuild = (
    id: BlueprintId,
    options?: AwaitOptions
  ): Effect.Effect<BlueprintInfo, LookupError | WaitTimeout | BlueprintFailed> =>
    settle(
      {
        operation: "awaitBuild",
        id,
        look: store.get(id),
        judge: (info): Effect.Effect<BlueprintInfo, BlueprintFailed | BackendError> | undefined => {
          switch (info.status) {
            case "build_complete":
              return Effect.succeed(info)
            case "failed":
            case "awaiting_upload": {
              const { failureReason, status } = info
              return Effect.fail(
                new BlueprintFailed({
                  blueprintId: id,
                  status,
                  ...(failureReason === undefined ? {} : { failureReason })
                })
              )
            }
            case "unknown":
              return Effect.fail(
                new BackendError({
                  backend: store.name,
                  operation: "awaitBuild",
                  outcome: "rejected",
                  reason: new UnexpectedResponseError({ detail: `blueprint ${id} has a status that is not known here` })
                })
              )
            default:
              return undefined
          }
        },
        status: (info) => info.status,
        deadline: "default"
      },
      options
    ).pipe(span("awaitBuild", id))

  return {
    /** Asks for a build; wait with `awaitBuild`. */
    create: (params: BlueprintParams) => once(store.create(new BlueprintParams(params))).pipe(span("create")),
    /** Asks for a build and waits for it. */
    build: (params: BlueprintParams, options?: AwaitOptions) =>
      Effect.flatMap(once(store.create(new BlueprintParams(params))), ({ id }) => awaitBuild(id, options)).pipe(
        span("build")
      ),
    /** Waits until a build is over; default every second, for two minutes. */
    awaitBuild,
    get: (id: BlueprintId) => idempotent(store.get(id)).pipe(span("get", id)),
    /** Every blueprint that fits, a page at a time. */
    list: (filter: BlueprintFilter = {}): Stream.Stream<BlueprintInfo, BackendError> =>
      listing(store.name, (cursor) => store.list({ ...filter, ...cursor })),
    delete: (id: BlueprintId) => keyed(store.delete(id)).pipe(span("delete", id)),
    logs: (id: BlueprintId) => idempotent(store.logs(id)).pipe(span("logs", id)),
    preview: (params: BlueprintParams) => idempotent(store.preview(new BlueprintParams(params))).pipe(span("preview"))
  }
}

/** The service you use. Provide `layer` with a store. */
export class Blueprints extends Context.Service<Blueprints, ReturnType<typeof make>>()("effect-devbox/Blueprints") {
  /** The service over whatever store is provided. */
  static readonly layer: Layer.Layer<Blueprints, never, BlueprintStore> = Layer.effect(
    Blueprints,
    Effect.map(BlueprintStore, make)
  )
}

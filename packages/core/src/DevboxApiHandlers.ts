/**
 * The server side of `DevboxApi`: routes over any `DevboxBackend`, for any Effect HTTP server. It waits only as long as the wire
 * promises, checks keys with {@link ApiKeys} and repeats with {@link IdempotencyStore}; sockets, limits and storage are the
 * server's that mounts it.
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import type * as Etag from "effect/http/Etag"
import type * as HttpPlatform from "effect/http/HttpPlatform"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import type { ApiKeys } from "./ApiKeys.ts"
import { DevboxApi } from "./DevboxApi.ts"
import { type DevboxBackend, unsupported } from "./DevboxBackend.ts"
import type { IdempotencyStore } from "./IdempotencyStore.ts"
import { blueprintsHandlers } from "./internal/handlers/blueprints.ts"
import { devboxesHandlers } from "./internal/handlers/devboxes.ts"
import { authorization, door } from "./internal/handlers/door.ts"
import { executionsHandlers } from "./internal/handlers/executions.ts"
import { extensionsHandlers } from "./internal/handlers/extensions.ts"
import { filesHandlers } from "./internal/handlers/files.ts"
import { networkHandlers } from "./internal/handlers/network.ts"
import { networkPoliciesHandlers } from "./internal/handlers/networkPolicies.ts"
import { objectsHandlers } from "./internal/handlers/objects.ts"
import { toResponse } from "./internal/handlers/respond.ts"
import { secretsHandlers } from "./internal/handlers/secrets.ts"
import { snapshotsHandlers } from "./internal/handlers/snapshots.ts"
import { encode } from "./internal/wireError.ts"

/** What official clients know and no server of ours has, by how its path begins or ends. */
const reserved: ReadonlyArray<readonly [path: RegExp, what: string]> = [
  [/^\/v1\/devboxes\/[^/]+\/create_gateway_token$/, "gateways"],
  [/^\/v1\/devboxes\/[^/]+\/create_mcp_token$/, "MCP gateways"],
  [
    /^\/v1\/(gateway-configs|mcp-configs|agents|axons|scenarios|benchmarks|benchmark_jobs|benchmark_runs)(\/|$)/,
    "this part of the interface"
  ],
  [/^\/v1\/(accounts|apikeys|restricted_keys)(\/|$)/, "accounts and their keys"]
]

/** Whatever no endpoint answers. A path that somebody's client knows is refused with the type of what is missing. */
const nowhere = HttpRouter.add(
  "*",
  "/*",
  Effect.map(HttpServerRequest.HttpServerRequest, ({ url }) => {
    const [path = ""] = url.split("?")
    const what = reserved.find(([known]) => known.test(path))?.[1]
    return toResponse(
      what === undefined
        ? {
            status: 404,
            headers: { "x-should-retry": "false" },
            body: { message: "there is no such path; see /openapi.json for those that exist", code: "no_such_path" }
          }
        : encode(unsupported("server", path, what, `this server does not offer ${what}`))
    )
  })
)

/**
 * Every route, with the OpenAPI document at `/openapi.json`.
 *
 * **Details**
 *
 * Blueprints, storage objects, secrets and network policies are answered from a `BlueprintStore`, `ObjectStore`, `SecretStore`
 * or `NetworkPolicyStore` where one is provided, and with a typed 501 where none is.
 */
export const layer: Layer.Layer<
  never,
  never,
  | ApiKeys
  | DevboxBackend
  | IdempotencyStore
  | Etag.Generator
  | FileSystem.FileSystem
  | HttpPlatform.HttpPlatform
  | HttpRouter.HttpRouter
  | Path.Path
> = Layer.mergeAll(
  HttpApiBuilder.layer(DevboxApi, { openapiPath: "/openapi.json" }).pipe(
    Layer.provide([
      devboxesHandlers,
      executionsHandlers,
      extensionsHandlers,
      filesHandlers,
      networkHandlers,
      snapshotsHandlers
    ]),
    Layer.provide([blueprintsHandlers, networkPoliciesHandlers, objectsHandlers, secretsHandlers]),
    // After the handlers, which need it, too.
    Layer.provide([door, authorization])
  ),
  nowhere
)

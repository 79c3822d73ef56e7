/**
 * What the endpoints are described with. The descriptions are functions of it, so that one text makes both Effect's own endpoints
 * (`groups.ts`: server, OpenAPI document, `DevboxApi`) and the few facts that a client needs (`runloop/client.ts`), and a client does
 * not carry the server's half of the library.
 */
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import type * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import type * as Failures from "./failures.ts"

/** See above. */
export interface Describe {
  readonly get: typeof HttpApiEndpoint.get
  readonly post: typeof HttpApiEndpoint.post
  readonly StreamSse: typeof HttpApiSchema.StreamSse
  readonly StreamUint8Array: typeof HttpApiSchema.StreamUint8Array
  readonly asMultipartStream: typeof HttpApiSchema.asMultipartStream
  /** The refusals that every endpoint declares. */
  readonly failures: typeof Failures.failures
}

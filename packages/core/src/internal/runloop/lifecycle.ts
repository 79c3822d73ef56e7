/** The life of a devbox over the wire. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Implementation, unsupported } from "../../DevboxBackend.ts"
import { type BackendError, type LookupError, UnavailableError } from "../../DevboxError.ts"
import { type CreateParams, type DevboxId, DevboxInfo } from "../../DevboxModel.ts"
import { CreateRequest, devboxes } from "../api/devboxes.ts"
import { NoticeEvents } from "../api/events.ts"
import { defined } from "../defined.ts"
import type { Facts } from "./facts.ts"
import { expectEvents } from "./output.ts"
import { decoder, parse, watched } from "./sse.ts"
import { type Ask, statusOf, type Transport } from "./transport.ts"
import { withAddress } from "./tunnelAddress.ts"

const devbox = (id: DevboxId) => ({ resource: "devbox", id }) as const

/** Looking a devbox up. */
export const looking = (operation: string, id: DevboxId) =>
  ({ operation, about: devbox(id), fails: ["ResourceNotFound"], reads: true }) satisfies Ask<"ResourceNotFound">

/** Asking a devbox to do something. */
export const asking = (operation: string, id: DevboxId) =>
  ({ operation, about: devbox(id), fails: ["ResourceNotFound", "DevboxNotReady"] }) satisfies Ask<
    "ResourceNotFound" | "DevboxNotReady"
  >

const watching = { operation: "notices", reads: true } satisfies Ask<never>

const decodeNotice = decoder(NoticeEvents)

/** `metadata[key]` for each key, where the other side filters. */
export const metadataQuery = (
  facts: Facts,
  metadata: Readonly<Record<string, string>> | undefined
): Record<`metadata[${string}`, string> =>
  facts.capabilities.features.has("metadataFilter") && metadata !== undefined
    ? Object.fromEntries(Object.entries(metadata).map(([key, value]) => [`metadata[${key}]`, value]))
    : {}

/** A page that does not say whether there is more may have more, unless it is not full. */
export const page = <A>(items: ReadonlyArray<A>, hasMore: boolean | undefined, limit: number | undefined) => ({
  items,
  hasMore: hasMore ?? (items.length > 0 && items.length >= (limit ?? 1))
})

/** The request as the other side may see it. */
const forPeer = (facts: Facts, backend: string, params: CreateParams): Effect.Effect<CreateRequest, BackendError> => {
  if (facts.ours) return Effect.succeed(new CreateRequest(params))
  if (params.network !== undefined) {
    const detail = `Runloop has no network mode "${params.network}"; give launchParameters.networkPolicyId instead`
    return Effect.fail(unsupported(backend, "create", "network", detail))
  }
  // Every devbox there is isolated and outlives its creator.
  const { detached: _, minimumIsolation: __, ...rest } = params
  return Effect.succeed(new CreateRequest(rest))
}

/** See `DevboxBackend`. */
export const lifecycle = (transport: Transport, facts: Facts) => {
  const { call, opaque, peer } = transport
  const api = transport.client(devboxes)
  const seen = (info: DevboxInfo): DevboxInfo =>
    info.tunnel === undefined ? info : new DevboxInfo({ ...info, tunnel: withAddress(peer.baseUrl, info.tunnel) })

  const get = (id: DevboxId): Effect.Effect<DevboxInfo, LookupError> =>
    Effect.map(call(looking("get", id), api.retrieve({ params: { id } })), seen)

  return {
    create: (params) =>
      Effect.flatMap(forPeer(facts, peer.name, params), (payload) =>
        call(
          {
            operation: "create",
            fails: ["ResourceNotFound"],
            about: params.snapshotId === undefined ? undefined : { resource: "snapshot", id: params.snapshotId }
          },
          api.create({ payload })
        )
      ).pipe(Effect.map(seen)),
    get,
    list: ({ limit, metadata, startingAfter, status }) =>
      call(
        { operation: "list", reads: true },
        api.list({
          query: {
            ...defined({ limit, starting_after: startingAfter, status }),
            // Counting is work for the server and nobody asks.
            include_total_count: false,
            ...metadataQuery(facts, metadata)
          }
        })
      ).pipe(Effect.map((answer) => page(answer.devboxes.map(seen), answer.has_more, limit))),
    update: (id, change) =>
      call(
        { operation: "update", about: devbox(id), fails: ["ResourceNotFound"] },
        api.update({ params: { id }, payload: defined(change) })
      ).pipe(Effect.map(seen)),
    suspend: (id) => Effect.map(call(asking("suspend", id), api.suspend({ params: { id } })), seen),
    resume: (id) => Effect.map(call(asking("resume", id), api.resume({ params: { id } })), seen),
    shutdown: (id, options) =>
      call(
        { operation: "shutdown", about: devbox(id), fails: ["ResourceNotFound", "Conflict"], conflict: id },
        api.shutdown({ params: { id }, query: options?.force === true ? { force: true } : {} })
      ).pipe(Effect.map(seen)),
    keepAlive: (id) =>
      opaque(asking("keepAlive", id), api.keepAlive({ params: { id }, responseMode: "response-only" })),
    usage: (id) => call(looking("usage", id), api.usage({ params: { id } })),
    logs: (id, filter) =>
      call(
        looking("logs", id),
        api.logs({
          params: { id },
          query: defined({ execution_id: filter?.executionId, shell_name: filter?.shellName })
        })
      ).pipe(Effect.map((answer) => answer.logs)),
    notices: Stream.unwrap(
      Effect.suspend(() =>
        Effect.map(
          call(
            watching,
            Effect.flatMap(
              // The generated official methods ask for JSON and get an empty answer (PROTOCOL P10).
              api.watchEvictions({ headers: { accept: "text/event-stream" }, responseMode: "response-only" }),
              expectEvents
            )
          ),
          // Evictions are rare: a silent watch is made again without a word, as one that the server ends.
          (response) => parse(watched(response.stream, () => Stream.empty))
        )
      )
    ).pipe(
      Stream.mapEffect(decodeNotice),
      Stream.mapEffect((said) => {
        if (said._tag === "Data") return Effect.succeed(said.data)
        const detail = said.failure.message ?? "the server ended the watch"
        return Effect.fail(transport.reject(watching.operation, new UnavailableError({ detail })))
      }),
      Stream.catch((error) => Stream.fromEffect(transport.judged(watching, error)))
    ),
    waitForStatus: (id, statuses, hold) =>
      call(
        { ...looking("waitForStatus", id), hold },
        api.waitForStatus({ params: { id }, payload: { statuses, timeoutSeconds: Duration.toSeconds(hold) } }).pipe(
          Effect.map(seen),
          // The hold ended: what is now is the answer.
          Effect.catchIf(
            (error) => statusOf(error) === 408,
            () => get(id)
          )
        )
      )
  } satisfies Partial<Implementation>
}

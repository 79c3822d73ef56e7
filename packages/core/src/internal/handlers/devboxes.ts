/** The endpoints of a devbox's life, over any backend. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { DevboxApi } from "../../DevboxApi.ts"
import { DevboxBackend, unsupported } from "../../DevboxBackend.ts"
import { CreateParams, DevboxId, type DevboxInfo, DevboxStatus, type Mount } from "../../DevboxModel.ts"
import { ExecutionId } from "../../Execution.ts"
import type { CreateRequest } from "../api/devboxes.ts"
import { NoticeEvents } from "../api/events.ts"
import { defined } from "../defined.ts"
import { holdExpired } from "../wireError.ts"
import { eventStream, renderer } from "./events.ts"
import { clamp, hold, longest } from "./hold.ts"
import { listed, metadataFilter } from "./lists.ts"
import { answered, nothing, toResponse } from "./respond.ts"

const renderNotice = renderer(NoticeEvents)

/** The clients that use it allow half a minute for the whole answer. */
const createHold = clamp(25, 25)

/** The model's request, with the older forms of mounts among the mounts. */
const toParams = (request: CreateRequest | null): CreateParams => {
  if (request === null) return new CreateParams({})
  const { codeMounts, fileMounts, mounts, ...rest } = request
  const all: ReadonlyArray<Mount> = [
    ...(mounts ?? []),
    ...(codeMounts ?? []).map((mount) => ({ type: "code_mount" as const, ...mount })),
    ...Object.entries(fileMounts ?? {}).map(([target, content]) => ({ type: "file_mount" as const, target, content }))
  ]
  return new CreateParams({ ...rest, ...(all.length === 0 ? {} : { mounts: all }) })
}

const isStarted = (info: DevboxInfo) => ["running", "failure", "shutdown"].includes(info.status)
const isStatus = (word: string): word is DevboxStatus =>
  (DevboxStatus.to.literals as ReadonlyArray<string>).includes(word)

/** See above. */
export const devboxesHandlers = HttpApiBuilder.group(
  DevboxApi,
  "devboxes",
  Effect.fn(function* (handlers) {
    const backend = yield* DevboxBackend
    const { waitForStatus } = backend
    const filters = backend.capabilities.features.has("metadataFilter")
    return handlers.handleAll({
      create: ({ payload }) => answered(backend.create(toParams(payload))),
      createAndAwaitRunning: ({ payload }) =>
        answered(
          Effect.flatMap(backend.create(toParams(payload)), (info) =>
            hold({
              look: backend.get(info.id),
              settled: isStarted,
              wait:
                waitForStatus === undefined
                  ? undefined
                  : (time) => waitForStatus(info.id, ["running", "failure", "shutdown"], time),
              time: createHold
            })
          )
        ),
      list: ({ query }) => {
        const { limit, starting_after, status } = query
        const asked = status === "scheduled" ? "queued" : status
        // A status that nothing can have is an empty list, not a mistake.
        if (asked !== undefined && !isStatus(asked)) return Effect.succeed({ devboxes: [], has_more: false })
        return answered(
          Effect.map(
            listed(defined({ limit, starting_after }), metadataFilter(query), filters, (page) =>
              backend.list({ ...page, status: asked })
            ),
            ({ hasMore, items }) => ({ devboxes: items, has_more: hasMore })
          )
        )
      },
      watchEvictions: () =>
        backend.capabilities.features.has("notices")
          ? Effect.succeed(eventStream(backend.notices, renderNotice))
          : answered(Effect.fail(unsupported(backend.name, "notices", "notices"))),
      retrieve: ({ params }) => answered(backend.get(DevboxId.make(params.id))),
      update: ({ params, payload }) => answered(backend.update(DevboxId.make(params.id), payload ?? {})),
      waitForStatus: ({ params, payload }) => {
        const id = DevboxId.make(params.id)
        const settled = (info: DevboxInfo) => payload.statuses.includes(info.status)
        const seen = hold({
          look: backend.get(id),
          settled,
          wait: waitForStatus === undefined ? undefined : (time) => waitForStatus(id, payload.statuses, time),
          time: clamp(payload.timeoutSeconds, longest.devbox)
        })
        // Official clients take any 200 for the end of the wait, so a status that was not asked for must not get one.
        return answered(
          Effect.map(seen, (info) => (settled(info) ? info : toResponse(holdExpired(`devbox ${id} is ${info.status}`))))
        )
      },
      shutdown: ({ params, query }) =>
        answered(backend.shutdown(DevboxId.make(params.id), { force: query.force === true })),
      suspend: ({ params }) => answered(backend.suspend(DevboxId.make(params.id))),
      resume: ({ params }) => answered(backend.resume(DevboxId.make(params.id))),
      keepAlive: ({ params }) => answered(Effect.as(backend.keepAlive(DevboxId.make(params.id)), nothing)),
      usage: ({ params }) => answered(backend.usage(DevboxId.make(params.id))),
      logs: ({ params, query }) =>
        answered(
          Effect.map(
            backend.logs(DevboxId.make(params.id), {
              executionId: query.execution_id === undefined ? undefined : ExecutionId.make(query.execution_id),
              shellName: query.shell_name
            }),
            (logs) => ({ logs })
          )
        )
    })
  })
)

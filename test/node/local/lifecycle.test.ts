/** The life of a devbox on the local backend: lists, changes, launch parameters, refusals, and what stands in its log. */
import { assert, describe, it } from "@effect/vitest"
import { Devbox, DevboxBackend } from "@effect-devbox/core"
import type { BackendError, ReadyError, ShutdownError } from "@effect-devbox/core/DevboxError"
import { CreateParams, type DevboxInfo, LaunchParameters } from "@effect-devbox/core/DevboxModel"
import { Duration, Effect } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { inLocal } from "./fixtures.ts"

const settled = (id: DevboxInfo["id"]) =>
  DevboxBackend.DevboxBackend.use((backend) =>
    backend.waitForStatus!(id, ["running", "failure", "shutdown"], Duration.seconds(20))
  )

const reasonOf = (error: { readonly _tag: string }) =>
  error._tag === "BackendError" ? (error as BackendError).reason : undefined

describe("devboxes on the local backend", () => {
  it.live("are listed newest first in pages, by status and by metadata", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const backend = yield* DevboxBackend.DevboxBackend
        const ids: Array<string> = []
        for (let n = 0; n < 5; n++) {
          ids.unshift(
            (yield* backend.create(new CreateParams({ name: `n${n}`, metadata: { even: String(n % 2 === 0) } }))).id
          )
        }
        const list = (query: Parameters<typeof backend.list>[0]) =>
          Effect.map(backend.list(query), ({ hasMore, items }) => ({
            ids: items.map(({ id }) => id as string),
            hasMore
          }))
        const first = yield* list({ limit: 2 })
        assert.deepStrictEqual(first, { ids: ids.slice(0, 2), hasMore: true })
        const rest = yield* list({ limit: 3, startingAfter: first.ids[1] })
        assert.deepStrictEqual(rest, { ids: ids.slice(2), hasMore: false })
        yield* backend.shutdown((yield* backend.list({ limit: 1 })).items[0]!.id)
        assert.deepStrictEqual((yield* list({ status: "running" })).ids, ids.slice(1))
        assert.deepStrictEqual((yield* list({ status: "shutdown" })).ids, ids.slice(0, 1))
        assert.deepStrictEqual((yield* list({ metadata: { even: "false" } })).ids, [ids[1], ids[3]])
        const refused = yield* Effect.flip(backend.list({ limit: 0 }))
        assert.strictEqual(reasonOf(refused)?._tag, "InvalidRequestError")
      })
    )
  )

  it.live("change name and metadata, and tell how long they ran", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const backend = yield* DevboxBackend.DevboxBackend
        const { id } = yield* backend.create(new CreateParams({ name: "before", metadata: { a: "1" } }))
        const changed = yield* backend.update(id, { metadata: { b: "2" } })
        assert.deepStrictEqual([changed.name, changed.metadata], ["before", { b: "2" }])
        assert.isUndefined((yield* backend.update(id, { name: "" })).name)
        const over = yield* backend.shutdown(id)
        assert.deepStrictEqual(
          [over.status, over.shutdownReason, over.stateTransitions.map(({ status }) => status)],
          ["shutdown", "api_shutdown", ["provisioning", "running", "shutdown"]]
        )
        assert.deepStrictEqual(yield* backend.shutdown(id), over)
        const usage = yield* backend.usage(id)
        assert.deepStrictEqual([usage.status, usage.endTimeMs], ["shutdown", over.endTimeMs])
        assert.isAtMost(usage.totalActiveSeconds, usage.totalElapsedSeconds)
      })
    )
  )

  it.live("run when their files are there and their launch commands are done", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const backend = yield* DevboxBackend.DevboxBackend
        const content = "line\n".repeat(60_000)
        const created = yield* backend.create(
          new CreateParams({
            mounts: [{ type: "file_mount", target: "~/conf/big.txt", content }],
            launchParameters: new LaunchParameters({
              launchCommands: ["wc -c < conf/big.txt > size", "echo done >> size"]
            })
          })
        )
        assert.strictEqual(created.status, "initializing")
        const info = yield* settled(created.id)
        assert.strictEqual(info.status, "running")
        const devbox = yield* Devbox.attach(info.id)
        assert.strictEqual(yield* devbox.file.read("size"), "300000\ndone\n")
        const log = yield* backend.logs(info.id)
        assert.deepStrictEqual([...new Set(log.map(({ source }) => source))], ["setup_commands"])
      })
    )
  )

  it.live("fail with the log when a launch command fails, and leave nothing", () =>
    inLocal((dir) =>
      Effect.gen(function* () {
        const backend = yield* DevboxBackend.DevboxBackend
        const { id } = yield* backend.create(
          new CreateParams({
            launchParameters: new LaunchParameters({
              launchCommands: ["echo almost; echo broken >&2; exit 7", "touch never"]
            })
          })
        )
        const info = yield* settled(id)
        assert.deepStrictEqual([info.status, info.failureReason], ["failure", "execution_failed"])
        const log = yield* backend.logs(id)
        assert.sameMembers(
          log.flatMap(({ message }) => (message === undefined ? [] : [message.trim()])),
          ["almost", "broken", 'the launch command "echo almost; echo broken >&2; exit 7" ended with 7']
        )
        yield* backend.shutdown(id)
        assert.deepStrictEqual(fs.readdirSync(path.join(dir, "boxes")), [])
      })
    )
  )

  it.live("are refused by the name of what cannot be honoured, before anything exists", () =>
    inLocal((dir) =>
      Effect.gen(function* () {
        const backend = yield* DevboxBackend.DevboxBackend
        const refused: ReadonlyArray<readonly [ConstructorParameters<typeof CreateParams>[0], string]> = [
          [{ blueprintName: "b" }, "blueprint"],
          [{ secrets: { A: "a" } }, "secrets"],
          [{ gateways: { A: { gateway: "g", secret: "s" } } }, "gateways"],
          [{ mounts: [{ type: "broker_mount", axonId: "a" }] }, "mounts"]
        ]
        for (const [params, feature] of refused) {
          const reason = reasonOf(yield* Effect.flip(backend.create(new CreateParams(params))))
          assert.deepInclude(reason, { _tag: "UnsupportedError", feature })
        }
        const forever = new LaunchParameters({ keepAliveTimeSeconds: 999_999 })
        const tooLong = yield* Effect.flip(backend.create(new CreateParams({ launchParameters: forever })))
        assert.strictEqual(reasonOf(tooLong)?._tag, "InvalidRequestError")
        assert.deepStrictEqual((yield* backend.list({})).items, [])
        assert.deepStrictEqual(fs.readdirSync(path.join(dir, "boxes")), [])
      })
    )
  )

  it.live("are not made where the machine cannot isolate, unless the caller accepts it", () =>
    inLocal(
      () =>
        Effect.gen(function* () {
          const backend = yield* DevboxBackend.DevboxBackend
          const error = yield* Effect.flip(backend.create(new CreateParams({})))
          assert.deepInclude(reasonOf(error), { _tag: "IsolationUnavailable", probe: "tier" })
          assert.match(String((error as Error).message), /made with tier: "process".*minimumIsolation/s)
          const info = yield* backend.create(new CreateParams({ minimumIsolation: "process" }))
          assert.deepStrictEqual([info.isolation, info.network, info.status], ["process", "host", "running"])
        }),
      { tier: "process" }
    )
  )

  it.live("that do not exist are not found", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const backend = yield* DevboxBackend.DevboxBackend
        const devbox = yield* Devbox.attach("dbx_none")
        const looks: ReadonlyArray<Effect.Effect<unknown, ReadyError | ShutdownError>> = [
          backend.get(devbox.id),
          backend.shutdown(devbox.id),
          backend.logs(devbox.id),
          backend.usage(devbox.id),
          backend.update(devbox.id, {}),
          backend.keepAlive(devbox.id),
          backend.waitForStatus!(devbox.id, ["running"], Duration.seconds(9))
        ]
        for (const look of looks) {
          assert.deepInclude(yield* Effect.flip(look), { _tag: "ResourceNotFound", resource: "devbox" })
        }
      })
    )
  )
})

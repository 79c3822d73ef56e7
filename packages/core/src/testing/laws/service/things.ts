/** Laws of files, lists, snapshots and handles as users meet them. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { DevboxBackend } from "../../../DevboxBackend.ts"
import { DevboxService } from "../../../DevboxService.ts"
import { bytes, everyByte, join, noise, unique } from "../boxes.ts"
import { equal, eventually, failsWith, holds, succeeds } from "../claim.ts"
import { law, type ServiceLaw } from "../law.ts"
import { create, options } from "./boxes.ts"

/** See above. */
export const things: ReadonlyArray<ServiceLaw> = [
  law(
    "file-text",
    "Text that was written is read back, to the character.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      for (const text of ["", "plain\n", "\uFEFFbom, ü, 日本, 🙂\r\n\0"]) {
        const detail = yield* succeeds("it can be written", devbox.file.write("text/file.txt", text))
        yield* equal("writing says that it went well", detail.exitStatus, 0)
        yield* equal("it is the same", yield* succeeds("it can be read", devbox.file.read("text/file.txt")), text)
      }
    })
  ),
  law(
    "file-not-text",
    "Reading as text what is no text fails and says how to get the bytes.",
    ["exactBytes"],
    Effect.gen(function* () {
      const devbox = yield* create()
      yield* devbox.file.upload("bytes.bin", everyByte)
      const error = yield* failsWith("reading fails", devbox.file.read("bytes.bin"), "FileError")
      yield* equal("because it is no text", error.kind, "InvalidUtf8")
      yield* holds("the message names download", error.message.includes("download"), error.message)
      yield* equal("download has the bytes", yield* succeeds("it ends", devbox.file.download("bytes.bin")), everyByte)
    })
  ),
  law(
    "file-streams",
    "Files go up and come down as streams.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const contents = noise(500_000)
      const pieces = Array.from({ length: 50 }, (_, i) => contents.subarray(i * 10_000, (i + 1) * 10_000))
      yield* succeeds("a stream can go up", devbox.file.upload("large.bin", Stream.fromIterable(pieces)))
      const read = yield* succeeds("a stream comes down", Stream.runCollect(devbox.file.downloadStream("large.bin")))
      yield* equal("with every byte", join(read), contents)
      yield* succeeds("text can go up", devbox.file.upload("text.txt", "text"))
      yield* equal("as UTF-8", yield* devbox.file.download("text.txt"), bytes("text"))
    })
  ),
  law(
    "file-problems",
    "A problem with a path is a FileError that names it.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const calls = {
        read: devbox.file.read("no.txt"),
        download: devbox.file.download("no.txt"),
        stream: Stream.runDrain(devbox.file.downloadStream("no.txt"))
      }
      for (const [name, call] of Object.entries(calls)) {
        const error = yield* failsWith(
          `${name} fails`,
          call as Effect.Effect<unknown, Effect.Error<(typeof calls)["read"]>>,
          "FileError"
        )
        yield* equal("as not found", [error.kind, error.path], ["NotFound", "no.txt"])
      }
      const invalid = yield* failsWith("an impossible path fails", devbox.file.write("", "x"), "FileError")
      yield* equal("as invalid", invalid.kind, "InvalidPath")
    })
  ),
  law(
    "metadata-is-yours",
    "Metadata is what was given: nothing of the service's own is seen in it, and updates keep it so.",
    [],
    Effect.gen(function* () {
      const service = yield* DevboxService
      const metadata = { mark: unique("law") }
      const devbox = yield* create({ metadata })
      yield* equal("getInfo shows it", { ...(yield* devbox.getInfo).metadata }, metadata)
      const listed = yield* eventually(
        "the list shows it",
        Stream.runCollect(service.list({ metadata })),
        ({ length }) => length > 0
      )
      yield* equal(
        "alone",
        listed.map((info) => ({ id: info.id, metadata: { ...info.metadata } })),
        [{ id: devbox.id, metadata }]
      )
      if (!service.capabilities.features.has("update")) return
      const backend = yield* DevboxBackend
      const before = (yield* backend.get(devbox.id)).metadata
      yield* devbox.update({ metadata: { b: "2" } })
      yield* equal("an update replaces it", { ...(yield* devbox.getInfo).metadata }, { b: "2" })
      const after = (yield* backend.get(devbox.id)).metadata
      const own = (all: Readonly<Record<string, string>>) =>
        Object.entries(all).filter(([key]) => key !== "mark" && key !== "b")
      yield* equal("and what the service needs stays beneath it", own(after), own(before))
    })
  ),
  law(
    "list-is-a-stream",
    "The list is a stream over all pages, newest first, filtered as asked.",
    [],
    Effect.gen(function* () {
      const service = yield* DevboxService
      const mark = unique("law")
      const a = yield* create({ metadata: { mark, kind: "a" } })
      const b = yield* create({ metadata: { mark, kind: "b" } })
      const ids = (metadata: Readonly<Record<string, string>>) =>
        Effect.map(Stream.runCollect(service.list({ metadata, status: "running" })), (infos) =>
          infos.map(({ id }) => id)
        )
      const both = yield* eventually("both are listed", ids({ mark }), ({ length }) => length >= 2)
      yield* equal("newest first", both, [b.id, a.id])
      yield* equal("filtered by all that was asked", yield* ids({ mark, kind: "a" }), [a.id])
    })
  ),
  law(
    "handle-is-the-service",
    "A handle does what the service does with its id.",
    [],
    Effect.gen(function* () {
      const service = yield* DevboxService
      const devbox = yield* create({ name: unique("law") })
      const info = (from: { readonly id: string; readonly name?: string; readonly status: string }) => [
        from.id,
        from.name,
        from.status
      ]
      yield* equal("getInfo", info(yield* devbox.getInfo), info(yield* service.getInfo(devbox.id)))
      yield* service.writeFile(devbox.id, "by-service.txt", "service")
      yield* equal("files", yield* devbox.file.read("by-service.txt"), "service")
      yield* devbox.file.write("by-handle.txt", "handle")
      yield* equal("files, the other way", yield* service.readFile(devbox.id, "by-handle.txt"), "handle")
      const [one, two] = yield* Effect.all([devbox.cmd.exec("pwd; exit 2"), service.exec(devbox.id, "pwd; exit 2")])
      yield* equal("commands", [one.exitCode, one.stdout], [two.exitCode, two.stdout])
      const again = service.attach(devbox.id)
      const read = yield* succeeds("an attached handle is as good", again.file.read("by-handle.txt"))
      yield* equal("and about the same devbox", read, "handle")
      yield* again.shutdown()
      yield* equal("shutdown is shutdown", (yield* service.getInfo(devbox.id)).status, "shutdown")
    })
  ),
  law(
    "attach-unknown",
    "A handle of a devbox that does not exist can be made, and says so when it is used.",
    [],
    Effect.gen(function* () {
      const service = yield* DevboxService
      const devbox = service.attach("dbx_000000000000000000000000")
      const error = yield* failsWith("looking fails", devbox.getInfo, "ResourceNotFound")
      yield* equal("and names it", [error.resource, error.id], ["devbox", "dbx_000000000000000000000000"])
      const command = yield* failsWith("so does a command", devbox.cmd.exec("true"), "ResourceNotFound")
      yield* equal("and names it", command.resource, "devbox")
    })
  ),
  law(
    "snapshot-handle",
    "snapshotDisk returns when the snapshot is complete, with a handle that makes devboxes of it.",
    ["snapshot"],
    Effect.gen(function* () {
      const devbox = yield* create()
      yield* devbox.file.write("file.txt", "then")
      const snapshot = yield* Effect.acquireRelease(devbox.snapshotDisk({ name: unique("law") }), (taken) =>
        Effect.ignore(taken.delete)
      )
      yield* equal("it is complete", (yield* snapshot.getInfo).status, "complete")
      yield* devbox.file.write("file.txt", "later")
      const copy = yield* succeeds("a devbox can be made of it", snapshot.createDevbox(yield* options()))
      yield* equal("with the files of then", yield* copy.file.read("file.txt"), "then")
      const started = yield* Effect.acquireRelease(devbox.snapshotDiskAsync(), (taken) => Effect.ignore(taken.delete))
      const completed = yield* succeeds("one that was only started can be awaited", started.awaitCompleted())
      yield* equal("it is the same one", completed.id, started.id)
      yield* succeeds("it can be deleted", started.delete)
      yield* equal("it is deleted then", (yield* started.getInfo).status, "deleted")
    })
  ),
  law(
    "tunnel-url",
    "createTunnel gives a URL for a port, the same tunnel for every port.",
    ["tunnel"],
    Effect.gen(function* () {
      const devbox = yield* create()
      const a = yield* succeeds("a port has a tunnel", devbox.net.createTunnel(8080))
      const b = yield* succeeds("another, too", devbox.net.createTunnel(8081))
      yield* equal("each says its port", [a.port, b.port], [8080, 8081])
      yield* holds("in a URL of its own", a.url !== b.url && a.url.includes("8080") && b.url.includes("8081"), [
        a.url,
        b.url
      ])
      yield* equal("of the same tunnel", a.url.replace("8080", "8081"), b.url)
      yield* succeeds("it can be removed", devbox.net.removeTunnel())
      yield* equal("it is gone then", yield* devbox.net.getTunnel, undefined)
    })
  )
]

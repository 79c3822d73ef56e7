/** What a devbox of the local backend is given and begins with: code, objects, secrets, a user of its own, an entrypoint. */
import { assert, describe, it } from "@effect/vitest"
import { Devbox, DevboxBackend, DevboxService } from "@effect-devbox/core"
import { CreateParams, type DevboxId, LaunchParameters, UserParameters } from "@effect-devbox/core/DevboxModel"
import { ResourceNotFound } from "@effect-devbox/core/DevboxError"
import { ObjectInfo, type StorageObjectId, StorageObjects } from "@effect-devbox/core/StorageObjects"
import { LocalBackend } from "@effect-devbox/node"
import { Duration, Effect, Layer, Redacted, Stream } from "effect"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { createServer as createHttpServer } from "node:http"
import { type AddressInfo, createServer, type Server } from "node:net"
import * as path from "node:path"
import { inLocal, leftovers, stateDir } from "./fixtures.ts"
import { gitHost } from "./gitHost.ts"

const hold = Duration.seconds(20)

const settled = (id: DevboxId) =>
  DevboxBackend.DevboxBackend.use((backend) => backend.waitForStatus!(id, ["running", "failure", "shutdown"], hold))

/** Every file below a folder that holds a text. */
const holding = (dir: string, text: string): ReadonlyArray<string> => {
  try {
    return execFileSync("grep", ["-rlaF", "--", text, dir], { encoding: "utf8" }).trim().split("\n")
  } catch {
    return []
  }
}

const token = "ghp_secretSecretSecret0123456789"

const codeMount = (gitRef?: string, given: string = token, installCommand?: string) => ({
  type: "code_mount" as const,
  repoOwner: "owner",
  repoName: "name",
  token: Redacted.make(given),
  ...(gitRef === undefined ? {} : { gitRef }),
  ...(installCommand === undefined ? {} : { installCommand })
})

const at = (dir: string, options: LocalBackend.Options) =>
  DevboxService.layer.pipe(Layer.provideMerge(LocalBackend.layer({ stateDir: path.join(dir, "state"), ...options })))

describe("a code mount", () => {
  for (const tier of ["isolated", "process"] as const) {
    it.live(`is a clone at a branch, tag or commit, and its token is nowhere (${tier})`, () =>
      Effect.scoped(
        Effect.gen(function* () {
          const dir = yield* stateDir
          const host = yield* gitHost(dir, token)
          const options = tier === "process" ? { codeHost: host.url, tier } : { codeHost: host.url }
          yield* Effect.gen(function* () {
            const backend = yield* DevboxBackend.DevboxBackend
            const ids: Array<DevboxId> = []
            for (const [ref, text] of [
              [undefined, "one"],
              ["next", "two"],
              ["v1", "one"]
            ] as const) {
              const { id, status } = yield* backend.create(
                new CreateParams({
                  minimumIsolation: tier,
                  mounts: [codeMount(ref, token, "cat README > installed; pwd >> installed")]
                })
              )
              assert.strictEqual(status, "provisioning")
              assert.strictEqual((yield* settled(id)).status, "running", JSON.stringify(yield* backend.logs(id)))
              ids.push(id)
              const { cmd } = yield* Devbox.attach(id)
              const seen = yield* cmd.execOrFail(
                "cat ~/name/README ~/name/installed | tr '\\n' ' '; cd ~/name; git status --short; cat .git/config; env; git log --oneline | wc -l"
              )
              assert.match(seen.stdout, new RegExp(`^${text} ${text} .*/name `))
              assert.notInclude(seen.stdout, token)
              assert.include(seen.stdout, "?? installed")
            }
            const text = JSON.stringify(
              yield* Effect.forEach(ids, (id) => Effect.all([backend.get(id), backend.logs(id)]))
            )
            assert.notInclude(text, token)
            assert.deepStrictEqual(holding(path.join(dir, "state"), token), [])
            assert.include(host.asked, `x-access-token:${token}`)
          }).pipe(Effect.provide(at(dir, options)))
          assert.deepStrictEqual(leftovers(path.join(dir, "state")), [])
        })
      )
    )
  }

  it.live("with a wrong token or reference makes the devbox fail, and says why without the token", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* stateDir
        const host = yield* gitHost(dir, token)
        yield* Effect.gen(function* () {
          const backend = yield* DevboxBackend.DevboxBackend
          const wrong = "ghp_wrongWrongWrong"
          for (const [mount, words] of [
            [codeMount(undefined, wrong), /cloning owner\/name failed/],
            [codeMount("absent"), /absent/]
          ] as const) {
            const { id } = yield* backend.create(new CreateParams({ mounts: [mount] }))
            const info = yield* settled(id)
            assert.deepStrictEqual([info.status, info.failureReason], ["failure", "execution_failed"])
            const log = JSON.stringify(yield* backend.logs(id))
            assert.match(log, words)
            for (const secret of [wrong, token]) assert.notInclude(log + JSON.stringify(info), secret)
          }
        }).pipe(Effect.provide(at(dir, { codeHost: host.url })))
        assert.deepStrictEqual(holding(path.join(dir, "state"), token), [])
        assert.deepStrictEqual(leftovers(path.join(dir, "state")), [])
      })
    )
  )

  it.live("is cloned where the code host is and nowhere else, wherever its answers lead", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* stateDir
        const other = yield* gitHost(dir, token)
        const elsewhere = createHttpServer((request, response) => {
          response.writeHead(302, { location: `${other.url}${request.url}` }).end()
        })
        yield* Effect.acquireRelease(
          Effect.promise(() => new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve))),
          () => Effect.sync(() => elsewhere.close())
        )
        const codeHost = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`
        yield* Effect.gen(function* () {
          const backend = yield* DevboxBackend.DevboxBackend
          const { id } = yield* backend.create(new CreateParams({ mounts: [codeMount()] }))
          assert.strictEqual((yield* settled(id)).status, "failure")
          assert.match(JSON.stringify(yield* backend.logs(id)), /403/)
        }).pipe(Effect.provide(at(dir, { codeHost })))
        assert.deepStrictEqual(other.asked, [])
      })
    )
  )

  it.live("that nobody serves is given up when its devbox is shut down", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* stateDir
        const connected = Promise.withResolvers<void>()
        const silent = yield* Effect.acquireRelease(
          Effect.promise(
            () =>
              new Promise<Server>((resolve) => {
                const server = createServer(() => connected.resolve())
                server.listen(0, "127.0.0.1", () => resolve(server))
              })
          ),
          (server) => Effect.sync(() => void server.close())
        )
        const { port } = silent.address() as AddressInfo
        yield* Effect.gen(function* () {
          const backend = yield* DevboxBackend.DevboxBackend
          const { id } = yield* backend.create(new CreateParams({ mounts: [codeMount()] }))
          yield* Effect.promise(() => connected.promise)
          const info = yield* backend.shutdown(id)
          assert.deepStrictEqual([info.status, info.shutdownReason], ["shutdown", "api_shutdown"])
        }).pipe(Effect.provide(at(dir, { codeHost: `http://127.0.0.1:${port}` })))
        assert.deepStrictEqual(leftovers(path.join(dir, "state")), [])
      })
    )
  )
})

const archive = (dir: string): Uint8Array => {
  fs.mkdirSync(path.join(dir, "content/sub"), { recursive: true })
  fs.writeFileSync(path.join(dir, "content/sub/file"), "packed\n")
  return execFileSync("tar", ["-czf", "-", "-C", path.join(dir, "content"), "."])
}

const objects = (contents: Readonly<Record<string, readonly [ObjectInfo["contentType"], Uint8Array]>>) => {
  const find = (id: StorageObjectId) => {
    const found = contents[id]
    return found === undefined ? Effect.fail(new ResourceNotFound({ resource: "object", id })) : Effect.succeed(found)
  }
  return {
    get: (id: StorageObjectId) =>
      Effect.map(
        find(id),
        ([contentType]) => new ObjectInfo({ id, name: id, contentType, state: "READ_ONLY", createTimeMs: 0 })
      ),
    download: (id: StorageObjectId) => Stream.unwrap(Effect.map(find(id), ([, bytes]) => Stream.make(bytes)))
  } as unknown as StorageObjects["Service"] // the backend needs these two
}

describe("an object mount", () => {
  it.live("is the object, or what is packed in it; one that does not exist fails before anything is there", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* stateDir
        const stored = objects({
          obj_plain: ["binary", new Uint8Array([0, 1, 2])],
          obj_packed: ["tgz", archive(dir)]
        })
        const layer = at(dir, {}).pipe(Layer.provide(Layer.succeed(StorageObjects, stored)))
        yield* Effect.gen(function* () {
          const backend = yield* DevboxBackend.DevboxBackend
          const missing = new CreateParams({
            mounts: [{ type: "object_mount", objectId: "obj_none", objectPath: "/home/user/x" }]
          })
          const refused = yield* Effect.flip(backend.create(missing))
          assert.deepInclude(refused, { _tag: "ResourceNotFound", id: "obj_none" })
          assert.lengthOf((yield* backend.list({})).items, 0)
          const { id } = yield* backend.create(
            new CreateParams({
              detached: true,
              launchParameters: new LaunchParameters({ launchCommands: ["cat data/sub/file > seen"] }),
              mounts: [
                { type: "object_mount", objectId: "obj_plain", objectPath: "/home/user/new/plain" },
                { type: "object_mount", objectId: "obj_packed", objectPath: "/home/user/data" },
                { type: "file_mount", target: "~/beside", content: "beside\n" }
              ]
            })
          )
          assert.strictEqual((yield* settled(id)).status, "running")
          const { cmd } = yield* Devbox.attach(id)
          const { stdout } = yield* cmd.execOrFail("cat seen beside; od -An -tx1 new/plain")
          assert.strictEqual(stdout, "packed\nbeside\n 00 01 02\n")
          yield* backend.shutdown(id)
        }).pipe(Effect.provide(layer))
        assert.deepStrictEqual(leftovers(path.join(dir, "state")), [])
      })
    )
  )
})

describe("a devbox", () => {
  it.live("has stored secrets as environment, also after a resume, and shows them nowhere", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* stateDir
        const value = "s3cretValueOfTheKey"
        const secrets = (name: string) => Effect.succeed(name === "KEY" ? Redacted.make(value) : undefined)
        yield* Effect.gen(function* () {
          const backend = yield* DevboxBackend.DevboxBackend
          const refused = yield* Effect.flip(backend.create(new CreateParams({ secrets: { A: "ABSENT" } })))
          assert.deepInclude(refused, { _tag: "ResourceNotFound", resource: "secret", id: "ABSENT" })
          const devbox = yield* Devbox.create({ secrets: { TOKEN: "KEY" } })
          const seen = devbox.cmd.execOrFail("echo $TOKEN")
          assert.strictEqual((yield* seen).stdout, `${value}\n`)
          yield* backend.suspend(devbox.id)
          yield* backend.waitForStatus!(devbox.id, ["suspended"], hold)
          const { id } = yield* DevboxService.use((devboxes) => devboxes.snapshotDisk(devbox.id, { name: "s" }))
          yield* backend.resume(devbox.id)
          yield* settled(devbox.id)
          assert.strictEqual((yield* seen).stdout, `${value}\n`)
          const shown = JSON.stringify([yield* backend.get(devbox.id), yield* backend.getSnapshot(id)])
          assert.notInclude(shown, value)
          assert.deepStrictEqual(holding(path.join(dir, "state/layers"), value), [])
          assert.deepStrictEqual(holding(path.join(dir, "state/state.db"), value), [])
          yield* backend.deleteSnapshot(id)
        }).pipe(Effect.scoped, Effect.provide(at(dir, { secrets })))
        assert.deepStrictEqual(holding(dir, value), [])
      })
    )
  )

  it.live("runs as the user that was asked for, from a home of its own, also from a snapshot and after a resume", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const backend = yield* DevboxBackend.DevboxBackend
        const userParameters = new UserParameters({ uid: 1234, username: "ada" })
        const { id } = yield* backend.create(
          new CreateParams({ launchParameters: new LaunchParameters({ userParameters }) })
        )
        assert.strictEqual((yield* settled(id)).status, "running")
        const devbox = yield* Devbox.attach(id)
        const who = 'echo "$(id -u) $(id -un) $USER $HOME $PWD $(cd ~; pwd)"; touch x; ls .profile'
        const expected = "1234 ada ada /home/ada /home/ada /home/ada\n.profile\n"
        assert.strictEqual((yield* devbox.cmd.execOrFail(who)).stdout, expected)
        const snapshot = yield* DevboxService.use((devboxes) => devboxes.snapshotDisk(id))
        yield* backend.suspend(id)
        yield* backend.waitForStatus!(id, ["suspended"], hold)
        yield* backend.resume(id)
        yield* settled(id)
        assert.strictEqual((yield* devbox.cmd.execOrFail(who)).stdout, expected)
        const copy = yield* Devbox.create({
          from: { snapshot: snapshot.id },
          launchParameters: new LaunchParameters({ userParameters })
        })
        assert.strictEqual((yield* copy.cmd.execOrFail(who)).stdout, expected)
        yield* backend.shutdown(id)
      })
    )
  )

  it.live("ends with its entrypoint, which runs again after a resume", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const backend = yield* DevboxBackend.DevboxBackend
        const entrypoint = "echo up >> ~/ups; until [ -e ~/go ]; do sleep 0.01; done"
        for (const detached of [false, true]) {
          const { id } = yield* backend.create(new CreateParams({ entrypoint, detached }))
          yield* settled(id)
          const { cmd } = yield* Devbox.attach(id)
          const ups = (count: number) =>
            cmd.execOrFail(`until [ "$(grep -c up ups)" = ${count} ]; do sleep 0.01; done; cat ups`)
          yield* ups(1)
          yield* backend.suspend(id)
          yield* backend.waitForStatus!(id, ["suspended"], hold)
          yield* backend.resume(id)
          yield* settled(id)
          const seen = yield* ups(2)
          yield* cmd.execDetached("touch go")
          assert.strictEqual(seen.stdout, "up\nup\n")
          const info = yield* backend.waitForStatus!(id, ["shutdown", "failure"], hold)
          assert.deepStrictEqual([info.status, info.shutdownReason], ["shutdown", "entrypoint_exit"])
          const sources = (yield* backend.logs(id)).map(({ source }) => source)
          assert.include(sources, "entrypoint")
        }
      })
    )
  )
})

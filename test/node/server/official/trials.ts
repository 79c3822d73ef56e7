/**
 * One trial for every method of the official client: what it does, and which feature of the backend it needs. Where the feature is
 * missing, the trial has to end in a typed refusal; where it is there, in success.
 */
import { toFile, type Runloop } from "@runloop/api-client"
import * as sdk from "@runloop/api-client/sdk"
import assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** What trials work with. */
export interface World {
  readonly client: sdk.RunloopSDK
  readonly api: Runloop
  /** A devbox that runs, for trials that leave it as it is. */
  readonly box: sdk.Devbox
  /** A devbox of one's own; it is shut down afterwards. */
  readonly fresh: () => Promise<sdk.Devbox>
}

/** A trial; see above. `local` says that nothing is sent. */
export interface Trial {
  readonly needs?: string
  readonly local?: true
  readonly run: (world: World) => Promise<unknown>
}

const same = (actual: unknown, expected: unknown) => assert.deepEqual(actual, expected)
const text = async (result: sdk.ExecutionResult) => result.stdout()
const on =
  (run: (box: sdk.Devbox, world: World) => Promise<unknown>) =>
  (world: World): Promise<unknown> =>
    run(world.box, world)
const apart =
  (run: (box: sdk.Devbox, world: World) => Promise<unknown>) =>
  async (world: World): Promise<unknown> =>
    run(await world.fresh(), world)
const local = (run: (world: World) => Promise<unknown>): Trial => ({ local: true, run })
const needs = (feature: string, run: (world: World) => Promise<unknown>): Trial => ({ needs: feature, run })
const works = (run: (world: World) => Promise<unknown>): Trial => ({ run })

const untilRunning = { longPoll: { timeoutMs: 20_000 } }
const execution = (box: sdk.Devbox) => box.cmd.execAsync("echo out; echo err >&2; exit 3")
const result = async (box: sdk.Devbox) => (await execution(box)).result()
const snapshot = (box: sdk.Devbox) => box.snapshotDisk({ name: "s", metadata: { a: "1" } })
const withSnapshot = (run: (made: sdk.Snapshot, world: World) => Promise<unknown>) =>
  needs(
    "snapshot",
    on(async (box, world) => {
      const made = await snapshot(box)
      await run(made, world)
      await made.delete()
    })
  )
const collect = async (stream: AsyncIterable<{ readonly output: string }>) => {
  let all = ""
  for await (const { output } of stream) all += output
  return all
}
const suspended = async (box: sdk.Devbox) => {
  await box.suspend()
  await box.awaitSuspended(untilRunning)
  return box
}

const devboxes: Record<string, Trial> = {
  "DevboxOps#create": works(async ({ client }) => {
    const box = await client.devbox.create({ name: "created", metadata: { a: "1" }, environment_variables: { A: "b" } })
    same(await text(await box.cmd.exec("echo $A")), "b\n")
    same((await box.shutdown()).status, "shutdown")
  }),
  "DevboxOps#createFromBlueprintId": needs("blueprint", ({ client }) => client.devbox.createFromBlueprintId("bpt_1")),
  "DevboxOps#createFromBlueprintName": needs("blueprint", ({ client }) => client.devbox.createFromBlueprintName("b")),
  "DevboxOps#createFromSnapshot": withSnapshot(async ({ id }, { client }) =>
    (await client.devbox.createFromSnapshot(id)).shutdown()
  ),
  "DevboxOps#fromId": local(async ({ box, client }) => same(client.devbox.fromId(box.id).id, box.id)),
  "DevboxOps#list": works(async ({ box, client }) =>
    assert((await client.devbox.list({ status: "running" })).some(({ id }) => id === box.id))
  ),
  "Devbox.create": works(async ({ api }) => (await sdk.Devbox.create(api, {})).shutdown()),
  "Devbox.createFromBlueprintId": needs("blueprint", ({ api }) => sdk.Devbox.createFromBlueprintId(api, "bpt_1")),
  "Devbox.createFromBlueprintName": needs("blueprint", ({ api }) => sdk.Devbox.createFromBlueprintName(api, "b")),
  "Devbox.createFromSnapshot": withSnapshot(async ({ id }, { api }) =>
    (await sdk.Devbox.createFromSnapshot(api, id)).shutdown()
  ),
  "Devbox.fromId": local(async ({ api, box }) => same(sdk.Devbox.fromId(api, box.id).id, box.id)),
  "Devbox#id": local(on(async ({ id }) => assert.match(id, /^dbx_/))),
  "Devbox#shell": local(on(async (box) => assert(box.shell()))),
  "Devbox#getInfo": works(on(async (box) => same((await box.getInfo()).status, "running"))),
  "Devbox#getTunnel": works(on(async (box) => same(await box.getTunnel(), null))),
  "Devbox#getTunnelUrl": needs(
    "tunnel",
    apart(async (box) => {
      await box.net.enableTunnel()
      assert.match(await box.getTunnelUrl(8080), /^https:\/\/8080-/)
    })
  ),
  "Devbox#logs": works(
    on(async (box) => {
      const { executionId } = await box.cmd.exec("echo in the log")
      const { logs } = await box.logs({ execution_id: executionId })
      assert(logs.some(({ cmd }) => cmd?.includes("echo in the log")))
    })
  ),
  "Devbox#awaitRunning": works(on(async (box) => same((await box.awaitRunning()).status, "running"))),
  "Devbox#awaitSuspended": needs(
    "suspend",
    apart(async (box) => {
      await box.suspend()
      same((await box.awaitSuspended(untilRunning)).status, "suspended")
    })
  ),
  "Devbox#snapshotDisk": withSnapshot(async (made) => same((await made.getInfo()).status, "complete")),
  "Devbox#snapshotDiskAsync": needs(
    "snapshot",
    on(async (box) => {
      const made = await box.snapshotDiskAsync({ name: "later" })
      same((await made.awaitCompleted()).status, "complete")
      await made.delete()
    })
  ),
  "Devbox#shutdown": works(apart(async (box) => same((await box.shutdown()).status, "shutdown"))),
  "Devbox#suspend": needs("suspend", apart(suspended)),
  "Devbox#resume": needs(
    "suspend",
    apart(async (box) => same((await (await suspended(box)).resume(untilRunning)).status, "running"))
  ),
  "Devbox#resumeAsync": needs(
    "suspend",
    apart(async (box) => {
      await (await suspended(box)).resumeAsync()
      same((await box.awaitRunning(untilRunning)).status, "running")
    })
  ),
  "Devbox#keepAlive": works(on(async (box) => assert.notEqual(await box.keepAlive(), null))),
  // The monitor opens its watch beside the caller; whether there is one is the trial of `devboxes.watchEvictions`.
  "Devbox#onEvict": local(
    on(async (box) => {
      box.onEvict(() => {})
      box.cancelOnEvict()
    })
  ),
  "Devbox#cancelOnEvict": local(on(async (box) => box.cancelOnEvict()))
}

const commands: Record<string, Trial> = {
  "Devbox.cmd#exec": works(
    on(async (box) => {
      const plain = await box.cmd.exec("echo out; echo err >&2; exit 3")
      same([plain.exitCode, await plain.stdout(), await plain.stderr()], [3, "out\n", "err\n"])
      let streamed = ""
      const live = await box.cmd.exec("seq 1 5", { stdout: (chunk) => (streamed += chunk) })
      same([live.exitCode, streamed], [0, "1\n2\n3\n4\n5\n"])
    })
  ),
  "Devbox.cmd#execAsync": works(
    on(async (box) => {
      const chunks: Array<string> = []
      const running = await box.cmd.execAsync("echo a; echo b >&2", { output: (chunk) => chunks.push(chunk) })
      same((await running.result()).exitCode, 0)
      same(chunks.sort().join(""), "a\nb\n")
    })
  ),
  "Devbox.shell()#exec": works(
    on(async (box) => {
      const shell = box.shell("kept")
      await shell.exec("cd /tmp; export KEPT=yes")
      same(await text(await shell.exec("pwd; echo $KEPT")), "/tmp\nyes\n")
    })
  ),
  "Devbox.shell()#execAsync": works(
    on(async (box) => same(await text(await (await box.shell().execAsync("echo named")).result()), "named\n"))
  ),
  "Execution#result": works(on(async (box) => same((await result(box)).exitCode, 3))),
  "Execution#getState": works(
    on(async (box) => {
      const running = await execution(box)
      await running.result()
      same((await running.getState()).status, "completed")
    })
  ),
  "Execution#kill": works(
    on(async (box) => {
      const running = await box.cmd.execAsync("sleep 1000")
      await running.kill()
      assert.notEqual((await running.result()).exitCode, 0)
    })
  ),
  "Execution#executionId": local(on(async (box) => assert((await execution(box)).executionId))),
  "Execution#devboxId": local(on(async (box) => same((await execution(box)).devboxId, box.id))),
  "ExecutionResult#exitCode": local(on(async (box) => same((await result(box)).exitCode, 3))),
  "ExecutionResult#executionId": local(on(async (box) => assert((await result(box)).executionId))),
  "ExecutionResult#stdout": works(
    on(async (box) => {
      const long = await box.cmd.exec("seq 1 1000")
      same((await long.stdout()).length, 3893)
      same(await long.stdout(2), "999\n1000")
    })
  ),
  "ExecutionResult#stderr": works(
    on(async (box) => same((await (await box.cmd.exec("seq 1 1000 >&2")).stderr()).length, 3893))
  ),
  "ExecutionResult#result": local(on(async (box) => same((await result(box)).result.status, "completed"))),
  "ExecutionResult#success": local(on(async (box) => same((await result(box)).success, false))),
  "ExecutionResult#failed": local(on(async (box) => same((await result(box)).failed, true)))
}

const bytes = new Uint8Array(300_000).map((_, index) => index % 256)

const files: Record<string, Trial> = {
  "Devbox.file#write": works(
    on(async (box) => same((await box.file.write({ file_path: "~/a/ä.txt", contents: "ä\n" })).exit_status, 0))
  ),
  "Devbox.file#read": works(
    on(async (box) => {
      const contents = '{"looks":"like JSON"}'
      await box.file.write({ file_path: "b.json", contents })
      same(await box.file.read({ file_path: "~/b.json" }), contents)
    })
  ),
  "Devbox.file#upload": works(
    on(async (box) => {
      // The type that its name suggests must not make a field of the file.
      const file = await toFile(Buffer.from('{"a":1}'), "c.json", { type: "application/json" })
      await box.file.upload({ path: "/tmp/c.json", file })
      same(await box.file.read({ file_path: "/tmp/c.json" }), '{"a":1}')
    })
  ),
  "Devbox.file#download": works(
    on(async (box) => {
      await box.file.upload({ path: "/tmp/d.bin", file: await toFile(bytes, "d.bin") })
      const response = await box.file.download({ path: "/tmp/d.bin" })
      same(new Uint8Array(await response.arrayBuffer()), bytes)
    })
  )
}

const network: Record<string, Trial> = {
  "Devbox.net#createSSHKey": needs(
    "ssh",
    apart(async (box) => assert.match((await box.net.createSSHKey()).ssh_private_key, /PRIVATE KEY/))
  ),
  "Devbox.net#enableTunnel": needs(
    "tunnel",
    apart(async (box) => {
      const { tunnel_key } = await box.net.enableTunnel({ auth_mode: "authenticated" })
      same((await box.getTunnel())?.tunnel_key, tunnel_key)
    })
  ),
  "Devbox.net#removeTunnel": needs(
    "tunnel",
    apart(async (box) => {
      await box.net.enableTunnel()
      assert.notEqual(await box.net.removeTunnel(), null)
      same(await box.getTunnel(), null)
    })
  )
}

const snapshots: Record<string, Trial> = {
  "SnapshotOps#fromId": local(async ({ client }) => same(client.snapshot.fromId("snp_1").id, "snp_1")),
  "SnapshotOps#list": withSnapshot(async ({ id }, { client }) =>
    assert((await client.snapshot.list({ "metadata[a]": "1" } as object)).some((one) => one.id === id))
  ),
  "Snapshot.fromId": local(async ({ api }) => same(sdk.Snapshot.fromId(api, "snp_1").id, "snp_1")),
  "Snapshot.list": withSnapshot(async ({ id }, { api }) =>
    assert((await sdk.Snapshot.list(api)).some((one) => one.id === id))
  ),
  "Snapshot#id": local(async ({ api }) => same(sdk.Snapshot.fromId(api, "snp_1").id, "snp_1")),
  "Snapshot#getInfo": withSnapshot(async (made) => same((await made.getInfo()).snapshot?.name, "s")),
  "Snapshot#update": withSnapshot(async (made) => {
    await made.update({ name: "t" })
    same((await made.getInfo()).snapshot?.name, "t")
  }),
  "Snapshot#delete": needs(
    "snapshot",
    on(async (box) => {
      const made = await snapshot(box)
      await made.delete()
      same((await made.getInfo()).status, "deleted")
    })
  ),
  "Snapshot#queryStatus": withSnapshot(async (made) => same((await made.queryStatus()).status, "complete")),
  "Snapshot#awaitCompleted": withSnapshot(async (made) => same((await made.awaitCompleted()).status, "complete")),
  "Snapshot#createDevbox": withSnapshot(async (made) => (await made.createDevbox()).shutdown())
}

const parameters = { name: "b", dockerfile: "FROM scratch" }

const blueprints: Record<string, Trial> = {
  "BlueprintOps#create": needs("blueprint", ({ client }) => client.blueprint.create(parameters)),
  "BlueprintOps#fromId": local(async ({ client }) => same(client.blueprint.fromId("bpt_1").id, "bpt_1")),
  "BlueprintOps#list": needs("blueprint", ({ client }) => client.blueprint.list()),
  "Blueprint.create": needs("blueprint", ({ api }) => sdk.Blueprint.create(api, parameters)),
  "Blueprint.fromId": local(async ({ api }) => same(sdk.Blueprint.fromId(api, "bpt_1").id, "bpt_1")),
  "Blueprint#id": local(async ({ api }) => same(sdk.Blueprint.fromId(api, "bpt_1").id, "bpt_1")),
  "Blueprint#getInfo": needs("blueprint", ({ client }) => client.blueprint.fromId("bpt_1").getInfo()),
  "Blueprint#logs": needs("blueprint", ({ client }) => client.blueprint.fromId("bpt_1").logs()),
  "Blueprint#delete": needs("blueprint", ({ client }) => client.blueprint.fromId("bpt_1").delete()),
  "Blueprint#createDevbox": needs("blueprint", ({ client }) => client.blueprint.fromId("bpt_1").createDevbox())
}

const inFolder = async (run: (folder: string) => Promise<unknown>) => {
  const folder = mkdtempSync(join(tmpdir(), "official-"))
  writeFileSync(join(folder, "a.txt"), "in a file")
  return run(folder).finally(() => rmSync(folder, { recursive: true }))
}
const object = ({ client }: World) => client.storageObject.uploadFromText("in an object", "o.txt")
const holds = async (made: sdk.StorageObject, contents: string) => {
  same(await made.downloadAsText(), contents)
  await made.delete()
}

const objects: Record<string, Trial> = {
  "StorageObjectOps#create": works(async ({ client }) =>
    (await client.storageObject.create({ name: "o", content_type: "text" })).delete()
  ),
  "StorageObjectOps#fromId": local(async ({ client }) => same(client.storageObject.fromId("obj_1").id, "obj_1")),
  "StorageObjectOps#list": works(async (world) => {
    const made = await object(world)
    assert((await world.client.storageObject.list({ name: "o.t" })).some(({ id }) => id === made.id))
  }),
  "StorageObjectOps#uploadFromFile": works(({ client }) =>
    inFolder(async (folder) =>
      holds(await client.storageObject.uploadFromFile(join(folder, "a.txt"), "a.txt"), "in a file")
    )
  ),
  "StorageObjectOps#uploadFromText": works(async (world) => holds(await object(world), "in an object")),
  "StorageObjectOps#uploadFromBuffer": works(async ({ client }) =>
    holds(await client.storageObject.uploadFromBuffer(Buffer.from("bytes"), "b", "binary"), "bytes")
  ),
  "StorageObjectOps#uploadFromDir": works(({ client }) =>
    inFolder(async (folder) => (await client.storageObject.uploadFromDir(folder, { name: "d.tgz" })).delete())
  ),
  "StorageObject.create": works(async ({ api }) =>
    (await sdk.StorageObject.create(api, { name: "o", content_type: "text" })).delete()
  ),
  "StorageObject.fromId": local(async ({ api }) => same(sdk.StorageObject.fromId(api, "obj_1").id, "obj_1")),
  "StorageObject.list": works(({ api }) => sdk.StorageObject.list(api)),
  "StorageObject.uploadFromFile": works(({ api }) =>
    inFolder(async (folder) =>
      holds(await sdk.StorageObject.uploadFromFile(api, join(folder, "a.txt"), "a"), "in a file")
    )
  ),
  "StorageObject.uploadFromText": works(async ({ api }) =>
    holds(await sdk.StorageObject.uploadFromText(api, "text", "t"), "text")
  ),
  "StorageObject.uploadFromBuffer": works(async ({ api }) =>
    holds(await sdk.StorageObject.uploadFromBuffer(api, Buffer.from("bytes"), "b", "binary"), "bytes")
  ),
  "StorageObject.uploadFromDir": works(({ api }) =>
    inFolder(async (folder) => (await sdk.StorageObject.uploadFromDir(api, folder, { name: "d.tgz" })).delete())
  ),
  "StorageObject#id": local(async ({ api }) => same(sdk.StorageObject.fromId(api, "obj_1").id, "obj_1")),
  "StorageObject#getInfo": works(async (world) => same((await (await object(world)).getInfo()).state, "READ_ONLY")),
  "StorageObject#uploadContent": works(async ({ client }) => {
    const made = await client.storageObject.create({ name: "o", content_type: "text" })
    await made.uploadContent("by hand")
    await made.complete()
    await holds(made, "by hand")
  }),
  "StorageObject#complete": works(async ({ client }) => {
    const made = await client.storageObject.create({ name: "o", content_type: "text" })
    await made.uploadContent("")
    await made.complete()
    same((await made.getInfo()).size_bytes, 0)
  }),
  "StorageObject#getDownloadUrl": works(async (world) =>
    assert.match((await (await object(world)).getDownloadUrl(60)).download_url, /^http/)
  ),
  "StorageObject#downloadAsText": works(async (world) => holds(await object(world), "in an object")),
  "StorageObject#downloadAsBuffer": works(async (world) =>
    same((await (await object(world)).downloadAsBuffer()).toString(), "in an object")
  ),
  "StorageObject#delete": works(async (world) => {
    const made = await object(world)
    await made.delete()
    await assert.rejects(made.getInfo(), { status: 404 })
  })
}

let made = 0
const secret = (client: sdk.RunloopSDK) => client.secret.create({ name: `S${made++}_${process.pid}`, value: "v" })
const policy = (client: sdk.RunloopSDK) => client.networkPolicy.create({ name: "p", allowed_hostnames: ["*.test"] })

const neighbours: Record<string, Trial> = {
  "SecretOps#create": works(async ({ client }) => {
    const { name } = await secret(client)
    const box = await client.devbox.create({ secrets: { GIVEN: name } })
    same(await text(await box.cmd.exec("echo $GIVEN")), "v\n")
    await box.shutdown()
  }),
  "SecretOps#fromName": local(async ({ client }) => same(client.secret.fromName("A").name, "A")),
  "SecretOps#update": works(async ({ client }) => client.secret.update(await secret(client), { value: "w" })),
  "SecretOps#list": works(async ({ client }) => {
    const { name } = await secret(client)
    assert((await client.secret.list()).some((one) => one.name === name))
  }),
  "SecretOps#delete": works(async ({ client }) => client.secret.delete(await secret(client))),
  "Secret.fromView": local(async ({ api, client }) => {
    const view = await (await secret(client)).getInfo()
    same(sdk.Secret.fromView(api, view).name, view.name)
  }),
  "Secret.fromName": local(async ({ api }) => same(sdk.Secret.fromName(api, "A").name, "A")),
  "Secret#id": local(async ({ client }) => assert((await secret(client)).id)),
  "Secret#name": local(async ({ client }) => assert((await secret(client)).name)),
  "Secret#getInfo": works(async ({ client }) => assert((await (await secret(client)).getInfo()).update_time_ms)),
  "Secret#update": works(async ({ client }) => (await secret(client)).update({ value: "w" })),
  "Secret#delete": works(async ({ client }) => {
    const one = await secret(client)
    await one.delete()
    await assert.rejects(one.getInfo(), { status: 404 })
  }),
  "NetworkPolicyOps#create": works(async ({ client }) => policy(client)),
  "NetworkPolicyOps#fromId": local(async ({ client }) => same(client.networkPolicy.fromId("np_1").id, "np_1")),
  "NetworkPolicyOps#list": works(async ({ client }) => {
    const { id } = await policy(client)
    assert((await client.networkPolicy.list({ name: "p" })).some((one) => one.id === id))
  }),
  "NetworkPolicy.create": works(({ api }) => sdk.NetworkPolicy.create(api, { name: "p" })),
  "NetworkPolicy.fromId": local(async ({ api }) => same(sdk.NetworkPolicy.fromId(api, "np_1").id, "np_1")),
  "NetworkPolicy#id": local(async ({ api }) => same(sdk.NetworkPolicy.fromId(api, "np_1").id, "np_1")),
  "NetworkPolicy#getInfo": works(async ({ client }) =>
    same((await (await policy(client)).getInfo()).egress.allowed_hostnames, ["*.test"])
  ),
  "NetworkPolicy#update": works(async ({ client }) =>
    same((await (await policy(client)).update({ description: "d" })).description, "d")
  ),
  "NetworkPolicy#delete": works(async ({ client }) => {
    const one = await policy(client)
    same((await one.delete()).id, one.id)
    await assert.rejects(one.getInfo(), { status: 404 })
  })
}

const started = async ({ api, box }: World, command = "echo out; echo err >&2") =>
  (await api.devboxes.executeAsync(box.id, { command })).execution_id

const below: Record<string, Trial> = {
  "devboxes.create": works(async ({ api }) => {
    const { id } = await api.devboxes.create({ name: "n", launch_parameters: { keep_alive_time_seconds: 60 } })
    same((await api.devboxes.awaitRunning(id)).name, "n")
    await api.devboxes.shutdown(id, { force: "true" })
  }),
  "devboxes.retrieve": works(async ({ api, box }) => same((await api.devboxes.retrieve(box.id)).id, box.id)),
  "devboxes.awaitRunning": works(async ({ api, box }) => same((await api.devboxes.awaitRunning(box.id)).id, box.id)),
  "devboxes.awaitSuspended": needs(
    "suspend",
    apart(async ({ id }, { api }) => {
      await api.devboxes.suspend(id)
      same((await api.devboxes.awaitSuspended(id, untilRunning)).status, "suspended")
    })
  ),
  "devboxes.createAndAwaitRunning": works(async ({ api }) => {
    const { id, status } = await api.devboxes.createAndAwaitRunning({
      launch_parameters: { launch_commands: ["true"] }
    })
    same(status, "running")
    await api.devboxes.shutdown(id)
  }),
  "devboxes.update": works(
    apart(async ({ id }, { api }) => {
      const { metadata, name } = await api.devboxes.update(id, { name: "other", metadata: { b: "2" } })
      same([name, metadata], ["other", { b: "2" }])
    })
  ),
  "devboxes.list": works(async ({ api, box }) => {
    const ids: Array<string> = []
    for await (const { id } of api.devboxes.list({ limit: 1, status: "running" })) ids.push(id)
    assert(ids.includes(box.id))
  }),
  "devboxes.createGatewayToken": needs("gateway", ({ api, box }) =>
    api.devboxes.createGatewayToken(box.id, { gateway: "g", secret: "s" })
  ),
  "devboxes.createMcpToken": needs("mcp", ({ api, box }) =>
    api.devboxes.createMcpToken(box.id, { mcp_config: "m", secret: "s" })
  ),
  "devboxes.createPtyTunnel": needs("ptyTunnel", ({ api, box }) => api.devboxes.createPtyTunnel(box.id)),
  "devboxes.createSSHKey": needs(
    "ssh",
    apart(async ({ id }, { api }) => assert((await api.devboxes.createSSHKey(id)).ssh_user))
  ),
  "devboxes.deleteDiskSnapshot": needs("snapshot", async ({ api, box }) =>
    api.devboxes.deleteDiskSnapshot((await snapshot(box)).id)
  ),
  "devboxes.downloadFile": works(async ({ api, box }) => {
    await box.file.write({ file_path: "e", contents: "e" })
    same(await (await api.devboxes.downloadFile(box.id, { path: "e" })).text(), "e")
  }),
  "devboxes.enableTunnel": needs(
    "tunnel",
    apart(async ({ id }, { api }) => assert((await api.devboxes.enableTunnel(id)).tunnel_key))
  ),
  "devboxes.execute": works(async ({ api, box }) => {
    const command_id = crypto.randomUUID()
    const first = await api.devboxes.execute(box.id, { command: "echo once >> ~/once; cat ~/once", command_id })
    same([first.execution_id, first.stdout], [command_id, "once\n"])
    const again = await api.devboxes.execute(box.id, { command: "echo once >> ~/once; cat ~/once", command_id })
    same(again.stdout, "once\n")
  }),
  "devboxes.executeAndAwaitCompletion": works(async ({ api, box }) =>
    same((await api.devboxes.executeAndAwaitCompletion(box.id, { command: "echo x" })).stdout, "x\n")
  ),
  "devboxes.executeAsync": works(async (world) => assert(await started(world))),
  "devboxes.executeSync": works(async ({ api, box }) =>
    same((await api.devboxes.executeSync(box.id, { command: "echo x; exit 4" })).exit_status, 4)
  ),
  "devboxes.keepAlive": works(({ api, box }) => api.devboxes.keepAlive(box.id)),
  "devboxes.listDiskSnapshots": needs("snapshot", ({ api }) => api.devboxes.listDiskSnapshots()),
  "devboxes.readFileContents": works(async ({ api, box }) => {
    await box.file.write({ file_path: "f", contents: "f" })
    same(await api.devboxes.readFileContents(box.id, { file_path: "f" }), "f")
  }),
  "devboxes.removeTunnel": needs(
    "tunnel",
    apart(({ id }, { api }) => api.devboxes.removeTunnel(id))
  ),
  "devboxes.resume": needs(
    "suspend",
    apart(async (box, { api }) => api.devboxes.resume((await suspended(box)).id))
  ),
  "devboxes.retrieveResourceUsage": works(async ({ api, box }) =>
    same((await api.devboxes.retrieveResourceUsage(box.id)).id, box.id)
  ),
  "devboxes.shutdown": works(
    apart(async ({ id }, { api }) => {
      same((await api.devboxes.shutdown(id, { force: "false" })).status, "shutdown")
      same((await api.devboxes.shutdown(id)).status, "shutdown")
    })
  ),
  "devboxes.snapshotDisk": needs("snapshot", async ({ api, box }) => {
    const { id } = await api.devboxes.snapshotDisk(box.id, { name: "blocking" })
    same((await api.devboxes.diskSnapshots.queryStatus(id)).status, "complete")
    await api.devboxes.diskSnapshots.delete(id)
  }),
  "devboxes.snapshotDiskAsync": needs("snapshot", async ({ api, box }) => {
    const { id } = await api.devboxes.snapshotDiskAsync(box.id)
    await api.devboxes.diskSnapshots.awaitCompleted(id)
    await api.devboxes.diskSnapshots.delete(id)
  }),
  "devboxes.suspend": needs(
    "suspend",
    apart(({ id }, { api }) => api.devboxes.suspend(id))
  ),
  "devboxes.uploadFile": works(async ({ api, box }) => {
    await api.devboxes.uploadFile(box.id, { path: "g", file: await toFile(bytes, "g.bin") })
    same((await api.devboxes.executeSync(box.id, { command: "stat -c %s g" })).stdout, `${bytes.length}\n`)
  }),
  "devboxes.waitForCommand": works(async (world) => {
    const id = await started(world)
    const { status } = await world.api.devboxes.waitForCommand(world.box.id, id, { statuses: ["completed"] })
    same(status, "completed")
  }),
  "devboxes.watchEvictions": needs("notices", async ({ api }) =>
    (await api.devboxes.watchEvictions()).controller.abort()
  ),
  "devboxes.writeFileContents": works(({ api, box }) =>
    api.devboxes.writeFileContents(box.id, { file_path: "h", contents: "h" })
  ),
  "devboxes.tools": works(async ({ api, box }) => {
    const { execute_command } = api.devboxes.tools.shellTools(box.id)
    assert.match(String(await execute_command.execute({ command: "echo tool" })), /tool/)
  }),
  "devboxes.diskSnapshots.update": withSnapshot(({ id }, { api }) =>
    api.devboxes.diskSnapshots.update(id, { metadata: { b: "2" } })
  ),
  "devboxes.diskSnapshots.list": withSnapshot(async ({ id }, { api }) => {
    const { snapshots: page } = await api.devboxes.diskSnapshots.list({ limit: 50 })
    assert(page.some((one) => one.id === id))
  }),
  "devboxes.diskSnapshots.delete": needs("snapshot", async ({ api, box }) =>
    api.devboxes.diskSnapshots.delete((await snapshot(box)).id)
  ),
  "devboxes.diskSnapshots.queryStatus": withSnapshot(({ id }, { api }) => api.devboxes.diskSnapshots.queryStatus(id)),
  "devboxes.diskSnapshots.awaitCompleted": withSnapshot(({ id }, { api }) =>
    api.devboxes.diskSnapshots.awaitCompleted(id)
  ),
  "devboxes.executions.retrieve": works(async (world) => {
    const id = await started(world)
    same((await world.api.devboxes.executions.retrieve(world.box.id, id, { last_n: "1" })).execution_id, id)
  }),
  "devboxes.executions.executeAsync": works(({ api, box }) =>
    api.devboxes.executions.executeAsync(box.id, { command: "true" })
  ),
  "devboxes.executions.awaitCompleted": works(async (world) => {
    const id = await started(world, "sleep 0.2; echo late")
    same((await world.api.devboxes.executions.awaitCompleted(world.box.id, id)).stdout, "late\n")
  }),
  "devboxes.executions.executeSync": works(async ({ api, box }) =>
    same((await api.devboxes.executions.executeSync(box.id, { command: "echo s" })).stdout, "s\n")
  ),
  "devboxes.executions.kill": works(async (world) => {
    const id = await started(world, "sleep 1000 & wait")
    await world.api.devboxes.executions.kill(world.box.id, id, { kill_process_group: true })
    same((await world.api.devboxes.executions.awaitCompleted(world.box.id, id)).status, "completed")
  }),
  "devboxes.executions.sendStdIn": needs("stdin", async ({ api, box }) => {
    const { execution_id } = await api.devboxes.executeAsync(box.id, { command: "cat", attach_stdin: true })
    const sent = await api.devboxes.executions.sendStdIn(box.id, execution_id, { text: "typed\n" })
    same(sent.success, true)
    // Alone, `signal` is taken for the option of that name by the client itself.
    await api.devboxes.executions.sendStdIn(box.id, execution_id, { text: "", signal: "EOF" })
    same((await api.devboxes.executions.awaitCompleted(box.id, execution_id)).stdout, "typed\n")
  }),
  "devboxes.executions.streamStderrUpdates": works(async (world) => {
    const id = await started(world)
    same(await collect(await world.api.devboxes.executions.streamStderrUpdates(world.box.id, id, {})), "err\n")
  }),
  "devboxes.executions.streamStdoutUpdates": works(async (world) => {
    const id = await started(world, "for n in 1 2 3; do echo $n; sleep 0.05; done")
    same(await collect(await world.api.devboxes.executions.streamStdoutUpdates(world.box.id, id, {})), "1\n2\n3\n")
    same(
      await collect(await world.api.devboxes.executions.streamStdoutUpdates(world.box.id, id, { offset: "4" })),
      "3\n"
    )
  }),
  "devboxes.logs.list": works(({ api, box }) => api.devboxes.logs.list(box.id, { shell_name: "kept" }))
}

/** By the name of the method. */
export const trials: Readonly<Record<string, Trial>> = {
  ...devboxes,
  ...commands,
  ...files,
  ...network,
  ...snapshots,
  ...blueprints,
  ...objects,
  ...neighbours,
  ...below
}

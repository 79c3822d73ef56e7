/**
 * The list of operations that the official client and ours perform: each names what it is, how the official client does it and
 * how ours does. What the requests look like is not said here; a server records both.
 */
import { toFile, type Runloop, type RunloopSDK } from "@runloop/api-client"
import { BlueprintParamsJson } from "@effect-devbox/core/Blueprints"
import { CreateParams, CreateParamsJson, DevboxId, SnapshotId } from "@effect-devbox/core/DevboxModel"
import { cursorStart, ExecutionId } from "@effect-devbox/core/Execution"
import { TunnelOptions } from "@effect-devbox/core/Network"
import { NetworkPolicyChange, NetworkPolicyParams } from "@effect-devbox/core/NetworkPolicies"
import { SnapshotParams } from "@effect-devbox/core/Snapshot"
import { ObjectParams, StorageObjectId } from "@effect-devbox/core/StorageObjects"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { Duration, Effect, Redacted, Schema, Stream } from "effect"
import { CreateRequest, devboxes as describedDevboxes } from "../../../packages/core/src/internal/api/devboxes.ts"
import {
  ExecuteRequest,
  executions as describedExecutions
} from "../../../packages/core/src/internal/api/executions.ts"
import { network as describedNetwork } from "../../../packages/core/src/internal/api/network.ts"
import { snapshots as describedSnapshots } from "../../../packages/core/src/internal/api/snapshots.ts"
import { blueprintBody, createBody } from "./bodies.ts"
import type { Ours } from "./ours.ts"

/** The official client in its two shapes: calls, and objects over them. */
export interface Official {
  readonly api: Runloop
  readonly sdk: RunloopSDK
}

/** Both ways to do one thing. */
export interface Operation {
  readonly official: (official: Official) => PromiseLike<unknown>
  readonly ours: (ours: Ours) => Effect.Effect<unknown, unknown>
}

const described = {
  devboxes: describedDevboxes,
  executions: describedExecutions,
  network: describedNetwork,
  snapshots: describedSnapshots
}

const box = DevboxId.make("dbx_1")
const execution = ExecutionId.make("exec_1")
const snapshot = SnapshotId.make("snp_1")
const object = StorageObjectId.make("obj_1")
/** As the service mints one. */
const generated = () => ExecutionId.make(SecureRandom.uuidV7Unsafe())
const bytes = (text: string) => Stream.make(new TextEncoder().encode(text))
const drain = async (stream: PromiseLike<AsyncIterable<unknown>>): Promise<void> => {
  for await (const _ of await stream);
}
const text = (response: PromiseLike<Response | { text(): Promise<string> }>) =>
  Promise.resolve(response).then((body) => body.text())

const devboxes: Readonly<Record<string, Operation>> = {
  "create with nothing": {
    official: ({ api }) => api.devboxes.create(),
    ours: ({ backend }) => backend.create(new CreateParams({}))
  },
  "create with everything": {
    official: ({ api }) => api.devboxes.create(createBody),
    ours: ({ backend }) => backend.create(Schema.decodeSync(CreateParamsJson)(createBody))
  },
  "create and await running": {
    official: ({ api }) => api.devboxes.createAndAwaitRunning({ name: "x" }),
    ours: ({ client }) =>
      client(described.devboxes).createAndAwaitRunning({ payload: new CreateRequest({ name: "x" }) })
  },
  "create as an object": {
    official: ({ sdk }) => sdk.devbox.create({ name: "x" }),
    ours: ({ backend }) => backend.create(new CreateParams({ name: "x" }))
  },
  "create from a snapshot": {
    official: ({ api }) => api.devboxes.create({ snapshot_id: snapshot }),
    ours: ({ backend }) => backend.create(new CreateParams({ snapshotId: snapshot }))
  },
  retrieve: {
    official: ({ api }) => api.devboxes.retrieve(box),
    ours: ({ backend }) => backend.get(box)
  },
  "retrieve an id with odd characters": {
    official: ({ api }) => api.devboxes.retrieve("a b+c"),
    ours: ({ backend }) => backend.get(DevboxId.make("a b+c"))
  },
  "update nothing": {
    official: ({ api }) => api.devboxes.update(box),
    ours: ({ backend }) => backend.update(box, {})
  },
  "update name and metadata": {
    official: ({ api }) => api.devboxes.update(box, { name: "", metadata: { a: "b" } }),
    ours: ({ backend }) => backend.update(box, { name: "", metadata: { a: "b" } })
  },
  list: {
    official: ({ api }) => api.devboxes.list(),
    ours: ({ backend }) => backend.list({})
  },
  "list a page of a status": {
    official: ({ api }) => api.devboxes.list({ limit: 5, starting_after: "dbx_0", status: "running" }),
    ours: ({ backend }) => backend.list({ limit: 5, startingAfter: "dbx_0", status: "running" })
  },
  "wait until running": {
    official: ({ api }) => api.devboxes.awaitRunning(box),
    ours: ({ backend }) => backend.waitForStatus!(box, ["running", "failure", "shutdown"], Duration.seconds(30))
  },
  "wait until suspended": {
    official: ({ api }) => api.devboxes.awaitSuspended(box),
    ours: ({ backend }) => backend.waitForStatus!(box, ["suspended", "failure", "shutdown"], Duration.seconds(30))
  },
  suspend: {
    official: ({ api }) => api.devboxes.suspend(box),
    ours: ({ backend }) => backend.suspend(box)
  },
  resume: {
    official: ({ api }) => api.devboxes.resume(box),
    ours: ({ backend }) => backend.resume(box)
  },
  "keep alive": {
    official: ({ api }) => api.devboxes.keepAlive(box),
    ours: ({ backend }) => backend.keepAlive(box)
  },
  shutdown: {
    official: ({ api }) => api.devboxes.shutdown(box),
    ours: ({ backend }) => backend.shutdown(box)
  },
  "shutdown by force": {
    official: ({ api }) => api.devboxes.shutdown(box, { force: "true" }),
    ours: ({ backend }) => backend.shutdown(box, { force: true })
  },
  usage: {
    official: ({ api }) => api.devboxes.retrieveResourceUsage(box),
    ours: ({ backend }) => backend.usage(box)
  },
  logs: {
    official: ({ api }) => api.devboxes.logs.list(box),
    ours: ({ backend }) => backend.logs(box)
  },
  "logs of an execution in a shell": {
    official: ({ api }) => api.devboxes.logs.list(box, { execution_id: execution, shell_name: "s" }),
    ours: ({ backend }) => backend.logs(box, { executionId: execution, shellName: "s" })
  },
  "watch evictions": {
    // As the official eviction monitor calls it.
    official: ({ api }) => drain(api.devboxes.watchEvictions({ headers: { Accept: "text/event-stream" } })),
    ours: ({ backend }) => Stream.runDrain(backend.notices)
  }
}

const executions: Readonly<Record<string, Operation>> = {
  "execute with an id": {
    official: ({ api }) =>
      api.devboxes.execute(box, { command: "ls", command_id: "0192-x", optimistic_timeout: 1, shell_name: "s" }),
    ours: ({ backend }) =>
      backend.startExecution(box, { commandId: ExecutionId.make("0192-x"), command: "ls", shell: "s" })
  },
  "execute and read the last lines": {
    official: ({ api }) => api.devboxes.execute(box, { command: "ls", command_id: "0192-x", last_n: "3" }),
    ours: ({ client }) =>
      client(described.executions).execute({
        params: { id: box },
        query: { last_n: 3 },
        payload: new ExecuteRequest({ command: "ls", commandId: ExecutionId.make("0192-x") })
      })
  },
  "execute and wait": {
    official: ({ api }) => api.devboxes.executeAndAwaitCompletion(box, { command: "ls", optimistic_timeout: 1 }),
    ours: ({ backend }) => backend.startExecution(box, { commandId: generated(), command: "ls" })
  },
  "run a command as an object": {
    official: ({ sdk }) => sdk.devbox.fromId(box).cmd.exec("ls", { optimistic_timeout: 1 }),
    ours: ({ backend }) => backend.startExecution(box, { commandId: generated(), command: "ls" })
  },
  "execute with stdin": {
    official: ({ api }) => api.devboxes.executeAsync(box, { command: "cat", attach_stdin: true, shell_name: "s" }),
    ours: ({ backend }) =>
      backend.startExecution(box, { commandId: execution, command: "cat", attachStdin: true, shell: "s" })
  },
  "execute without waiting": {
    official: ({ api }) => api.devboxes.executions.executeAsync(box, { command: "sleep 1" }),
    ours: ({ client }) =>
      client(described.executions).executeAsync({
        params: { id: box },
        payload: new ExecuteRequest({ command: "sleep 1" })
      })
  },
  "execute in one request": {
    official: ({ api }) => api.devboxes.executeSync(box, { command: "ls" }),
    ours: ({ client }) =>
      client(described.executions).executeSync({ params: { id: box }, payload: new ExecuteRequest({ command: "ls" }) })
  },
  "execute in one request, the other method": {
    official: ({ api }) => api.devboxes.executions.executeSync(box, { command: "ls", shell_name: "s" }),
    ours: ({ client }) =>
      client(described.executions).executeSync({
        params: { id: box },
        payload: new ExecuteRequest({ command: "ls", shellName: "s" })
      })
  },
  "retrieve an execution": {
    official: ({ api }) => api.devboxes.executions.retrieve(box, execution),
    ours: ({ backend }) => backend.getExecution(box, execution)
  },
  "retrieve an execution's last lines": {
    official: ({ api }) => api.devboxes.executions.retrieve(box, execution, { last_n: "2" }),
    ours: ({ backend }) => backend.getExecution(box, execution, { lastLines: 2 })
  },
  "wait for an execution": {
    official: ({ api }) => api.devboxes.executions.awaitCompleted(box, execution),
    ours: ({ backend }) => backend.waitForExecution!(box, execution, Duration.seconds(25))
  },
  "wait for an execution with a time": {
    official: ({ api }) =>
      api.devboxes.waitForCommand(box, execution, { statuses: ["completed"], timeout_seconds: 25, last_n: "7" }),
    ours: ({ backend }) => backend.waitForExecution!(box, execution, Duration.seconds(25), { lastLines: 7 })
  },
  kill: {
    official: ({ api }) => api.devboxes.executions.kill(box, execution),
    ours: ({ backend }) => backend.kill(box, execution)
  },
  "kill the group": {
    official: ({ api }) => api.devboxes.executions.kill(box, execution, { kill_process_group: true }),
    ours: ({ backend }) => backend.kill(box, execution, { group: true })
  },
  "send text to stdin": {
    official: ({ api }) => api.devboxes.executions.sendStdIn(box, execution, { text: "héllo\n" }),
    ours: ({ backend }) => backend.sendStdin(box, execution, { bytes: new TextEncoder().encode("héllo\n") })
  },
  "end stdin": {
    // Its method takes a lone `signal` for one of its own options (PROTOCOL P16.43).
    official: ({ api }) =>
      api.post(`/v1/devboxes/${box}/executions/${execution}/send_std_in`, { body: { signal: "EOF" } }),
    ours: ({ backend }) => backend.sendStdin(box, execution, { signal: "EOF" })
  },
  "interrupt by stdin": {
    official: ({ api }) =>
      api.post(`/v1/devboxes/${box}/executions/${execution}/send_std_in`, { body: { signal: "INTERRUPT" } }),
    ours: ({ backend }) => backend.sendStdin(box, execution, { signal: "INTERRUPT" })
  },
  "stream stdout": {
    official: ({ api }) => drain(api.devboxes.executions.streamStdoutUpdates(box, execution)),
    ours: ({ backend }) => Stream.runDrain(backend.output(box, execution, "stdout", cursorStart))
  },
  "stream stderr": {
    official: ({ api }) => drain(api.devboxes.executions.streamStderrUpdates(box, execution)),
    ours: ({ backend }) => Stream.runDrain(backend.output(box, execution, "stderr", cursorStart))
  },
  "stream stdout from an offset": {
    official: ({ api }) => drain(api.devboxes.executions.streamStdoutUpdates(box, execution, { offset: "11" })),
    ours: ({ backend }) => Stream.runDrain(backend.output(box, execution, "stdout", { stdout: 11, stderr: 0 }))
  }
}

const files: Readonly<Record<string, Operation>> = {
  "read text": {
    official: ({ api }) => api.devboxes.readFileContents(box, { file_path: "~/a" }),
    ours: ({ backend }) => Stream.runDrain(backend.download(box, "~/a", { text: true }))
  },
  "write text": {
    official: ({ api }) => api.devboxes.writeFileContents(box, { file_path: "~/a", contents: 'é"\n' }),
    ours: ({ backend }) => backend.upload(box, "~/a", bytes('é"\n'), { text: true, size: 4 })
  },
  upload: {
    official: async ({ api }) =>
      api.devboxes.uploadFile(box, {
        path: "~/dir/x.bin",
        file: await toFile(Buffer.from("some bytes"), "x.bin", { type: "application/octet-stream" })
      }),
    ours: ({ backend }) => backend.upload(box, "~/dir/x.bin", bytes("some bytes"), { size: 10 })
  },
  download: {
    official: ({ api }) => text(api.devboxes.downloadFile(box, { path: "/x" })),
    ours: ({ backend }) => Stream.runDrain(backend.download(box, "/x"))
  }
}

const network: Readonly<Record<string, Operation>> = {
  "create an SSH key": {
    official: ({ api }) => api.devboxes.createSSHKey(box),
    ours: ({ backend }) => backend.createSshKey(box)
  },
  "create a terminal's tunnel": {
    official: ({ api }) => api.devboxes.createPtyTunnel(box),
    ours: ({ client }) => client(described.network).createPtyTunnel({ params: { id: box } })
  },
  "enable the tunnel": {
    official: ({ api }) => api.devboxes.enableTunnel(box),
    ours: ({ backend }) => backend.enableTunnel(box, new TunnelOptions({}))
  },
  "enable the tunnel with options": {
    official: ({ api }) =>
      api.devboxes.enableTunnel(box, { auth_mode: "authenticated", http_keep_alive: false, wake_on_http: true }),
    ours: ({ backend }) =>
      backend.enableTunnel(
        box,
        new TunnelOptions({ authMode: "authenticated", httpKeepAlive: false, wakeOnHttp: true })
      )
  },
  "remove the tunnel": {
    official: ({ api }) => api.devboxes.removeTunnel(box),
    ours: ({ backend }) => backend.removeTunnel(box)
  }
}

const params = { name: "n", metadata: { env: "prod" }, commit_message: "m" }
const ourParams = new SnapshotParams({ name: "n", metadata: { env: "prod" }, commitMessage: "m" })

const snapshots: Readonly<Record<string, Operation>> = {
  "take a snapshot": {
    official: ({ api }) => api.devboxes.snapshotDiskAsync(box, params),
    ours: ({ backend }) => backend.startSnapshot(box, ourParams)
  },
  "take a snapshot with nothing": {
    official: ({ api }) => api.devboxes.snapshotDiskAsync(box),
    ours: ({ backend }) => backend.startSnapshot(box, new SnapshotParams({}))
  },
  "take a snapshot in one request": {
    official: ({ api }) => api.devboxes.snapshotDisk(box, params),
    ours: ({ client }) => client(described.snapshots).snapshotDisk({ params: { id: box }, payload: ourParams })
  },
  "look at a snapshot": {
    official: ({ api }) => api.devboxes.diskSnapshots.queryStatus(snapshot),
    ours: ({ backend }) => backend.getSnapshot(snapshot)
  },
  "wait for a snapshot": {
    official: ({ api }) => api.devboxes.diskSnapshots.awaitCompleted(snapshot),
    ours: ({ backend }) => backend.getSnapshot(snapshot)
  },
  "list snapshots": {
    official: ({ api }) => api.devboxes.listDiskSnapshots(),
    ours: ({ backend }) => backend.listSnapshots({})
  },
  "list snapshots of a devbox": {
    official: ({ api }) => api.devboxes.diskSnapshots.list({ devbox_id: box, limit: 2, starting_after: "snp_0" }),
    ours: ({ backend }) => backend.listSnapshots({ devboxId: box, limit: 2, startingAfter: "snp_0" })
  },
  "update a snapshot": {
    official: ({ api }) => api.devboxes.diskSnapshots.update(snapshot, params),
    ours: ({ backend }) => backend.updateSnapshot(snapshot, ourParams)
  },
  "delete a snapshot": {
    official: ({ api }) => api.devboxes.diskSnapshots.delete(snapshot),
    ours: ({ backend }) => backend.deleteSnapshot(snapshot)
  },
  "delete a snapshot, the other method": {
    official: ({ api }) => api.devboxes.deleteDiskSnapshot(snapshot),
    ours: ({ backend }) => backend.deleteSnapshot(snapshot)
  }
}

const blueprints: Readonly<Record<string, Operation>> = {
  "create a blueprint": {
    official: ({ api }) => api.blueprints.create(blueprintBody),
    ours: ({ blueprints }) => blueprints.create(Schema.decodeSync(BlueprintParamsJson)(blueprintBody))
  },
  "create a blueprint and wait": {
    official: ({ api }) => api.blueprints.createAndAwaitBuildCompleted({ name: "b" }),
    ours: ({ blueprints }) =>
      Effect.flatMap(blueprints.create(Schema.decodeSync(BlueprintParamsJson)({ name: "b" })), ({ id }) =>
        blueprints.get(id)
      )
  },
  "retrieve a blueprint": {
    official: ({ api }) => api.blueprints.retrieve("id_1"),
    ours: ({ blueprints }) => blueprints.get("id_1" as never)
  },
  "wait for a blueprint": {
    official: ({ api }) => api.blueprints.awaitBuildComplete("id_1"),
    ours: ({ blueprints }) => blueprints.get("id_1" as never)
  },
  "list blueprints": {
    official: ({ api }) => api.blueprints.list({ name: "b", status: "build_complete", limit: 100 }),
    ours: ({ blueprints }) =>
      blueprints.list({ name: "b", status: "build_complete", limit: 100, startingAfter: undefined })
  },
  "list everybody's blueprints": {
    official: ({ api }) => api.blueprints.listPublic({ limit: 100, starting_after: "bpt_0" }),
    ours: ({ blueprints }) => blueprints.list({ isPublic: true, limit: 100, startingAfter: "bpt_0" })
  },
  "delete a blueprint": {
    official: ({ api }) => api.blueprints.delete("id_1"),
    ours: ({ blueprints }) => blueprints.delete("id_1" as never)
  },
  "read a build's log": {
    official: ({ api }) => api.blueprints.logs("id_1"),
    ours: ({ blueprints }) => blueprints.logs("id_1" as never)
  },
  "preview a blueprint": {
    official: ({ api }) => api.blueprints.preview(blueprintBody),
    ours: ({ blueprints }) => blueprints.preview(Schema.decodeSync(BlueprintParamsJson)(blueprintBody))
  }
}

const objects: Readonly<Record<string, Operation>> = {
  "create an object": {
    official: ({ api }) =>
      api.objects.create({ name: "o", content_type: "binary", metadata: { a: "b" }, ttl_ms: 1000 }),
    ours: ({ objects }) =>
      objects.create(new ObjectParams({ name: "o", contentType: "binary", metadata: { a: "b" }, ttlMs: 1000 }))
  },
  "upload an object": {
    official: ({ sdk }) => sdk.storageObject.uploadFromText("some text", "o"),
    ours: ({ objects }) =>
      Effect.gen(function* () {
        const made = yield* objects.create(new ObjectParams({ name: "o", contentType: "text" }))
        yield* objects.send(made, bytes("some text"), 9)
        yield* objects.complete(made.id)
      })
  },
  "retrieve an object": {
    official: ({ api }) => api.objects.retrieve(object),
    ours: ({ objects }) => objects.get(object)
  },
  "complete an object": {
    official: ({ api }) => api.objects.complete(object),
    ours: ({ objects }) => objects.complete(object)
  },
  "get an object's address": {
    official: ({ api }) => api.objects.download(object, { duration_seconds: 60 }),
    ours: ({ objects }) => objects.downloadUrl(object, Duration.minutes(1))
  },
  "download an object": {
    official: ({ sdk }) => sdk.storageObject.fromId(object).downloadAsText(),
    ours: ({ objects }) => Stream.runDrain(objects.download(object))
  },
  "delete an object": {
    official: ({ api }) => api.objects.delete(object),
    ours: ({ objects }) => objects.delete(object)
  },
  "list objects": {
    official: ({ api }) =>
      api.objects.list({ name: "n", search: "s", content_type: "text", state: "READ_ONLY", limit: 100 }),
    ours: ({ objects }) =>
      objects.list({
        name: "n",
        search: "s",
        contentType: "text",
        state: "READ_ONLY",
        limit: 100,
        startingAfter: undefined
      })
  },
  "list everybody's objects": {
    official: ({ api }) => api.objects.listPublic({ limit: 100 }),
    ours: ({ objects }) => objects.list({ isPublic: true, limit: 100, startingAfter: undefined })
  }
}

const secrets: Readonly<Record<string, Operation>> = {
  "create a secret": {
    official: ({ api }) => api.secrets.create({ name: "A", value: "v" }),
    ours: ({ secrets }) => secrets.create("A", Redacted.make("v"))
  },
  "retrieve a secret": {
    official: ({ api }) => api.secrets.retrieve("A"),
    ours: ({ secrets }) => secrets.get("A")
  },
  "update a secret": {
    official: ({ api }) => api.secrets.update("A", { value: "w" }),
    ours: ({ secrets }) => secrets.update("A", Redacted.make("w"))
  },
  "delete a secret": {
    official: ({ api }) => api.secrets.delete("A"),
    ours: ({ secrets }) => secrets.delete("A")
  },
  "list secrets": {
    official: ({ api }) => api.secrets.list({ limit: 10 }),
    ours: ({ secrets }) => secrets.list(10)
  }
}

const rules = {
  allow_all: false,
  allow_devbox_to_devbox: true,
  allow_agent_gateway: false,
  allow_mcp_gateway: true,
  allow_runloop_mirrors: true,
  allowed_hostnames: ["*.example.com"],
  allowed_cidrs: [{ cidr: "10.0.0.0/8", ports: [{ port: 443, end_port: 444, protocol: "TCP" as const }] }]
}
const ourRules = {
  allowAll: false,
  allowDevboxToDevbox: true,
  allowAgentGateway: false,
  allowMcpGateway: true,
  allowRunloopMirrors: true,
  allowedHostnames: ["*.example.com"],
  allowedCidrs: [{ cidr: "10.0.0.0/8", ports: [{ port: 443, endPort: 444, protocol: "TCP" as const }] }]
}

const policies: Readonly<Record<string, Operation>> = {
  "create a policy": {
    official: ({ api }) => api.networkPolicies.create({ name: "p", description: "d", ...rules }),
    ours: ({ policies }) => policies.create(new NetworkPolicyParams({ name: "p", description: "d", ...ourRules }))
  },
  "retrieve a policy": {
    official: ({ api }) => api.networkPolicies.retrieve("np_1"),
    ours: ({ policies }) => policies.get("np_1" as never)
  },
  "update a policy": {
    official: ({ api }) => api.networkPolicies.update("np_1", { description: "e", ...rules }),
    ours: ({ policies }) => policies.update("np_1" as never, new NetworkPolicyChange({ description: "e", ...ourRules }))
  },
  "delete a policy": {
    official: ({ api }) => api.networkPolicies.delete("np_1"),
    ours: ({ policies }) => policies.delete("np_1" as never)
  },
  "list policies": {
    official: ({ api }) => api.networkPolicies.list({ name: "p", search: "s", limit: 100, starting_after: "np_0" }),
    ours: ({ policies }) => policies.list({ name: "p", search: "s", limit: 100, startingAfter: "np_0" })
  }
}

/** All of them. */
export const operations: Readonly<Record<string, Operation>> = {
  ...devboxes,
  ...executions,
  ...files,
  ...network,
  ...snapshots,
  ...blueprints,
  ...objects,
  ...secrets,
  ...policies
}

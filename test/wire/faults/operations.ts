/** Every operation that a user can call, by the name the table has for it, on a service whose server answers as the fault says. */
import { BlueprintId, BlueprintParams, Blueprints } from "@effect-devbox/core/Blueprints"
import { DevboxService } from "@effect-devbox/core/DevboxService"
import { DevboxId, SnapshotId } from "@effect-devbox/core/DevboxModel"
import { ExecutionId } from "@effect-devbox/core/Execution"
import {
  NetworkPolicies,
  NetworkPolicyChange,
  NetworkPolicyId,
  NetworkPolicyParams
} from "@effect-devbox/core/NetworkPolicies"
import { Secrets } from "@effect-devbox/core/Secrets"
import { ObjectParams, StorageObjectId, StorageObjects } from "@effect-devbox/core/StorageObjects"
import { Effect, Redacted, type Scope, Stream } from "effect"
import { HttpClientRequest } from "effect/http"

/** What an operation may use. */
export type Services = DevboxService | Blueprints | StorageObjects | Secrets | NetworkPolicies

const id = DevboxId.make("dbx_1")
const executionId = ExecutionId.make("exec_1")
const snapshotId = SnapshotId.make("snp_1")
const blueprint = BlueprintId.make("bpt_1")
const object = StorageObjectId.make("obj_1")
const policy = NetworkPolicyId.make("np_1")
const bytes = new TextEncoder().encode("some bytes")

type Run = Effect.Effect<unknown, unknown, Services | Scope.Scope>

const devboxes = (use: (service: typeof DevboxService.Service) => Run): Run => Effect.flatMap(DevboxService, use)
const attached = (use: (devbox: ReturnType<(typeof DevboxService.Service)["attach"]>) => Run): Run =>
  devboxes((service) => use(service.attach(id)))
const blueprints = (use: (service: typeof Blueprints.Service) => Run): Run => Effect.flatMap(Blueprints, use)
const objects = (use: (service: typeof StorageObjects.Service) => Run): Run => Effect.flatMap(StorageObjects, use)
const secrets = (use: (service: typeof Secrets.Service) => Run): Run => Effect.flatMap(Secrets, use)
const policies = (use: (service: typeof NetworkPolicies.Service) => Run): Run => Effect.flatMap(NetworkPolicies, use)

/** All of them. */
export const operations: Readonly<Record<string, Run>> = {
  create: devboxes((service) => service.create()),
  createDetached: devboxes((service) => service.createDetached()),
  list: devboxes((service) => Stream.runDrain(service.list())),
  getInfo: attached((devbox) => devbox.getInfo),
  update: attached((devbox) => devbox.update({ name: "n" })),
  "update of metadata": attached((devbox) => devbox.update({ metadata: { a: "b" } })),
  awaitRunning: attached((devbox) => devbox.awaitRunning()),
  awaitSuspended: attached((devbox) => devbox.awaitSuspended()),
  suspend: attached((devbox) => devbox.suspend),
  resume: attached((devbox) => devbox.resume),
  shutdown: attached((devbox) => devbox.shutdown()),
  keepAlive: attached((devbox) => devbox.keepAlive),
  keepAliveWhile: devboxes((service) => service.keepAliveWhile(id, Effect.delay(Effect.void, "10 minutes"))),
  usage: attached((devbox) => devbox.usage),
  logs: attached((devbox) => devbox.logs()),
  notices: devboxes((service) => Stream.runHead(service.notices)),
  snapshotDisk: attached((devbox) => devbox.snapshotDisk()),
  snapshotDiskAsync: attached((devbox) => devbox.snapshotDiskAsync()),
  fork: devboxes((service) => service.fork(id, 2)),
  getSnapshot: devboxes((service) => service.getSnapshot(snapshotId)),
  awaitSnapshot: devboxes((service) => service.awaitSnapshot(snapshotId)),
  updateSnapshot: devboxes((service) => service.updateSnapshot(snapshotId, { name: "n" })),
  deleteSnapshot: devboxes((service) => service.deleteSnapshot(snapshotId)),
  listSnapshots: devboxes((service) => Stream.runDrain(service.listSnapshots())),
  exec: attached((devbox) => devbox.cmd.exec("ls")),
  execOrFail: attached((devbox) => devbox.cmd.execOrFail("ls")),
  "exec with onStdout": attached((devbox) => devbox.cmd.exec("ls", { onStdout: () => Effect.void })),
  execAsync: attached((devbox) => devbox.cmd.execAsync("ls")),
  execDetached: attached((devbox) => devbox.cmd.execDetached("ls")),
  "execDetached with stdin": attached((devbox) => devbox.cmd.execDetached("cat", { attachStdin: true })),
  getExecution: devboxes((service) => service.getExecution(id, executionId)),
  "stdout of an execution": devboxes((service) => Stream.runDrain(service.attachExecution(id, executionId).stdout)),
  "stdin of an execution": devboxes((service) =>
    Stream.run(Stream.make("text"), service.attachExecution(id, executionId).stdin)
  ),
  pty: devboxes((service) => service.pty(id)),
  kill: devboxes((service) => service.kill(id, executionId)),
  readFile: attached((devbox) => devbox.file.read("/x")),
  writeFile: attached((devbox) => devbox.file.write("/x", "text")),
  upload: attached((devbox) => devbox.file.upload("/x", bytes)),
  "upload of a stream": attached((devbox) => devbox.file.upload("/x", Stream.make(bytes))),
  download: attached((devbox) => devbox.file.download("/x")),
  downloadStream: attached((devbox) => Stream.runDrain(devbox.file.downloadStream("/x"))),
  createSshKey: attached((devbox) => devbox.net.createSshKey),
  sshConfig: attached((devbox) => devbox.net.sshConfig({ identityFile: "/key" })),
  enableTunnel: attached((devbox) => devbox.net.enableTunnel()),
  getTunnel: attached((devbox) => devbox.net.getTunnel),
  createTunnel: attached((devbox) => devbox.net.createTunnel(8080)),
  removeTunnel: attached((devbox) => devbox.net.removeTunnel()),
  dial: devboxes((service) => service.dial(id, 8080)),
  awaitPort: devboxes((service) => service.awaitPort(id, 8080)),
  fetch: devboxes((service) => Effect.scoped(service.fetch(id, 8080, HttpClientRequest.get("/")))),
  "Blueprints.create": blueprints((service) => service.create(new BlueprintParams({ name: "b" }))),
  "Blueprints.build": blueprints((service) => service.build(new BlueprintParams({ name: "b" }))),
  "Blueprints.awaitBuild": blueprints((service) => service.awaitBuild(blueprint)),
  "Blueprints.get": blueprints((service) => service.get(blueprint)),
  "Blueprints.list": blueprints((service) => Stream.runDrain(service.list())),
  "Blueprints.delete": blueprints((service) => service.delete(blueprint)),
  "Blueprints.logs": blueprints((service) => service.logs(blueprint)),
  "Blueprints.preview": blueprints((service) => service.preview(new BlueprintParams({ name: "b" }))),
  "StorageObjects.upload": objects((service) => service.upload(bytes, { name: "o" })),
  "StorageObjects.create": objects((service) => service.create(new ObjectParams({ name: "o", contentType: "text" }))),
  "StorageObjects.complete": objects((service) => service.complete(object)),
  "StorageObjects.get": objects((service) => service.get(object)),
  "StorageObjects.download": objects((service) => Stream.runDrain(service.download(object))),
  "StorageObjects.downloadText": objects((service) => service.downloadText(object)),
  "StorageObjects.downloadUrl": objects((service) => service.downloadUrl(object)),
  "StorageObjects.delete": objects((service) => service.delete(object)),
  "StorageObjects.list": objects((service) => Stream.runDrain(service.list())),
  "Secrets.create": secrets((service) => service.create("A", Redacted.make("v"))),
  "Secrets.get": secrets((service) => service.get("A")),
  "Secrets.update": secrets((service) => service.update("A", Redacted.make("v"))),
  "Secrets.delete": secrets((service) => service.delete("A")),
  "Secrets.list": secrets((service) => service.list()),
  "NetworkPolicies.create": policies((service) => service.create(new NetworkPolicyParams({ name: "p" }))),
  "NetworkPolicies.get": policies((service) => service.get(policy)),
  "NetworkPolicies.update": policies((service) => service.update(policy, new NetworkPolicyChange({ name: "p" }))),
  "NetworkPolicies.delete": policies((service) => service.delete(policy)),
  "NetworkPolicies.list": policies((service) => Stream.runDrain(service.list()))
}

/** The models and their JSON form: one field list, total decoding, secrets hidden. */
import { assert, describe, it } from "@effect/vitest"
import {
  CreateParams,
  CreateParamsJson,
  DevboxInfo,
  DevboxInfoJson,
  LaunchParameters
} from "@effect-devbox/core/DevboxModel"
import { ExecutionInfoJson } from "@effect-devbox/core/Execution"
import { SshKeyJson, TunnelJson } from "@effect-devbox/core/Network"
import { SnapshotStateJson } from "@effect-devbox/core/Snapshot"
import { Inspectable, Redacted, Schema } from "effect"

const view = {
  id: "dbx_1",
  status: "running",
  create_time_ms: 1,
  end_time_ms: null,
  launch_parameters: {
    custom_cpu_cores: 0.5,
    resource_size_request: null,
    lifecycle: { after_idle: { idle_time_seconds: 3, on_idle: "suspend" } }
  },
  metadata: { a: "b" },
  capabilities: ["docker_in_docker"],
  state_transitions: [{ status: "running", transition_time_ms: 2 }],
  tunnel: {
    tunnel_key: "k",
    auth_mode: "authenticated",
    create_time_ms: 2,
    http_keep_alive: true,
    wake_on_http: false,
    auth_token: "very-secret"
  }
}

const decode = Schema.decodeUnknownSync(DevboxInfoJson)

describe("the JSON form of the models", () => {
  it("decodes to instances with camelCase fields and back to the same JSON, without nulls", () => {
    const info = decode(view)
    assert.instanceOf(info, DevboxInfo)
    assert.instanceOf(info.launchParameters, LaunchParameters)
    assert.strictEqual(info.launchParameters.lifecycle?.afterIdle?.idleTimeSeconds, 3)
    assert.isFalse("endTimeMs" in info)
    const { end_time_ms: _end, launch_parameters, ...rest } = view
    const { resource_size_request: _size, ...launch } = launch_parameters
    assert.deepStrictEqual(JSON.parse(JSON.stringify(Schema.encodeSync(DevboxInfoJson)(info))), {
      ...rest,
      launch_parameters: launch
    })
  })

  it("treats null, absent and unknown keys alike", () => {
    const bare = decode({ ...view, tunnel: null, name: null, shutdown_reason: null, some_day: { a: 1 } })
    assert.isFalse("tunnel" in bare || "name" in bare || "shutdownReason" in bare || "some_day" in bare)
  })

  it("decodes words it does not know as unknown and `scheduled` as queued", () => {
    assert.strictEqual(decode({ ...view, status: "teleporting" }).status, "unknown")
    assert.strictEqual(decode({ ...view, status: "scheduled" }).status, "queued")
    assert.strictEqual(decode({ ...view, status: "constructor" }).status, "unknown")
    assert.deepStrictEqual(decode({ ...view, capabilities: ["quantum"] }).capabilities, ["unknown"])
  })

  it("refuses a view without what every view has, naming the field", () => {
    const { status: _, ...rest } = view
    assert.throws(() => decode(rest), /status/)
  })

  it("keeps tokens and keys out of text, JSON and inspection", () => {
    const info = decode(view)
    const key = Schema.decodeUnknownSync(SshKeyJson)({
      id: "dbx_1",
      ssh_private_key: "very-secret",
      ssh_user: "user",
      url: "host"
    })
    for (const value of [info, info.tunnel, key]) {
      assert.notInclude(JSON.stringify(value), "very-secret")
      assert.notInclude(Inspectable.toStringUnknown(value), "very-secret")
    }
    assert.strictEqual(Redacted.value(info.tunnel!.authToken!), "very-secret")
  })

  it("sends only what was said", () => {
    const params = new CreateParams({ name: "x", launchParameters: new LaunchParameters({ keepAliveTimeSeconds: 60 }) })
    assert.deepStrictEqual(JSON.parse(JSON.stringify(Schema.encodeSync(CreateParamsJson)(params))), {
      name: "x",
      launch_parameters: { keep_alive_time_seconds: 60 }
    })
  })

  it("names every kind of mount as the wire does", () => {
    const mounts = [
      { type: "object_mount", object_id: "o", object_path: "/o" },
      { type: "file_mount", target: "/f", content: "x" },
      { type: "code_mount", repo_name: "r", repo_owner: "o", token: "very-secret", git_ref: "main" },
      { type: "agent_mount", agent_id: null, agent_name: "a" },
      { type: "broker_mount", axon_id: "x", protocol: "acp" }
    ]
    const params = Schema.decodeUnknownSync(CreateParamsJson)({ mounts })
    assert.notInclude(JSON.stringify(params), "very-secret")
    assert.deepStrictEqual(JSON.parse(JSON.stringify(Schema.encodeSync(CreateParamsJson)(params))), { mounts })
  })

  it("reads executions, snapshots and tunnels of a server that says the least", () => {
    const execution = Schema.decodeUnknownSync(ExecutionInfoJson)({
      devbox_id: "d",
      execution_id: "e",
      status: "running",
      exit_status: null
    })
    assert.strictEqual(execution.status, "running")
    assert.strictEqual(
      Schema.decodeUnknownSync(SnapshotStateJson)({ status: "in_progress", snapshot: null }).status,
      "in_progress"
    )
    const tunnel = {
      tunnel_key: "k",
      auth_mode: "public_",
      create_time_ms: 0,
      http_keep_alive: true,
      wake_on_http: false
    }
    assert.strictEqual(Schema.decodeUnknownSync(TunnelJson)(tunnel).authMode, "open")
  })
})

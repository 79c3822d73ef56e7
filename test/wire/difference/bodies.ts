/** The two large requests with every field, as the official client takes them. */
import type { Runloop } from "@runloop/api-client"

const launchParameters: NonNullable<Runloop.DevboxCreateParams["launch_parameters"]> = {
  resource_size_request: "CUSTOM_SIZE",
  custom_cpu_cores: 0.5,
  custom_gb_memory: 2,
  custom_disk_size: 4,
  architecture: "arm64",
  keep_alive_time_seconds: 60,
  after_idle: { idle_time_seconds: 5, on_idle: "suspend" },
  lifecycle: {
    after_idle: { idle_time_seconds: 5, on_idle: "suspend" },
    lifecycle_hooks: { suspend_commands: ["sync"], suspend_deadline_ms: 1000 },
    resume_triggers: { http: true, axon_event: false }
  },
  launch_commands: ["echo a"],
  required_services: ["db"],
  network_policy_id: "np_1",
  provisioning_tier: "flex",
  user_parameters: { uid: 1000, username: "user" },
  available_ports: [8080]
}

/** A devbox with everything that can be said about one. */
export const createBody: Runloop.DevboxCreateParams = {
  name: "x",
  metadata: { env: "prod" },
  blueprint_id: "bpt_1",
  blueprint_name: "b",
  snapshot_id: "snp_1",
  environment_variables: { A: "1", camelCase: "kept" },
  secrets: { TOKEN: "NAME" },
  entrypoint: "sleep 1",
  launch_parameters: launchParameters,
  mounts: [
    { type: "object_mount", object_id: "obj_1", object_path: "/o" },
    { type: "file_mount", target: "/f", content: "text" },
    {
      type: "code_mount",
      repo_name: "r",
      repo_owner: "o",
      token: "t",
      git_ref: "main",
      install_command: "make"
    },
    { type: "agent_mount", agent_id: "agt_1", agent_name: null, agent_path: "/a", auth_token: "t" },
    {
      type: "broker_mount",
      axon_id: "axn_1",
      protocol: "acp",
      agent_binary: "b",
      launch_args: ["-v"],
      working_directory: "/w"
    }
  ],
  tunnel: { auth_mode: "authenticated", http_keep_alive: false, wake_on_http: true },
  gateways: { GW: { gateway: "g", secret: "s" } },
  mcp: { MCP: { mcp_config: "m", secret: "s" } }
}

/** A blueprint with everything that can be said about one. */
export const blueprintBody: Runloop.BlueprintCreateParams = {
  name: "b",
  dockerfile: "FROM x",
  system_setup_commands: ["apt-get update"],
  base_blueprint_id: "bpt_0",
  base_blueprint_name: "base",
  build_args: { A: "1" },
  build_context: { type: "object", object_id: "obj_1" },
  code_mounts: [{ repo_name: "r", repo_owner: "o", token: "t", git_ref: "main", install_command: "make" }],
  file_mounts: { "/f": "text" },
  launch_parameters: launchParameters,
  metadata: { env: "prod" },
  network_policy_id: "np_1",
  secrets: { TOKEN: "NAME" },
  services: [
    {
      name: "db",
      image: "postgres",
      credentials: { username: "u", password: "p" },
      env: { A: "1" },
      options: "--init",
      port_mappings: ["5432:5432"]
    }
  ]
}

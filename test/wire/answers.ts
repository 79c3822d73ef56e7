/** An answer to every request of the wire in which each client finds what it needs, whatever it asked for. */

/** Every required field of every view. */
const view = (path: string, body: string, origin: string): object => {
  const status = path.includes("/executions/")
    ? "completed"
    : /execute(_async)?$/.test(path)
      ? "completed"
      : path.includes("disk_snapshots") && path.endsWith("/status")
        ? "complete"
        : path.startsWith("/v1/blueprints")
          ? "build_complete"
          : // The first status of those that are waited for.
            (/"statuses":\s*\[\s*"(\w+)"/.exec(body)?.[1] ?? "running")
  return {
    id: "id_1",
    name: "n",
    status,
    state: path.startsWith("/v1/objects") ? "READ_ONLY" : "created",
    create_time_ms: 1,
    update_time_ms: 1,
    start_time_ms: 1,
    launch_parameters: {},
    metadata: {},
    capabilities: [],
    state_transitions: [],
    devbox_id: "dbx_1",
    execution_id: "exec_1",
    exit_status: 0,
    stdout: "",
    stderr: "",
    success: true,
    source_devbox_id: "dbx_1",
    total_elapsed_seconds: 1,
    total_active_seconds: 1,
    vcpu_seconds: 1,
    memory_gb_seconds: 1,
    disk_gb_seconds: 1,
    ssh_private_key: "k",
    ssh_user: "user",
    url: "h",
    port: 1,
    tunnel_key: "k",
    auth_token: "t",
    auth_mode: "open",
    http_keep_alive: true,
    wake_on_http: false,
    blueprint_id: "bpt_1",
    dockerfile: "FROM x",
    parameters: { name: "n" },
    content_type: "text",
    upload_url: `${origin}/storage/put?signature=s`,
    download_url: `${origin}/storage/get?signature=s`,
    egress: {},
    attached: false,
    created: true,
    session_name: "s",
    connect_url: "/pty/s/ws",
    snapshot: { id: "snp_1", create_time_ms: 1, metadata: {}, source_devbox_id: "dbx_1" },
    logs: [],
    devboxes: [],
    snapshots: [],
    blueprints: [],
    objects: [],
    secrets: [],
    network_policies: [],
    has_more: false,
    total_count: 0
  }
}

/** See above. `origin` is where the contents of objects are. */
export const answerTo = (
  path: string,
  body: string,
  origin: string
): { readonly contentType: string; readonly text: string } => {
  if (/stream_std(out|err)_updates$/.test(path)) {
    return { contentType: "text/event-stream", text: `data: {"output":"x","offset":1}\n\n` }
  }
  if (path.endsWith("/evictions/watch")) {
    return { contentType: "text/event-stream", text: `data: {"devbox_id":"dbx_1","eviction_deadline_ms":1}\n\n` }
  }
  if (path.endsWith("/read_file_contents")) return { contentType: "text/plain", text: "text" }
  if (/\/(download_file|storage\/get)$/.test(path)) return { contentType: "application/octet-stream", text: "bytes" }
  return { contentType: "application/json", text: JSON.stringify(view(path, body, origin)) }
}

/**
 * The tables of the state database, laid out once. A migration is appended, never changed: `migrations[n]` takes a database
 * of version n to version n + 1. Times are milliseconds since 1970; JSON columns hold the snake_case form of the models.
 */
export const migrations: ReadonlyArray<string> = [
  `
  -- Who runs boxes: a program's own process, or the holder process of one detached box. An owner is alive as long as its
  -- lock file is locked; the pid is written down for people only.
  create table owners (
    id text primary key,
    kind text not null check (kind in ('process', 'holder')),
    pid integer not null,
    socket text,
    start_time_ms integer not null,
    end_time_ms integer
  ) strict, without rowid;
  create index owners_open on owners (id) where end_time_ms is null;

  create table devboxes (
    id text primary key,
    tenant text,
    owner_id text not null references owners (id),
    detached integer not null,
    status text not null,
    name text,
    metadata text not null,
    request text not null,
    blueprint_id text,
    snapshot_id text,
    isolation text,
    network text,
    limits text,
    base text,
    create_time_ms integer not null,
    running_since_ms integer,
    active_ms integer not null default 0,
    expires_at_ms integer,
    end_time_ms integer,
    failure_reason text,
    shutdown_reason text
  ) strict, without rowid;
  create index devboxes_owner on devboxes (owner_id, status);
  create index devboxes_status on devboxes (status, id);
  create index devboxes_tenant on devboxes (tenant, id);

  create table state_transitions (
    devbox_id text not null references devboxes (id) on delete cascade,
    position integer not null,
    status text not null,
    time_ms integer not null,
    failure_reason text,
    primary key (devbox_id, position)
  ) strict, without rowid;

  create table executions (
    devbox_id text not null references devboxes (id) on delete cascade,
    id text not null,
    source text not null,
    command text not null,
    shell_name text,
    attach_stdin integer not null,
    status text not null,
    exit_status integer,
    signal text,
    failure_reason text,
    stdout_bytes integer,
    stderr_bytes integer,
    start_time_ms integer not null,
    end_time_ms integer,
    primary key (devbox_id, id)
  ) strict, without rowid;
  create index executions_open on executions (devbox_id) where status <> 'completed';

  create table logs (
    devbox_id text not null references devboxes (id) on delete cascade,
    position integer not null,
    level text not null,
    source text not null,
    time_ms integer not null,
    message text,
    cmd text,
    cmd_id text,
    exit_code integer,
    shell_name text,
    primary key (devbox_id, position)
  ) strict, without rowid;

  create table snapshots (
    id text primary key,
    tenant text,
    owner_id text not null references owners (id),
    source_devbox_id text not null,
    source_blueprint_id text,
    name text,
    commit_message text,
    metadata text not null,
    status text not null,
    error_message text,
    size_bytes integer,
    method text,
    paused_ms real,
    base text,
    host_fingerprint text,
    create_time_ms integer not null,
    delete_time_ms integer
  ) strict, without rowid;
  create index snapshots_devbox on snapshots (source_devbox_id, id);
  create index snapshots_tenant on snapshots (tenant, id);

  -- Layers are immutable; the rows that refer to one are its reference count.
  create table layers (
    id text primary key,
    format text not null,
    size_bytes integer,
    create_time_ms integer not null
  ) strict, without rowid;
  create table snapshot_layers (
    snapshot_id text not null references snapshots (id) on delete cascade,
    position integer not null,
    layer_id text not null references layers (id),
    primary key (snapshot_id, position)
  ) strict, without rowid;
  create index snapshot_layers_layer on snapshot_layers (layer_id);
  create table devbox_layers (
    devbox_id text not null references devboxes (id) on delete cascade,
    position integer not null,
    layer_id text not null references layers (id),
    primary key (devbox_id, position)
  ) strict, without rowid;
  create index devbox_layers_layer on devbox_layers (layer_id);

  create table tunnels (
    devbox_id text primary key references devboxes (id) on delete cascade,
    tunnel_key text not null unique,
    auth_mode text not null,
    auth_token text,
    http_keep_alive integer not null,
    wake_on_http integer not null,
    ports text not null,
    create_time_ms integer not null
  ) strict, without rowid;

  create table ssh_hosts (
    devbox_id text primary key references devboxes (id) on delete cascade,
    host_key text not null,
    port integer
  ) strict, without rowid;
  create table ssh_keys (
    id text primary key,
    devbox_id text not null references devboxes (id) on delete cascade,
    public_key text not null,
    create_time_ms integer not null
  ) strict, without rowid;
  create index ssh_keys_devbox on ssh_keys (devbox_id);

  -- The keys that clients of a server present; a tenant is the id of one. Only the hash is kept.
  create table api_keys (
    id text primary key,
    name text,
    hash blob not null,
    create_time_ms integer not null,
    revoke_time_ms integer
  ) strict, without rowid;

  create table idempotency (
    tenant text not null,
    request_key text not null,
    operation text not null,
    request_hash text not null,
    response text,
    create_time_ms integer not null,
    primary key (tenant, request_key)
  ) strict, without rowid;
  create index idempotency_age on idempotency (create_time_ms);
  `,
  `
  -- Who makes a layer, until it is whole; and the layer that it can stand in for, with everything below that one.
  alter table layers add column owner_id text;
  alter table layers add column replaces text;
  create index layers_replaces on layers (replaces) where replaces is not null;

  -- Ends to come that were announced.
  create table notices (
    devbox_id text primary key references devboxes (id) on delete cascade,
    deadline_ms integer not null
  ) strict, without rowid;
  `,
  `
  create table network_policies (
    id text primary key,
    tenant text,
    name text not null,
    description text,
    policy text not null
  ) strict, without rowid;
  `,
  `
  -- Where the gateway of a tunnel listens; null while nobody serves it.
  alter table tunnels add column gateway_port integer;

  -- Keys and tunnels go with their devbox, whoever writes its end down.
  create trigger devboxes_ended after update of status on devboxes when new.status in ('shutdown', 'failure') begin
    delete from tunnels where devbox_id = new.id;
    delete from ssh_keys where devbox_id = new.id;
    delete from ssh_hosts where devbox_id = new.id;
  end;
  `
]

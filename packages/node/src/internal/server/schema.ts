/**
 * The tables of a server's own database: what is true whatever backend stands behind it. A migration is appended, never changed:
 * `migrations[n]` takes a database of version n to version n + 1. Times are milliseconds since 1970.
 */
export const migrations: ReadonlyArray<string> = [
  `
  -- The keys that clients present, and whose they are. Only the hash is kept.
  create table api_keys (
    id text primary key,
    tenant text not null,
    hash blob not null unique,
    create_time_ms integer not null,
    revoke_time_ms integer
  ) strict, without rowid;
  create index api_keys_tenant on api_keys (tenant);

  -- Whose a devbox or snapshot is. An index of what the backend's metadata says, so that one lookup answers for every id.
  create table owned (
    kind text not null check (kind in ('devbox', 'snapshot')),
    id text not null,
    tenant text not null,
    create_time_ms integer not null,
    primary key (kind, id)
  ) strict, without rowid;
  create index owned_tenant on owned (tenant, kind);

  -- Requests that were begun, and what was answered. The seed is what the carrying out of one request names its things by.
  create table answers (
    request_key text primary key,
    seed text not null,
    status integer,
    content_type text,
    body blob,
    begin_time_ms integer not null
  ) strict, without rowid;
  create index answers_age on answers (begin_time_ms);

  create table secrets (
    tenant text not null,
    name text not null,
    id text not null unique,
    value text not null,
    create_time_ms integer not null,
    update_time_ms integer not null,
    primary key (tenant, name)
  ) strict, without rowid;

  create table network_policies (
    id text primary key,
    tenant text not null,
    name text not null,
    description text,
    egress text not null,
    create_time_ms integer not null,
    update_time_ms integer not null
  ) strict, without rowid;
  create index network_policies_tenant on network_policies (tenant, id);

  create table objects (
    id text primary key,
    tenant text not null,
    name text not null,
    content_type text not null,
    state text not null,
    metadata text,
    size_bytes integer,
    create_time_ms integer not null,
    delete_after_ms integer
  ) strict, without rowid;
  create index objects_tenant on objects (tenant, id);
  create index objects_age on objects (delete_after_ms) where delete_after_ms is not null;
  `
]

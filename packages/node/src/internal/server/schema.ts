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
    tenant text not null,
    kind text not null check (kind in ('devbox', 'snapshot')),
    id text not null,
    create_time_ms integer not null,
    -- Begins with the tenant, so that what is another's and what does not exist take the same look.
    primary key (tenant, kind, id)
  ) strict, without rowid;

  -- Requests that were begun, and what was answered. The seed is what the carrying out of one request names its things by.
  create table answers (
    request_hash blob primary key,
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

  -- The JSON is the snake_case form of the model.
  create table network_policies (
    tenant text not null,
    id text not null,
    name text not null,
    info text not null,
    primary key (tenant, id)
  ) strict, without rowid;

  create table objects (
    tenant text not null,
    id text not null,
    name text not null,
    content_type text not null,
    state text not null,
    metadata text,
    size_bytes integer,
    create_time_ms integer not null,
    delete_after_ms integer,
    primary key (tenant, id)
  ) strict, without rowid;
  create unique index objects_id on objects (id);
  create index objects_age on objects (delete_after_ms) where delete_after_ms is not null;
  `,
  `
  -- What a request said, and answers that only its caller can open: those from before hold keys and tokens in the clear.
  drop table answers;
  create table answers (
    request_hash blob primary key,
    content_hash blob not null,
    seed text not null,
    status integer,
    content_type text,
    body blob,
    begin_time_ms integer not null
  ) strict, without rowid;
  create index answers_age on answers (begin_time_ms);
  `
]

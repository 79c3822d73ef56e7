/** The rows of SSH: the host key of a devbox and where it is served, and the public keys that may log in. */
import type { Database } from "./database.ts"

/** A devbox as an SSH host; `port` is where it was served last. */
export interface SshHostRow {
  readonly devbox_id: string
  readonly host_key: string
  readonly port: number | null
}

/** The host, when somebody asked for a key. */
export const getSshHost = (db: Database, id: string): SshHostRow | undefined =>
  db.first("select * from ssh_hosts where devbox_id = ?", id)

/** Adds a key that may log in. The first brings the host key along, which then stays. */
export const insertSshKey = (
  db: Database,
  id: string,
  key: { readonly id: string; readonly publicKey: string; readonly hostKey: string }
): void =>
  db.transaction(() => {
    db.statement("insert into ssh_hosts (devbox_id, host_key) values (?, ?) on conflict do nothing").run(
      id,
      key.hostKey
    )
    db.statement("insert into ssh_keys (id, devbox_id, public_key, create_time_ms) values (?, ?, ?, ?)").run(
      key.id,
      id,
      key.publicKey,
      Date.now()
    )
  })

/** The public keys that may log in. */
export const sshKeysOf = (db: Database, id: string): ReadonlyArray<string> =>
  db
    .all<{ readonly public_key: string }>("select public_key from ssh_keys where devbox_id = ?", id)
    .map((row) => row.public_key)

/** Writes down where the host is served. */
export const setSshPort = (db: Database, id: string, port: number): void => {
  db.statement("update ssh_hosts set port = ?1 where devbox_id = ?2 and port is not ?1").run(port, id)
}

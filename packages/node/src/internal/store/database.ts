/**
 * One connection to the state database: opening it while other processes do the same, migrations, cached statements and
 * transactions. It knows no table; those are in the files beside it.
 */
import * as fs from "node:fs"
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite"
import { migrations as stateMigrations } from "./schema.ts"

/** An open database. Everything is synchronous: a call costs some hundredths of a millisecond. */
export interface Database {
  /** The prepared statement of an SQL text, made once. */
  readonly statement: (sql: string) => StatementSync
  /** The first row of a query, as the caller's query selects it. */
  readonly first: <Row>(sql: string, ...values: ReadonlyArray<SQLInputValue>) => Row | undefined
  /** All rows of a query. */
  readonly all: <Row>(sql: string, ...values: ReadonlyArray<SQLInputValue>) => ReadonlyArray<Row>
  /** Runs `body` in a write transaction; rolled back when it throws. Calls inside a transaction join it. */
  readonly transaction: <A>(body: () => A) => A
  /** As `transaction`, and on disk before it returns, so that not even a loss of power takes it back. */
  readonly durably: <A>(body: () => A) => A
  readonly close: () => void
}

/** How long a statement waits for another process's transaction, and how long opening is tried again. */
const busyMillis = 5000

const isBusy = (cause: unknown): boolean =>
  // 5 is SQLITE_BUSY, 6 SQLITE_LOCKED; the low byte is the primary code of an extended one.
  cause instanceof Error && "errcode" in cause && [5, 6].includes(Number(cause.errcode) & 0xff)

/** Blocks the thread: opening happens once, and a synchronous wait keeps it a plain function. */
const pause = (millis: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, millis)

/** Opens the database at `path`, creating it with mode 0600, and brings its tables to the newest version. */
export const openDatabase = (path: string, migrations: ReadonlyArray<string> = stateMigrations): Database => {
  // The file is created by us, because SQLite would give it (and its -wal and -shm, which inherit) the umask's mode.
  fs.closeSync(fs.openSync(path, fs.constants.O_CREAT | fs.constants.O_RDWR, 0o600))
  const deadline = Date.now() + busyMillis
  for (;;) {
    const connection = new DatabaseSync(path)
    try {
      connection.exec(`pragma busy_timeout = ${busyMillis}`)
      // Two processes that switch a new database to WAL at the same moment lock each other out whatever the timeout.
      if (connection.prepare("pragma journal_mode").get()?.["journal_mode"] !== "wal") {
        connection.exec("pragma journal_mode = wal")
      }
      connection.exec("pragma synchronous = normal; pragma foreign_keys = on")
      migrate(connection, path, migrations)
      return wrap(connection)
    } catch (cause) {
      connection.close()
      if (!isBusy(cause) || Date.now() > deadline) throw cause
      pause(1 + Math.random() * 5)
    }
  }
}

const versionOf = (connection: DatabaseSync): number => {
  connection.exec("create table if not exists meta (key text primary key, value any) strict, without rowid")
  return Number(connection.prepare("select value from meta where key = 'schema_version'").get()?.["value"] ?? 0)
}

const migrate = (connection: DatabaseSync, path: string, migrations: ReadonlyArray<string>) => {
  const known = connection.prepare("select count(*) as n from sqlite_schema where name = 'meta'").get()?.["n"] === 1
  if (known && versionOf(connection) === migrations.length) return
  connection.exec("begin immediate")
  try {
    const version = versionOf(connection)
    if (version > migrations.length) {
      throw new Error(
        `${path} was written by a newer version of effect-devbox (schema ${version}, this one knows ${migrations.length}); use that version, or another state directory`
      )
    }
    for (const migration of migrations.slice(version)) connection.exec(migration)
    connection.prepare("insert or replace into meta values ('schema_version', ?)").run(migrations.length)
    connection.exec("commit")
  } catch (cause) {
    connection.exec("rollback")
    throw cause
  }
}

const wrap = (connection: DatabaseSync): Database => {
  const statements = new Map<string, StatementSync>()
  const statement = (sql: string) => {
    let prepared = statements.get(sql)
    if (prepared === undefined) statements.set(sql, (prepared = connection.prepare(sql)))
    return prepared
  }
  const transaction = <A>(body: () => A): A => {
    if (connection.isTransaction) return body()
    statement("begin immediate").run()
    try {
      const result = body()
      statement("commit").run()
      return result
    } catch (cause) {
      if (connection.isTransaction) statement("rollback").run()
      throw cause
    }
  }
  return {
    statement,
    // Tables are STRICT and columns named in each query, so that a row has the shape that its query says.
    first: <Row>(sql: string, ...values: ReadonlyArray<SQLInputValue>) =>
      statement(sql).get(...values) as Row | undefined,
    all: <Row>(sql: string, ...values: ReadonlyArray<SQLInputValue>) => statement(sql).all(...values) as Array<Row>,
    transaction,
    durably: (body) => {
      connection.exec("pragma synchronous = full")
      try {
        return transaction(body)
      } finally {
        connection.exec("pragma synchronous = normal")
      }
    },
    close: () => {
      statements.clear()
      connection.close()
    }
  }
}

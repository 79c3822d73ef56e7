/**
 * Runs inside a devbox. `write`: for as long as it lives, appends to a log with checksums, then notes the record in a second file,
 * replaces a third one by rename, and moves money in an SQLite database in WAL mode. `check`: says what is not as every moment
 * of that must have left it.
 */
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { DatabaseSync } from "node:sqlite"

const accounts = 50
const total = accounts * 1000

const sum = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16)

const nap = new Int32Array(new SharedArrayBuffer(4))

const write = (): void => {
  // Something to copy between the files that belong together.
  for (let n = 0; n < 40; n++) fs.writeFileSync(`ballast${n}`, Buffer.alloc(2 ** 21, n))
  const db = new DatabaseSync("bank.db")
  db.exec("pragma journal_mode = wal; pragma synchronous = off; pragma wal_autocheckpoint = 50")
  db.exec("create table account (id integer primary key, money integer); create table moved (n integer primary key)")
  db.exec("begin")
  for (let id = 0; id < accounts; id++) db.prepare("insert into account values (?, 1000)").run(id)
  db.exec("commit")
  const [take, give, note] = [
    "update account set money = money - 1 where id = ?",
    "update account set money = money + 1 where id = ?",
    "insert into moved values (?)"
  ].map((sql) => db.prepare(sql))
  const log = fs.openSync("log", "a")
  const noted = fs.openSync("noted", "a")
  for (let n = 0; ; n++) {
    const body = String(n).repeat(1 + ((n * 7919) % 200))
    // In two pieces, so that a record can be torn.
    fs.writeSync(log, `${n} ${sum(body)} `)
    fs.writeSync(log, `${body}\n`)
    fs.writeSync(noted, `${n}\n`)
    fs.writeFileSync("state.new", JSON.stringify({ n, sum: sum(String(n)) }))
    fs.renameSync("state.new", "state")
    db.exec("begin")
    take!.run(n % accounts)
    give!.run((n * 31) % accounts)
    note!.run(n)
    db.exec("commit")
    if (n === 200) fs.writeSync(1, "warm\n")
    // Some thousand records a second: what is checked a hundred times must not fill the disk.
    if (n % 2 === 0) Atomics.wait(nap, 0, 0, 1)
  }
}

/** Gives each line of a file of any size, and returns what comes after the last one. */
const eachLine = (file: string, use: (line: string) => void): string => {
  const fd = fs.openSync(file, "r")
  const chunk = Buffer.alloc(2 ** 20)
  let rest = ""
  for (let length = 1; length > 0;) {
    length = fs.readSync(fd, chunk)
    const lines = (rest + chunk.toString("latin1", 0, length)).split("\n")
    rest = lines.pop() ?? ""
    lines.forEach(use)
  }
  fs.closeSync(fd)
  return rest
}

const check = (dir: string): ReadonlyArray<string> => {
  const problems: Array<string> = []
  let records = 0
  const torn = eachLine(`${dir}/log`, (line) => {
    const [n, hash, body = ""] = line.split(" ")
    const whole = Number(n) === records && hash === sum(body)
    if (!whole && problems.length < 5) problems.push(`record ${records} of the log is not whole`)
    records++
  })
  let noted = 0
  eachLine(`${dir}/noted`, () => noted++)
  // A record is noted when it is whole and before the next one begins.
  if (noted > records || noted < records - 1) problems.push(`${records} records, ${noted} noted`)
  if (torn !== "" && noted !== records) problems.push(`record ${records} begins, ${noted} are noted`)
  const state = JSON.parse(fs.readFileSync(`${dir}/state`, "utf8")) as { readonly n: number; readonly sum: string }
  if (state.sum !== sum(String(state.n))) problems.push("the state is not whole")
  if (state.n > noted - 1 || state.n < noted - 2) problems.push(`the state is of ${state.n}, ${noted} are noted`)
  const db = new DatabaseSync(`${dir}/bank.db`)
  const one = (sql: string): unknown => Object.values(db.prepare(sql).get() ?? {})[0]
  if (one("pragma integrity_check") !== "ok") problems.push("the database is damaged")
  if (one("select sum(money) from account") !== total) problems.push("money is lost or made")
  const moved = Number(one("select count(*) from moved"))
  if (moved - 1 !== one("select max(n) from moved")) problems.push("the moves have a gap")
  if (moved > state.n + 1 || moved < state.n) problems.push(`${moved} moves, and the state is of ${state.n}`)
  return problems
}

if (process.argv[2] === "write") write()
else {
  let problems: ReadonlyArray<string>
  try {
    problems = check(process.argv[3] ?? ".")
  } catch (error) {
    problems = [String(error)]
  }
  process.stdout.write(JSON.stringify(problems))
}

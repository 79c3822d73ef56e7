/**
 * Kills a server again and again while clients work with it, starts it each time, and then holds everything that was acknowledged
 * against what is there. `node run.ts [KILLS] [SEED]` prints the report.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { findLeaks } from "../../../tools/findLeaks.ts"
import { type Book, Client, emptyBook, random } from "./load.ts"
import { freePort, ServerProcess } from "./process.ts"

/** What came of it. */
export interface Report {
  readonly kills: number
  readonly seed: number
  readonly acknowledged: number
  readonly repeated: number
  readonly devboxes: number
  readonly executions: number
  readonly files: number
  readonly secrets: number
  readonly objects: number
  readonly seconds: number
  readonly problems: ReadonlyArray<string>
}

/** A random moment is what this is about. */
const pause = (millis: number) => new Promise<void>((resolve) => setTimeout(resolve, millis)) // in real time

/** See above. */
export const killAgainAndAgain = async (kills: number, seed: number): Promise<Report> => {
  const begin = performance.now()
  const stateDir = mkdtempSync(join(process.env["DEVBOX_TEST_DIR"] ?? "/var/tmp", "devbox-kill-"))
  // Boxes are dropped to another user, who has to pass through.
  chmodSync(stateDir, 0o755)
  const server = new ServerProcess(stateDir, await freePort())
  const next = random(seed)
  const books: ReadonlyArray<Book> = [emptyBook("alice"), emptyBook("bob"), emptyBook("alice")]
  const problems: Array<string> = []
  let stopped = false
  try {
    await server.start()
    const clients = books.map((book) => new Client(server, book))
    const working = Promise.all(clients.map((client, index) => client.work(random(seed + index + 1), () => stopped)))
    working.catch(() => {})
    const goOn = (millis: number) => Promise.race([pause(millis), working])
    const acknowledged = () => books.reduce((sum, book) => sum + book.acknowledged, 0)
    for (let kill = 0; kill < kills; kill++) {
      const before = acknowledged()
      // A busy machine may need longer than that for the first answer, without which a kill can take nothing away.
      do await goOn(next() * 1500)
      while (acknowledged() === before)
      await server.end("SIGKILL")
      await server.start()
    }
    while (books.every(({ executions }) => executions.length === 0)) await goOn(100)
    stopped = true
    await working
    // What is left of an attempt that was given up may still be told from what was acknowledged.
    const all = new Set(books.flatMap((book) => [...book.boxes.keys()]))
    for (const client of clients) await client.verifyAll()
    problems.push(
      ...books
        .flatMap((book) => book.problems)
        // Two clients share a key, and see each other's.
        .filter((problem) => !/ is nobody's/.test(problem) || !all.has(/devbox (\S+)/.exec(problem)?.[1] ?? ""))
    )
    await server.end("SIGTERM")
    await server.start("shutdown")
    const code = await server.end("SIGTERM")
    if (code !== 0 && code !== 130 && code !== 143)
      problems.push(`the server that was asked to stop ended with ${code}`)
    if (/Error|ERROR|FATAL/.test(server.stderr)) problems.push(`the server said:\n${server.stderr.slice(0, 4000)}`)
    // Only what is certainly over may be gone: the holders write down what they must and end.
    for (let look = 0; look < 50; look++) {
      if (findLeaks({ stateDir }).every(({ kind }) => kind === "directory")) break
      await pause(100)
    }
    for (const { kind, what } of findLeaks({ stateDir })) {
      if (kind !== "directory") problems.push(`left behind: ${kind} ${what}`)
    }
  } finally {
    stopped = true
    await server.end("SIGKILL")
    for (const { kind, what } of findLeaks({ stateDir })) {
      const pid = kind === "process" ? Number.parseInt(what, 10) : 0
      try {
        if (pid > 0) process.kill(pid, "SIGKILL")
      } catch {
        // It ended by itself.
      }
    }
    rmSync(stateDir, { recursive: true, force: true, maxRetries: 10 })
  }
  const sum = (of: (book: Book) => number) => books.reduce((total, book) => total + of(book), 0)
  return {
    kills,
    seed,
    acknowledged: sum((book) => book.acknowledged),
    repeated: sum((book) => book.repeated),
    devboxes: sum((book) => book.boxes.size),
    executions: sum((book) => book.executions.length),
    files: sum((book) => book.files.size),
    secrets: sum((book) => book.secrets.size),
    objects: sum((book) => book.objects.size),
    seconds: Math.round((performance.now() - begin) / 1000),
    problems
  }
}

/** The report for people. */
export const format = ({ problems, ...rest }: Report): string =>
  [
    `${rest.kills} kills (seed ${rest.seed}) in ${rest.seconds} s: ${rest.acknowledged} requests acknowledged, ${rest.repeated} sent again`,
    `${rest.devboxes} devboxes, ${rest.executions} executions, ${rest.files} files, ${rest.secrets} secrets, ${rest.objects} objects: ${problems.length} problems`,
    ...problems.slice(0, 20)
  ].join("\n")

if (process.argv[1] === import.meta.filename) {
  const report = await killAgainAndAgain(Number(process.argv[2] ?? 100), Number(process.argv[3] ?? 2026))
  console.log(format(report))
  if (report.problems.length > 0) process.exitCode = 1
}

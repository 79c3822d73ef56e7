/** The real clients of the tests: stock programs of this machine, each run to its end with what it said. */
import { Effect, Redacted } from "effect"
import { execFile, spawn } from "node:child_process"
import dns from "node:dns"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** What a program said and ended with. */
export interface Said {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program. Its failure is data; that it cannot be run at all fails the test. */
export const run = (
  program: string,
  args: ReadonlyArray<string>,
  options: { readonly input?: string | Buffer; readonly encoding?: "utf8" | "latin1"; readonly timeout?: number } = {}
): Effect.Effect<Said> =>
  Effect.callback<Said>((resume) => {
    const child = execFile(
      program,
      [...args],
      {
        encoding: options.encoding ?? "utf8",
        timeout: options.timeout ?? 20_000,
        killSignal: "SIGKILL",
        maxBuffer: 1024 * 1024 * 1024
      },
      (error, stdout, stderr) => {
        if (error !== null && typeof error.code === "string") return resume(Effect.die(error))
        if (error?.killed === true) return resume(Effect.die(new Error(`${program} hangs: ${stdout}${stderr}`)))
        resume(Effect.succeed({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }))
      }
    )
    child.stdin?.on("error", () => {})
    child.stdin?.end(options.input ?? "")
    return Effect.sync(() => void child.kill("SIGKILL"))
  })

/** Starts a program that goes on until the scope closes, with everything it has printed so far. */
export const started = (program: string, args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(program, [...args], { stdio: ["pipe", "pipe", "pipe"] })
      let printed = ""
      let stirred = () => {}
      const add = (text: Buffer) => {
        printed += text.toString("utf8")
        stirred()
      }
      child.stdout.on("data", add)
      child.stderr.on("data", add)
      child.stdin.on("error", () => {})
      const closed = new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1)))
      let over = false
      void closed.then(() => {
        over = true
        stirred()
      })
      /** Waits until it has printed something that matches. */
      const until = (pattern: RegExp) =>
        Effect.callback<string>((resume) => {
          const look = () => {
            if (pattern.test(printed)) resume(Effect.succeed(printed))
            else if (over) resume(Effect.die(new Error(`${program} ended: ${printed}`)))
          }
          stirred = look
          look()
        })
      return { child, closed: Effect.promise(() => closed), until, write: (text: string) => child.stdin.write(text) }
    }),
    ({ child, closed }) => {
      child.kill("SIGKILL")
      return closed
    }
  )

/** A folder of the test's own. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "devbox-clients-"))),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)

/** curl, with the head of the answer on stdout. */
export const curl = (...args: ReadonlyArray<string>) => run("curl", ["-sS", "-m", "30", ...args])

/**
 * Lets Node find the names of tunnels until the scope closes: browsers and curl know that everything below `localhost` is this
 * machine (RFC 6761), while Node asks the system's resolver, which may not.
 */
export const localhostIsHere = Effect.acquireRelease(
  Effect.sync(() => {
    const { lookup } = dns
    const taught = (name: string, options: dns.LookupOptions, found: (...answer: ReadonlyArray<unknown>) => void) => {
      if (!name.endsWith(".localhost")) return lookup(name, options, found as never)
      if (options.all === true) found(null, [{ address: "127.0.0.1", family: 4 }])
      else found(null, "127.0.0.1", 4)
    }
    dns.lookup = taught as typeof dns.lookup
    return lookup
  }),
  (lookup) => Effect.sync(() => void (dns.lookup = lookup))
)

/** The text of a secret. */
export const text = (secret: Redacted.Redacted | undefined): string =>
  secret === undefined ? "" : Redacted.value(secret)

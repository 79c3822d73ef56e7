/** A devbox that starts as many processes as it can: it meets its own bound, the host goes on, and the devbox recovers. */
import { execFile, spawn } from "node:child_process"
import { promisify } from "node:util"
import { Devbox } from "@effect-devbox/core"
import { Effect, Exit, Stream } from "effect"
import { expect, it } from "vitest"
import { useStage } from "./suite.ts"

const run = promisify(execFile)

/** More than a devbox may have by default, and few enough for the host. */
const wanted = 4500

/**
 * Starts processes that wait without using the processor, a line each, says when no more are wanted or possible, and waits
 * with them. No child runs a program of its own: it would cost the host more and prove nothing.
 */
const storm = `at=$(mktemp -d) && mkfifo "$at/never" && exec 9<>"$at/never" && rm -r "$at"
sh -c 'i=0; while [ $i -lt ${wanted} ]; do read -r _ <&9 & i=$((i+1)); echo started; done'
echo standing
read -r _ <&9`

const count = (text: string): number => text.split("started\n").length - 1

/** The same storm on the host, in a process group of its own that is ended at once. */
const outside = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn("bash", ["-c", storm], { detached: true, stdio: ["ignore", "pipe", "pipe"] })
    let text = ""
    let complaint = ""
    const end = () => process.kill(-(child.pid ?? 0), "SIGKILL")
    child.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString()))
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString()
      if (text.endsWith("standing\n")) end()
    })
    child.once("error", reject)
    child.once("close", () => (count(text) > 0 ? resolve(count(text)) : reject(new Error(complaint))))
  })

const stage = useStage()

it("stops a storm of processes at the devbox's own bound, while the host starts processes and the devbox recovers", async (context) => {
  const allowed = (await run("bash", ["-c", "ulimit -u"])).stdout.trim()
  if (allowed !== "unlimited" && Number(allowed) < wanted + 1000) {
    return context.skip(`this user may have ${allowed} processes, too few to show that the storm succeeds outside`)
  }
  context.task.meta.isolation = stage().tier
  const control = await outside()
  expect(control, "the same storm outside").toBe(wanted)

  const inside = await stage().run(
    Effect.gen(function* () {
      const devbox = yield* Devbox.create()
      const execution = yield* devbox.cmd.execAsync(storm)
      const standing = yield* execution.stdout.pipe(
        Stream.scan(
          () => "",
          (text, chunk: string) => text + chunk
        ),
        Stream.takeUntil((text) => text.endsWith("standing\n")),
        Stream.runLast
      )
      const text = standing._tag === "Some" ? standing.value : ""
      // The storm stands: this is the moment in which a host without bounds would be lost.
      const host = yield* Effect.promise(() => run("sh", ["-c", "echo $((6 * 7))"]))
      const other = yield* Effect.exit(devbox.cmd.exec("true", { timeout: "20 seconds" }))
      yield* execution.kill({ signal: "SIGKILL" })
      const after = yield* devbox.cmd.exec("echo recovered; ls -d /proc/[0-9]* | wc -l")
      return {
        started: count(text),
        host: host.stdout,
        other: Exit.isSuccess(other) ? "exit status 0" : String(other.cause).slice(0, 200),
        after: after.stdout
      }
    })
  )
  console.log(
    `\nprocesses wanted: ${wanted}; outside: ${control}; inside: ${inside.started}; another command meanwhile: ${inside.other}; afterwards: ${inside.after.replaceAll("\n", " ")}\n`
  )
  expect(inside.started, "processes inside").toBeLessThan(wanted)
  expect(inside.host, "the host, while the storm stands").toBe("42\n")
  expect(inside.after).toMatch(/^recovered\n/)
  expect(Number(inside.after.split("\n")[1]), "processes left inside").toBeLessThan(30)
})

import * as fs from "node:fs"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import type { ExecStartError } from "../../../packages/node/src/internal/sandbox/errors.ts"
import type { Box } from "../../../packages/node/src/internal/sandbox/types.ts"
import {
  type Host,
  isolated,
  launch,
  launchers,
  makeHost,
  printed,
  processesWith,
  run,
  unavailable
} from "./helpers.ts"

/** Other suites' agents come and go meanwhile. */
const statusOf = (pid: number): string => {
  try {
    return fs.readFileSync(`/proc/${pid}/status`, "utf8")
  } catch {
    return ""
  }
}

for (const launcher of launchers) {
  const reason = unavailable(launcher)
  if (reason !== undefined) console.warn(`kill on ${launcher} is skipped: ${reason}`)
  describe.skipIf(reason !== undefined)(`kill on ${launcher}`, () => {
    let host: Host
    let box: Box
    beforeAll(async () => {
      host = await makeHost(launcher)
      box = await host.start()
    })
    afterAll(() => host?.close())

    it("ends a process group at once", async () => {
      const mark = `36${Math.trunc(1e7 + Math.random() * 9e7)}`
      for (let i = 0; i < 20; i++) {
        const execution = launch(box, `sleep ${mark} & sleep ${mark} & echo up; wait`)
        await printed(box, execution.id, "up")
        expect((await box.kill(execution.id, { group: true })).remaining).toBe(0)
        expect(processesWith(mark)).toEqual([])
        expect((await execution.done).code).toBe(137)
      }
    })

    it("finds what left the group, ignores TERM, lost its parent, its environment and its output", async () => {
      const mark = `36${Math.trunc(1e7 + Math.random() * 9e7)}`
      const execution = launch(
        box,
        `trap "" TERM
        setsid sh -c 'trap "" TERM; sleep ${mark} & echo one; wait' &
        ( ( setsid env -i sleep ${mark} </dev/null >/dev/null 2>&1 & ) )
        setsid bash -c 'exec -a renamed sleep ${mark}' </dev/null >/dev/null 2>&1 &
        nohup sleep ${mark} >/dev/null 2>&1 &
        echo up; wait`
      )
      await printed(box, execution.id, "up")
      // What is started beside it takes its time to become what it is to be.
      const sleeping = () => [...processesWith(`sleep\0${mark}`), ...processesWith(`renamed\0${mark}`)]
      await vi.waitFor(() => expect(sleeping()).toHaveLength(4), { timeout: 20_000 })
      const outcome = await box.kill(execution.id, { group: true })
      expect(outcome.remaining).toBe(0)
      expect(outcome.signalled).toBeGreaterThanOrEqual(3)
      expect(processesWith(mark)).toEqual([])
      expect((await execution.done).code).toBe(137)
    })

    // Without pids of its own a box is searched for among all processes of the machine, where the next one is always gone.
    if (isolated.includes(launcher)) {
      it("catches what leaves the group and is another process a moment later", async () => {
        const mark = `37${Math.trunc(Math.random() * 1e7)}`
        for (let i = 0; i < 10; i++) {
          const execution = launch(
            box,
            `echo 'setsid sh "$0" ${mark} </dev/null >/dev/null 2>&1 &' >hop.sh; sh hop.sh ${mark}; echo up; sleep 3600`
          )
          await printed(box, execution.id, "up")
          expect((await box.kill(execution.id, { group: true })).remaining).toBe(0)
          expect(processesWith(mark)).toEqual([])
          expect((await execution.done).code).toBe(137)
        }
      })
    }

    it("leaves other executions alone", async () => {
      const other = launch(box, "echo up; sleep 3600")
      const one = launch(box, "echo up; sleep 3600")
      await Promise.all([printed(box, other.id, "up"), printed(box, one.id, "up")])
      await box.kill(one.id, { group: true })
      await one.done
      expect(box.running()).toEqual([other.id])
      await box.kill(other.id, { group: true })
      expect((await other.done).code).toBe(137)
    })

    it("delivers a signal once to the command's own process when the group is not meant", async () => {
      const execution = launch(box, "trap 'echo got' USR1; echo up; sleep 3600 & while :; do wait && break; done")
      await printed(box, execution.id, "up")
      expect(await box.kill(execution.id, { group: false, signal: "USR1" })).toEqual({ signalled: 1, remaining: 0 })
      await printed(box, execution.id, "got\n")
      await box.kill(execution.id, { group: true })
      expect((await execution.done).stdoutBytes).toBe("up\ngot\n".length)
    })

    it("lets TERM be answered and tells what is still there", async () => {
      const execution = launch(box, `trap '' TERM; echo up; while :; do sleep 0.01; done`)
      await printed(box, execution.id, "up")
      const outcome = await box.kill(execution.id, { group: true, signal: "TERM" })
      expect(outcome.remaining).toBeGreaterThanOrEqual(1)
      expect(await box.kill(execution.id, { group: true })).toMatchObject({ remaining: 0 })
      expect((await execution.done).code).toBe(137)
    })

    it("kills a command that was asked for a moment ago", async () => {
      const executions = Array.from({ length: 20 }, () => launch(box, "sleep 3600"))
      await Promise.all(executions.map((execution) => box.kill(execution.id, { group: true })))
      expect((await Promise.all(executions.map((execution) => execution.done))).map((done) => done.code)).toEqual(
        executions.map(() => 137)
      )
    })

    it("kills a command that still waits behind others for its turn to be sent", async () => {
      const others = Array.from({ length: 60 }, () => launch(box, "cat", { stdin: true }))
      const waiting = launch(box, "sleep 3600")
      expect((await box.kill(waiting.id, { group: true })).remaining).toBe(0)
      expect((await waiting.done).code).toBe(137)
      await Promise.all(others.map((other) => other.stdin!.end()))
      expect((await Promise.all(others.map((other) => other.done))).filter((done) => done.code !== 0)).toEqual([])
    })

    it("finds the background processes of an execution that is over", async () => {
      const execution = launch(box, "setsid sleep 3600 >/dev/null 2>&1 & echo over")
      await execution.done
      expect(await box.kill(execution.id, { group: true })).toEqual({ signalled: 1, remaining: 0 })
      expect(await box.kill(execution.id, { group: true })).toEqual({ signalled: 0, remaining: 0 })
    })

    it("leaves nothing when the box is stopped, or when its agent is killed", async () => {
      for (const end of ["stop", "agent"] as const) {
        const marker = `41${Math.trunc(1e7 + Math.random() * 9e7)}`
        const other = await host.start()
        const execution = launch(
          other,
          `( ( setsid env -i sleep ${marker} </dev/null >/dev/null 2>&1 & ) ); sleep ${marker} & echo up; wait`
        )
        await printed(other, execution.id, "up")
        if (end === "stop") await other.stop()
        else {
          const agents = processesWith(`agent.sh\0${launcher === "process" ? other.dir : "/run/devbox/q"}`)
          const own = agents.filter((pid) => statusOf(pid).includes(`PPid:\t${other.pid ?? process.pid}\n`))
          for (const pid of own) process.kill(pid, "SIGKILL")
          await other.closed
        }
        expect(processesWith(marker)).toEqual([])
      }
    })

    it("answers for an execution that it never had", async () => {
      expect(await box.kill("never", { group: true })).toEqual({ signalled: 0, remaining: 0 })
    })
  })
}

for (const launcher of isolated) {
  const reason = unavailable(launcher)
  describe.skipIf(reason !== undefined)(`a full process table on ${launcher}`, () => {
    let host: Host
    beforeAll(async () => {
      host = await makeHost(launcher)
    })
    afterAll(() => host?.close())

    it("refuses what it cannot start, kills without a fork, and recovers", async () => {
      const box = await host.start({ limits: { processes: 40 } })
      // dash ends when it cannot fork: then the table is full.
      const bomb = launch(box, ["sh", "-c", "while sleep 3600 & do :; done 2>/dev/null"])
      expect(await bomb.exited).toMatchObject({ code: 2, lingering: true })
      const refused = await Promise.allSettled(Array.from({ length: 8 }, () => launch(box, ["sleep", "0"]).done))
      const reasons = refused.flatMap((result) =>
        result.status === "rejected" ? [result.reason as ExecStartError] : []
      )
      expect(reasons.length).toBeGreaterThan(0)
      expect(reasons.map((error) => error.reason)).toEqual(reasons.map(() => "fork failed"))
      expect(await box.kill(bomb.id, { group: true })).toMatchObject({ remaining: 0 })
      expect((await run(box, "echo recovered")).stdout).toBe("recovered\n")
    })

    it("ends a fork bomb", async () => {
      const box = await host.start({ limits: { processes: 60 } })
      const bomb = launch(box, ["sh", "-c", "echo up; b() { b | b & }; b; sleep 3600"])
      await printed(box, bomb.id, "up")
      expect(await box.kill(bomb.id, { group: true })).toMatchObject({ remaining: 0 })
      await bomb.done
      expect((await run(box, "ps -e --no-headers | wc -l")).code).toBe(0)
    })
  })
}

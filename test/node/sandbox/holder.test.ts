import { spawn, type ChildProcess } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { attachBox } from "../../../packages/node/src/internal/sandbox/box.ts"
import type { Box } from "../../../packages/node/src/internal/sandbox/types.ts"
import { type Host, launch, launchers, makeHost, printed, processesWith, run, text, unavailable } from "./helpers.ts"

class HolderProcess {
  readonly child: ChildProcess
  readonly closed: Promise<unknown>
  #lines: Array<string> = []
  #waiting: Array<() => void> = []

  constructor(host: Host, id: string) {
    const args = [path.join(import.meta.dirname, "fixtures", "holder.ts"), host.state, id, host.report.launcher]
    this.child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], detached: true })
    this.closed = new Promise((resolve) => this.child.once("close", resolve))
    this.child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
      this.#lines.push(...chunk.split("\n").filter((line) => line !== ""))
      for (const wake of this.#waiting.splice(0)) wake()
    })
  }

  async said(line: string): Promise<void> {
    while (!this.#lines.includes(line)) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}

for (const launcher of launchers) {
  const reason = unavailable(launcher)
  if (reason !== undefined) console.warn(`detached boxes on ${launcher} are skipped: ${reason}`)
  describe.skipIf(reason !== undefined)(`a detached box on ${launcher}`, () => {
    let host: Host
    let holder: HolderProcess
    const attach = (id: string): Promise<Box> => {
      const spec = host.spec({ id })
      return attachBox(spec, path.join(spec.dir, "control.sock"))
    }
    beforeAll(async () => {
      host = await makeHost(launcher)
      holder = new HolderProcess(host, "held")
      await holder.said("up")
    })
    afterAll(async () => {
      holder.child.kill("SIGKILL")
      await holder.closed
      await host.close()
    })

    it("runs commands for whoever attaches, as an own box does", async () => {
      const box = await attach("held")
      expect(await run(box, "echo out; echo err >&2; exit 5")).toMatchObject({
        code: 5,
        stdout: "out\n",
        stderr: "err\n"
      })
      const echo = launch(box, "cat", { stdin: true })
      await echo.stdin!.write(Buffer.from("typed"))
      await echo.stdin!.end()
      await echo.done
      expect(await text(box, echo.id, "stdout")).toBe("typed")
      const pipe = launch(box, "head -c 5000000 /dev/zero", { stdout: "pipe" })
      let bytes = 0
      for await (const chunk of pipe.stdoutPipe!) bytes += chunk.length
      expect(bytes).toBe(5_000_000)
      await box.detach()
    })

    it("has a socket for its user alone", () => {
      expect(fs.statSync(path.join(host.spec({ id: "held" }).dir, "control.sock")).mode & 0o777).toBe(0o600)
    })

    it("goes on when its client leaves, and tells the next one what is running and how it ended", async () => {
      const first = await attach("held")
      const execution = launch(first, "echo one; until [ -e ~/go ]; do sleep 0.01; done; echo two; exit 3")
      await printed(first, execution.id, "one")
      await first.detach()
      await expect(execution.done).rejects.toMatchObject({ name: "BoxClosedError" })
      const second = await attach("held")
      expect(second.running()).toEqual([execution.id])
      const adopted = second.adopt(execution.id)!
      const following = printed(second, execution.id, "two")
      await run(second, "touch ~/go")
      await following
      expect(await adopted.done).toMatchObject({ code: 3, stdoutBytes: 8 })
      await holder.said(`exit ${execution.id} 3 8`)
      await second.detach()
    })

    it("shares named shells between clients, each command once", async () => {
      const [first, second] = await Promise.all([attach("held"), attach("held")])
      await run(first, "cd /tmp; shared=yes; n=0", { shellName: "both" })
      expect((await run(second, "echo $PWD $shared", { shellName: "both" })).stdout).toBe("/tmp yes\n")
      await Promise.all(
        Array.from({ length: 40 }, (_, i) => run(i % 2 === 0 ? first : second, "n=$((n+1))", { shellName: "both" }))
      )
      expect((await run(first, "echo $n", { shellName: "both" })).stdout).toBe("40\n")
      await Promise.all([first.detach(), second.detach()])
    })

    it("lets one client kill what another started", async () => {
      const [first, second] = await Promise.all([attach("held"), attach("held")])
      const execution = launch(first, "setsid sleep 3600 & echo up; wait")
      await printed(first, execution.id, "up")
      expect(await second.kill(execution.id, { group: true })).toMatchObject({ remaining: 0 })
      expect((await execution.done).code).toBe(137)
      await Promise.all([first.detach(), second.detach()])
    })

    it("ends for everybody when one client stops it", async () => {
      const other = new HolderProcess(host, "short")
      await other.said("up")
      const [first, second] = await Promise.all([attach("short"), attach("short")])
      const execution = launch(first, "echo up; sleep 3600")
      await printed(first, execution.id, "up")
      await second.stop()
      await expect(execution.done).rejects.toMatchObject({ name: "BoxClosedError" })
      await Promise.all([first.closed, other.said(`failed ${execution.id} closed`), other.said("closed"), other.closed])
      expect(fs.existsSync(path.join(first.dir, "control.sock"))).toBe(false)
      await expect(attach("short")).rejects.toThrow("does not answer")
    })

    it("dies with its holder", async () => {
      const other = new HolderProcess(host, "mortal")
      await other.said("up")
      const box = await attach("mortal")
      const marker = `39${process.pid}${launcher.length}`
      const execution = launch(box, `trap "" TERM; setsid sleep ${marker} & echo up; wait`)
      await printed(box, execution.id, "up")
      other.child.kill("SIGKILL")
      await box.closed
      await vi.waitFor(() => expect(processesWith(marker)).toEqual([]), { timeout: 5000, interval: 5 })
    })

    it("is reached below a path longer than a socket's name may be", async () => {
      const id = "x".repeat(120)
      const other = new HolderProcess(host, id)
      await other.said("up")
      const box = await attach(id)
      expect((await run(box, "echo far")).stdout).toBe("far\n")
      await box.stop()
      await other.closed
    })
  })
}

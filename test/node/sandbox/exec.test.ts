import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { randomUUID } from "node:crypto"
import { ExecStartError, ExecStdinClosedError } from "../../../packages/node/src/internal/sandbox/errors.ts"
import type { Box } from "../../../packages/node/src/internal/sandbox/types.ts"
import { type Host, launch, launchers, makeHost, printed, run, unavailable } from "./helpers.ts"

for (const launcher of launchers) {
  const reason = unavailable(launcher)
  if (reason !== undefined) console.warn(`exec on ${launcher} is skipped: ${reason}`)
  describe.skipIf(reason !== undefined)(`exec on ${launcher}`, () => {
    let host: Host
    let box: Box
    beforeAll(async () => {
      host = await makeHost(launcher)
      box = await host.start({ env: { FROM_BOX: "it's a box" } })
    })
    afterAll(() => host?.close())

    it("returns the exit code and both channels exactly", async () => {
      const result = await run(box, "printf out; printf err >&2; exit 7")
      expect(result).toMatchObject({ code: 7, stdout: "out", stderr: "err", stdoutBytes: 3, stderrBytes: 3 })
    })

    it("runs text as bash and names it bash in error messages", async () => {
      expect((await run(box, "echo {1..5} ${BASH_VERSION:+yes} $0")).stdout).toBe("1 2 3 4 5 yes bash\n")
      expect((await run(box, "nosuchprogram")).stderr).toBe("bash: line 1: nosuchprogram: command not found\n")
    })

    it("takes words literally, whatever is in them", async () => {
      const words = ["a b", "$HOME", "it's", "*", "", "x\ny", '"\\']
      const result = await run(box, ["printf", "<%s>", ...words])
      expect(result.stdout).toBe(words.map((word) => `<${word}>`).join(""))
    })

    it("reports a program that does not exist as 127", async () => {
      expect((await run(box, ["nosuchprogram"])).code).toBe(127)
    })

    it("gives the environment of the box and of the execution", async () => {
      const result = await run(box, 'echo "$FROM_BOX|$MINE|$DEVBOX_EXECUTION_ID|$PWD|$HOME"', {
        id: "env-test",
        env: { MINE: "a'b\nc" }
      })
      const home = launcher === "process" ? `${box.dir}/home` : "/home/user"
      expect(result.stdout).toBe(`it's a box|a'b\nc|env-test|${home}|${home}\n`)
    })

    it("starts in the directory that was asked for and says when it does not exist", async () => {
      expect((await run(box, "pwd", { cwd: "/tmp" })).stdout).toBe("/tmp\n")
      const missing = await run(box, "pwd", { cwd: "/no/such" })
      expect(missing.code).toBe(126)
      expect(missing.stderr).toContain("/no/such")
    })

    it("does not ignore interrupts in commands", async () => {
      expect((await run(box, "grep SigIgn /proc/self/status")).stdout).toContain("0000000000000000")
      expect((await run(box, "kill -INT $$; echo unreachable")).code).toBe(130)
    })

    it("shows death by signal as 128 + n", async () => {
      expect((await run(box, "kill -9 $$")).code).toBe(137)
      expect((await run(box, "kill -TERM $$")).code).toBe(143)
    })

    it("keeps what a command writes by reopening /dev/stdout and /dev/stderr", async () => {
      const result = await run(box, "echo a; echo b >/dev/stdout; echo c | tee /dev/stderr; echo d >/dev/stderr")
      expect(result).toMatchObject({ stdout: "a\nb\nc\n", stderr: "c\nd\n" })
    })

    it("delivers megabytes exactly", async () => {
      const result = await run(box, "seq 1 400000; seq 1 200000 >&2; exit 9")
      const numbers = (to: number): string => Array.from({ length: to }, (_, i) => `${i + 1}\n`).join("")
      expect(result.code).toBe(9)
      expect(result.stdout === numbers(400000)).toBe(true)
      expect(result.stderr === numbers(200000)).toBe(true)
    })

    it("runs a command longer than the kernel's longest word", async () => {
      const long = `: ${"x".repeat(300_000)}\necho $0 end`
      expect((await run(box, long)).stdout).toMatch(/end\n$/)
    })

    it("echoes stdin to its end", async () => {
      const execution = launch(box, "cat; echo done", { stdin: true })
      const input = Buffer.alloc(700_000, "0123456789abcdef\n")
      await Promise.all([
        execution
          .stdin!.write(input.subarray(0, 10))
          .then(() => execution.stdin!.write(input.subarray(10)))
          .then(() => execution.stdin!.end()),
        execution.done
      ])
      const done = await execution.done
      expect(done).toMatchObject({ code: 0, stdoutBytes: input.length + 5 })
    })

    it("does not lose input that is written and closed at once, a hundred times", async () => {
      const results = await Promise.all(
        Array.from({ length: 100 }, async (_, i) => {
          const execution = launch(box, "cat", { stdin: true })
          void execution.stdin!.write(Buffer.from(`line ${i}\n`)).catch(() => {})
          void execution.stdin!.end()
          return (await execution.done).stdoutBytes === `line ${i}\n`.length
        })
      )
      expect(results.filter((ok) => !ok)).toHaveLength(0)
    })

    it("rejects a write to a command that has ended instead of hanging", async () => {
      const execution = launch(box, "exit 0", { stdin: true })
      const writing = execution.stdin!.write(new Uint8Array(500_000))
      await expect(writing).rejects.toBeInstanceOf(ExecStdinClosedError)
      await execution.done
      await expect(execution.stdin!.write(new Uint8Array(1))).rejects.toBeInstanceOf(ExecStdinClosedError)
    })

    it("streams stdout through a pipe in full and keeps stderr in the journal", async () => {
      const execution = launch(box, "head -c 20000000 /dev/zero; echo warn >&2", { stdout: "pipe" })
      let bytes = 0
      for await (const chunk of execution.stdoutPipe!) bytes += chunk.length
      expect(bytes).toBe(20_000_000)
      expect(await execution.done).toMatchObject({ code: 0, stdoutBytes: 0, stderrBytes: 5 })
    })

    it("ends the command with SIGPIPE when its reader leaves", async () => {
      const execution = launch(box, "cat /dev/zero", { stdout: "pipe" })
      for await (const chunk of execution.stdoutPipe!) {
        expect(chunk.length).toBeGreaterThan(0)
        break
      }
      expect((await execution.done).code).toBe(141)
    })

    it("makes the writer wait for a slow reader", async () => {
      const execution = launch(box, "head -c 3000000 /dev/zero; echo finished >&2", { stdout: "pipe" })
      const reader = execution.stdoutPipe![Symbol.asyncIterator]()
      const first = await reader.next()
      // Answers come in order: when this one is here, the writer had all the time it could use.
      await run(box, "sleep 0.05")
      expect(box.journal.lengths(execution.id)?.stderr).toBe(0)
      let bytes = (first.value as Uint8Array).length
      for (let next = await reader.next(); next.done !== true; next = await reader.next()) bytes += next.value.length
      expect(bytes).toBe(3_000_000)
      expect((await execution.done).stderrBytes).toBe(9)
    })

    it("ends the output a short grace after the command when its children go on", async () => {
      const execution = launch(box, "sleep 3600 & echo $!")
      const exited = await execution.exited
      expect(exited).toEqual({ code: 0, lingering: true })
      await execution.done
      expect(await box.kill(execution.id, { group: true })).toMatchObject({ remaining: 0 })
    })

    it("counts what a lingering child writes within the grace", async () => {
      // It has begun long before and waits for the end of the command, which closes the pipe.
      const late = "mkfifo end; (read -r _ <end; echo late) & exec 3>end; rm end; echo early"
      const result = await run(box, late)
      expect(result.stdout).toBe("early\nlate\n")
    })

    it("runs 200 commands at once, each with its own code and output", async () => {
      const results = await Promise.all(Array.from({ length: 200 }, (_, i) => run(box, `echo ${i}; exit ${i}`)))
      expect(results.map((result) => [result.code, result.stdout])).toEqual(results.map((_, i) => [i, `${i}\n`]))
    })

    it("refuses what it cannot run before anything happens", async () => {
      const refused = (options: object): Promise<unknown> => launch(box, "true", options).done
      await expect(refused({ id: "../x" })).rejects.toMatchObject({ reason: "invalid request" })
      await expect(refused({ env: { "a-b": "1" } })).rejects.toMatchObject({ reason: "invalid request" })
      await expect(launch(box, "a\0b").done).rejects.toBeInstanceOf(ExecStartError)
      await expect(launch(box, []).done).rejects.toMatchObject({ reason: "invalid request" })
      const id = randomUUID()
      await launch(box, "true", { id }).done
      await expect(refused({ id })).rejects.toMatchObject({ reason: "duplicate id" })
    })

    it("applies limits to one execution only", async () => {
      const result = await run(box, "ulimit -d -t -n | cat", {
        limits: { memoryBytes: 1 << 30, cpuSeconds: 100, openFiles: 77 }
      })
      expect(result.stdout).toMatch(/1048576[^]*100[^]*77/)
      expect((await run(box, "ulimit -d")).stdout).toBe("unlimited\n")
    })

    it("answers pings while commands run, and stops and continues all of them", async () => {
      const execution = launch(box, "for i in $(seq 1 100000); do echo $i; read -t 0.001 <> <(:); done")
      await printed(box, execution.id, "3\n")
      await box.freeze()
      const before = box.journal.lengths(execution.id)!.stdout
      await box.ping()
      await box.ping()
      const after = box.journal.lengths(execution.id)!.stdout
      expect(after - before).toBeLessThan(100)
      await box.thaw()
      await printed(box, execution.id, "30\n")
      await box.kill(execution.id, { group: true })
      expect((await execution.done).code).toBe(137)
    })
  })
}

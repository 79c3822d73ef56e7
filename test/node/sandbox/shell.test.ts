import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Box } from "../../../packages/node/src/internal/sandbox/types.ts"
import {
  type Host,
  launch,
  launchers,
  makeHost,
  printed,
  processesWith,
  type Ran,
  run,
  text,
  unavailable
} from "./helpers.ts"

for (const launcher of launchers) {
  const reason = unavailable(launcher)
  if (reason !== undefined) console.warn(`named shells on ${launcher} are skipped: ${reason}`)
  describe.skipIf(reason !== undefined)(`named shells on ${launcher}`, () => {
    let host: Host
    let box: Box
    beforeAll(async () => {
      host = await makeHost(launcher)
      box = await host.start()
    })
    afterAll(() => host?.close())
    const inShell = (name: string, command: string, options = {}): Promise<Ran> =>
      run(box, command, { shellName: name, ...options })

    it("keeps directory, variables, functions and options", async () => {
      await inShell("keep", "cd /tmp; export A=1; B=2; f() { echo f-$1; }; set -o pipefail; shopt -s nullglob")
      const result = await inShell(
        "keep",
        "pwd; echo $A$B; f x; false | true; echo $?; echo /nothing*; bash -c 'echo $A$B'"
      )
      expect(result.stdout).toBe("/tmp\n12\nf-x\n1\n\n1\n")
    })

    it("says which command was the first of a shell", async () => {
      expect((await inShell("first", "true")).shellFresh).toBe(true)
      expect((await inShell("first", "true")).shellFresh).toBe(false)
    })

    it("runs strictly in order, one at a time, each with its own output", async () => {
      const results = await Promise.all(
        Array.from({ length: 60 }, (_, i) =>
          inShell("order", `n=\${n:-0}; echo $n; [ $n = ${i} ] || exit 99; n=$((n+1))`)
        )
      )
      expect(results.map((result) => result.stdout)).toEqual(results.map((_, i) => `${i}\n`))
    })

    it("keeps shells apart", async () => {
      await Promise.all([inShell("left", "x=left"), inShell("right", "x=right")])
      const [left, right] = await Promise.all([inShell("left", "echo $x"), inShell("right", "echo $x")])
      expect([left.stdout, right.stdout]).toEqual(["left\n", "right\n"])
    })

    it("survives unbalanced quotes, here documents and early returns", async () => {
      for (const broken of ['echo "unbalanced', "cat <<EOF", "if true; then", "( (", "return 5", "echo 'x"]) {
        await inShell("broken", broken)
        expect((await inShell("broken", "echo fine")).stdout).toBe("fine\n")
      }
      expect((await inShell("broken", "return 5")).code).toBe(5)
    })

    it("takes stdin per command and gives none otherwise", async () => {
      const execution = launch(box, "read -r line; echo got $line", { shellName: "stdin", stdin: true })
      await execution.stdin!.write(Buffer.from("hello\n"))
      await execution.done
      expect(await text(box, execution.id, "stdout")).toBe("got hello\n")
      expect((await inShell("stdin", "cat; echo end")).stdout).toBe("end\n")
    })

    it("reports a command that ends its shell, and starts a fresh one for the next", async () => {
      await inShell("mortal", "state=old")
      const [exits, next] = await Promise.all([
        inShell("mortal", "echo before; exit 3"),
        inShell("mortal", "echo state=$state")
      ])
      expect(exits).toMatchObject({ code: 3, shellDied: true, stdout: "before\n" })
      expect(next).toMatchObject({ code: 0, shellDied: false, shellFresh: true, stdout: "state=\n" })
    })

    it("reports a shell that was killed, and a failing command under set -e", async () => {
      expect(await inShell("killed", "kill -9 $$")).toMatchObject({ code: 137, shellDied: true })
      await inShell("strict", "set -e")
      expect(await inShell("strict", "false; echo unreachable")).toMatchObject({ code: 1, shellDied: true, stdout: "" })
      expect((await inShell("strict", "false; echo reached")).stdout).toBe("reached\n")
    })

    it("goes on after exec replaced the shell by a program that failed", async () => {
      expect((await inShell("exec", "exec nosuchprogram")).shellDied).toBe(true)
      expect((await inShell("exec", "echo again")).stdout).toBe("again\n")
    })

    it("kills a running command with all its processes, and only that one of the queue", async () => {
      const long = launch(box, "setsid sleep 3600 & echo up; while :; do :; done", { shellName: "queue" })
      const queued = launch(box, "echo never", { shellName: "queue" })
      const last = launch(box, "echo last", { shellName: "queue" })
      await printed(box, long.id, "up")
      expect(await box.kill(queued.id, { group: true })).toEqual({ signalled: 0, remaining: 0 })
      await expect(queued.done).rejects.toMatchObject({ reason: "killed" })
      expect(await box.kill(long.id, { group: true })).toEqual({ signalled: 2, remaining: 0 })
      expect(await long.done).toMatchObject({ code: 137, shellDied: true })
      expect(await last.done).toMatchObject({ code: 0, shellFresh: true })
    })

    it("leaves the background jobs of earlier commands to the shell", async () => {
      const marker = `40${Math.trunc(1e7 + Math.random() * 9e7)}`
      // It is the shell's own process until it has become the program.
      await inShell("jobs", `sleep ${marker} & until grep -q ${marker} /proc/$!/cmdline; do :; done`)
      const long = launch(box, "echo up; sleep 3600", { shellName: "jobs" })
      await printed(box, long.id, "up")
      await box.kill(long.id, { group: true })
      await long.done
      expect(processesWith(marker)).toHaveLength(1)
    })
  })
}

/**
 * Terminals on this machine, with programs that people run in them: an editor that draws the whole screen and follows its size,
 * a shell that runs jobs, and what must not outlive a terminal that was closed.
 */
import { assert, describe, it } from "@effect/vitest"
import { DevboxService } from "@effect-devbox/core"
import type { CreateOptions, Pty } from "@effect-devbox/core/DevboxHandle"
import type { LocalBackend } from "@effect-devbox/node"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { processesWith } from "../sandbox/helpers.ts"
import { inLocal } from "./fixtures.ts"

/** Reads on until it is shown. */
const shows = (pty: Pty, wanted: string | RegExp) =>
  Effect.gen(function* () {
    let seen = ""
    const found = () => (typeof wanted === "string" ? seen.includes(wanted) : wanted.test(seen))
    yield* Stream.runDrain(
      Stream.takeUntil(pty.text, (text) => {
        seen += text
        return found()
      })
    ).pipe(
      Effect.timeoutOrElse({
        duration: "15 seconds",
        orElse: () => Effect.die(new Error(`${String(wanted)} was not shown, but ${JSON.stringify(seen)}`))
      })
    )
    assert.isTrue(found(), `the terminal ended; it showed ${JSON.stringify(seen)}`)
    return seen
  })

const devbox = (options: CreateOptions = {}) => Effect.flatMap(DevboxService, (service) => service.create(options))

const tiers: ReadonlyArray<{
  readonly name: string
  readonly local: LocalBackend.Options
  readonly create: CreateOptions
}> = [
  { name: "isolated", local: {}, create: {} },
  { name: "isolated without bubblewrap", local: { bubblewrap: false }, create: {} },
  { name: "process tier", local: { tier: "process" }, create: { minimumIsolation: "process" } }
]

for (const { create, local, name } of tiers) {
  describe(`terminals, ${name}`, () => {
    it.live("run vi: it draws its screen, is typed into, follows a new size, and writes its file", (context) =>
      inLocal(
        () =>
          Effect.gen(function* () {
            const box = yield* devbox(create)
            if ((yield* box.cmd.exec("command -v vi")).exitCode !== 0) return context.skip("there is no vi")
            const pty = yield* box.cmd.pty({ cols: 80, rows: 24, command: "exec vi -u NONE -N poem.txt" })
            // An empty buffer shows a tilde in every line but the first and the last.
            yield* shows(pty, /(~[^~]*){22}/)
            yield* pty.send("ihällo vom Terminal\x1b")
            yield* shows(pty, "hällo vom Terminal")
            yield* pty.send(":set lines? columns?\r")
            yield* shows(pty, /lines=24[^]*columns=80/)
            yield* pty.send("\r")
            yield* pty.resize({ cols: 101, rows: 41 })
            // It redraws: as many lines more as it got.
            yield* shows(pty, /(~[^~]*){39}/)
            yield* pty.send(":set lines? columns?\r")
            yield* shows(pty, /lines=41[^]*columns=101/)
            yield* pty.send("\r:wq\r")
            yield* Stream.runDrain(pty.output)
            assert.strictEqual(yield* pty.exit, 0)
            assert.strictEqual(yield* box.file.read("poem.txt"), "hällo vom Terminal\n")
          }),
        local
      )
    )

    it.live("change rows and columns at once: no program sees a size that nobody asked for", (context) =>
      inLocal(
        () =>
          Effect.gen(function* () {
            const box = yield* devbox(create)
            if ((yield* box.cmd.exec("command -v perl")).exitCode !== 0) return context.skip("there is no perl")
            // Looks at the size all the time, and says in the end which ones it saw.
            const watch = `$| = 1; print "ready\\n"; for (my %seen;;) {
              ioctl(STDIN, 0x5413, my $size = "\\0" x 8); my ($rows, $cols) = unpack "S4", $size; $seen{"$rows+" . ($cols - $rows)} = 1;
              if ($rows == 60) { print join(" ", sort keys %seen), " end\\n"; last } }`
            const pty = yield* box.cmd.pty({ cols: 80, rows: 24, command: `exec perl -e '${watch}'` })
            yield* shows(pty, "ready")
            for (let rows = 25; rows <= 60; rows++) yield* pty.resize({ rows, cols: rows + 56 })
            const seen = (yield* shows(pty, " end")).match(/\d+\+-?\d+/g)!
            assert.isAbove(seen.length, 1)
            assert.deepStrictEqual(
              seen.filter((size) => !size.endsWith("+56")),
              []
            )
          }),
        local
      )
    )

    it.live("leave nothing behind when they are closed or interrupted, whatever runs in them", () =>
      inLocal(
        () =>
          Effect.gen(function* () {
            const box = yield* devbox(create)
            const mark = `35${Math.trunc(1e7 + Math.random() * 9e7)}`
            const tree = `trap '' HUP TERM; (setsid sh -c "trap '' TERM; sleep ${mark}" >/dev/null 2>&1 &)
              nohup sleep ${mark} >/dev/null 2>&1 & echo ready; sleep ${mark}`
            yield* Effect.scoped(
              Effect.gen(function* () {
                const pty = yield* box.cmd.pty({ command: tree })
                yield* shows(pty, "ready")
                assert.isAtLeast(processesWith(mark).length, 3)
              })
            )
            assert.deepStrictEqual(processesWith(mark), [])
            const ready = yield* Deferred.make<void>()
            const fiber = yield* Effect.scoped(
              Effect.gen(function* () {
                const pty = yield* box.cmd.pty({ command: tree })
                yield* shows(pty, "ready")
                yield* Deferred.succeed(ready, undefined)
                return yield* pty.exit
              })
            ).pipe(Effect.forkChild)
            yield* Deferred.await(ready)
            yield* Fiber.interrupt(fiber)
            assert.deepStrictEqual(processesWith(mark), [])
            // Nor does it leave anything that a list or a log would show.
            assert.deepStrictEqual(yield* box.logs(), [])
          }),
        local
      )
    )

    it.live("run a shell with jobs, carry a large paste and a large output, and are many at once", () =>
      inLocal(
        () =>
          Effect.gen(function* () {
            const box = yield* devbox(create)
            const pty = yield* box.cmd.pty({ command: "export PS1='ready> '; exec bash --norc -i" })
            yield* shows(pty, "ready> ")
            yield* pty.send("bash -c 'echo up; exec sleep 1000'\r")
            // Ctrl-Z throws away what was typed and not read yet.
            yield* shows(pty, "up\r\n")
            yield* pty.send("\x1a")
            yield* shows(pty, /Stopped[^]*ready> /)
            yield* pty.send("jobs; kill %1; stty -echo\r")
            yield* shows(pty, /Stopped[^]*ready> /)
            yield* pty.send("head -c 300000 /dev/zero | tr '\\0' x; echo; echo do''ne\r")
            const shown = yield* shows(pty, "done\r\n")
            assert.strictEqual(shown.split("x").length - 1, 300_000)
            yield* pty.send("exit 3\r")
            yield* Stream.runDrain(pty.output)
            assert.strictEqual(yield* pty.exit, 3)
            // A paste is longer than a pipe holds; without line editing nothing is cut at 4096 bytes.
            const paste = "p".repeat(200_000)
            const taker = yield* box.cmd.pty({ command: "stty raw -echo; echo ready; head -c 200000 | wc -c" })
            yield* shows(taker, "ready")
            yield* Effect.all([taker.send(paste), shows(taker, "200000")], { concurrency: 2 })
            const sizes = yield* Effect.forEach(
              Array.from({ length: 12 }, (_, i) => 40 + i),
              (cols) =>
                Effect.scoped(
                  Effect.gen(function* () {
                    const one = yield* box.cmd.pty({ cols, rows: 10, command: "stty size" })
                    return (yield* Stream.mkString(one.text)).trim()
                  })
                ),
              { concurrency: "unbounded" }
            )
            assert.deepStrictEqual(
              sizes,
              Array.from({ length: 12 }, (_, i) => `10 ${40 + i}`)
            )
          }),
        local
      )
    )
  })
}

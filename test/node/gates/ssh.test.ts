/** SSH with stock clients: each login below is by the system's own ssh, scp or sftp, with the files that `SshFiles` writes. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxService } from "@effect-devbox/core"
import type { Devbox } from "@effect-devbox/core"
import { SshFiles } from "@effect-devbox/node"
import { Effect, Redacted } from "effect"
import { randomBytes } from "node:crypto"
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import ssh2 from "ssh2"
import { inLocal, local, nothingLeft, stateDir } from "../local/fixtures.ts"
import { curl, folder, run, started } from "./clients.ts"

/** A login to a devbox, with its files in a folder of the test's own. */
const login = (devbox: Devbox.Devbox) =>
  Effect.gen(function* () {
    const dir = yield* folder
    const files = yield* SshFiles.write(devbox, join(dir, "keys"), { name: "box" })
    const [ssh = "", ...args] = files.command
    return {
      dir,
      files,
      words: files.command,
      ssh: (command: string, options?: Parameters<typeof run>[2]) => run(ssh, [...args, command], options),
      scp: (...paths: ReadonlyArray<string>) => run("scp", ["-F", files.configFile, ...paths]),
      sftp: (batch: string) => run("sftp", ["-F", files.configFile, "-b", "-", "box"], { input: batch })
    }
  })

const devbox = Effect.flatMap(DevboxService, (service) => service.create())

describe("ssh", () => {
  it.live("runs commands: exit status, both outputs, stdin, the user, its home and the variables it is sent", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { ssh, words } = yield* login(yield* devbox)
        const first = yield* ssh('echo out; echo err >&2; id -un; pwd; echo "$HOME"; exit 7')
        assert.deepStrictEqual(first, { code: 7, stdout: "out\nuser\n/home/user\n/home/user\n", stderr: "err\n" })
        const bytes = randomBytes(1_000_000)
        const counted = yield* ssh("cat", { input: bytes, encoding: "latin1" })
        assert.isTrue(Buffer.from(counted.stdout, "latin1").equals(bytes))
        const [program = "", ...args] = words
        const set = yield* run(program, [
          ...args.slice(0, -1),
          "-o",
          "SetEnv=GREETING=hello",
          "box",
          'echo "$GREETING"'
        ])
        assert.strictEqual(set.stdout, "hello\n")
        assert.strictEqual((yield* ssh("kill -KILL $$")).code, 137)
      })
    )
  )

  it.live("passes a signal on and names it in the end", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const key = yield* (yield* devbox).net.createSshKey
        const [code, signal] = yield* Effect.promise(
          () =>
            new Promise<[unknown, unknown]>((resolve, reject) => {
              const client = new ssh2.Client()
              client.once("error", reject)
              client.once("ready", () =>
                client.exec("echo up; exec sleep 1000", (error, stream) => {
                  if (error !== undefined) return reject(error)
                  stream.once("data", () => stream.signal("TERM"))
                  stream.once("exit", (...ended: ReadonlyArray<unknown>) => resolve([ended[0], ended[1]]))
                  stream.once("close", () => client.end())
                })
              )
              client.connect({
                host: key.host!,
                port: key.port!,
                username: key.sshUser,
                privateKey: Redacted.value(key.sshPrivateKey)
              })
            })
        )
        assert.deepStrictEqual([code, signal], [null, "SIGTERM"])
      })
    )
  )

  it.live("gives a terminal that has the client's size and follows it", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { words } = yield* login(yield* devbox)
        // stty sets rows and columns one after the other, each with a signal, and bash forgets one that comes while its trap runs:
        // the trap only notes that there was one, and the size is looked at again and again.
        const looking = '[ -z "$told" ] || stty size'
        const inside = `stty size; trap told=1 WINCH; echo armed; until read -t 0.1 line; do ${looking}; done; exit 5`
        // script(1) gives the client a terminal of this machine, whose size is then changed from outside.
        const command = `tty; stty rows 31 cols 101; exec ${words.map((word) => `'${word}'`).join(" ")} -tt '${inside}'`
        const terminal = yield* started("script", ["-qefc", command, "/dev/null"])
        const printed = yield* terminal.until(/31 101[\s\S]*armed/)
        const tty = /\/dev\/pts\/\d+/.exec(printed)![0]
        yield* run("stty", ["-F", tty, "rows", "44", "cols", "144"])
        yield* terminal.until(/44 144/)
        terminal.write("enough\n")
        assert.strictEqual(yield* terminal.closed, 5)
      })
    )
  )

  it.live("is interactive: a prompt, a command, Ctrl-C, and the shell's own exit status", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { words } = yield* login(yield* devbox)
        const [program = "", ...args] = words
        const terminal = yield* started(program, ["-tt", ...args])
        yield* terminal.until(/\$ $/)
        terminal.write("echo $((20 + 22))\n")
        yield* terminal.until(/42\r\n/)
        // What is typed is echoed; what it prints differs, so that the next key finds the command and not the shell.
        terminal.write(`sh -c 'echo st""arted; exec sleep 1000'\n`)
        yield* terminal.until(/started\r\n/)
        terminal.write("\u0003")
        yield* terminal.until(/\^C/)
        terminal.write("exit 9\n")
        assert.strictEqual(yield* terminal.closed, 9)
      })
    )
  )

  it.live("copies with scp both ways: bytes, modes, folders, and a clear error for what is not there", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { dir, scp, ssh } = yield* login(yield* devbox)
        const bytes = randomBytes(3_000_000)
        mkdirSync(join(dir, "tree/sub"), { recursive: true })
        writeFileSync(join(dir, "tree/sub/data"), bytes)
        writeFileSync(join(dir, "tree/run.sh"), "#!/bin/sh\necho ran\n")
        chmodSync(join(dir, "tree/run.sh"), 0o755)
        assert.strictEqual((yield* scp("-r", join(dir, "tree"), "box:tree")).code, 0)
        assert.strictEqual((yield* ssh("./tree/run.sh; wc -c < tree/sub/data")).stdout, "ran\n3000000\n")
        assert.strictEqual((yield* scp("-r", "box:tree", join(dir, "back"))).code, 0)
        assert.isTrue(readFileSync(join(dir, "back/sub/data")).equals(bytes))
        assert.strictEqual(statSync(join(dir, "back/run.sh")).mode & 0o777, 0o755)
        const missing = yield* scp("box:nowhere", join(dir, "x"))
        assert.strictEqual(missing.code, 1)
        assert.match(missing.stderr, /nowhere: No such file or directory/)
        // The protocol of before OpenSSH 9 runs scp inside.
        assert.strictEqual((yield* scp("-O", "box:tree/sub/data", join(dir, "old"))).code, 0)
        assert.isTrue(readFileSync(join(dir, "old")).equals(bytes))
      })
    )
  )

  it.live("serves sftp: lists, reads, writes, resumes, renames, links, modes and removes", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { dir, sftp, ssh } = yield* login(yield* devbox)
        const bytes = randomBytes(400_000)
        writeFileSync(join(dir, "whole"), bytes)
        writeFileSync(join(dir, "part"), bytes.subarray(0, 150_000))
        const first = yield* sftp(
          `mkdir "with space"\ncd "with space"\nput ${dir}/part data\nreput ${dir}/whole data\nrename data moved\n` +
            `symlink moved link\nchmod 640 moved\nls -l\nget link ${dir}/back\npwd\n`
        )
        assert.strictEqual(first.code, 0, first.stderr)
        assert.isTrue(readFileSync(join(dir, "back")).equals(bytes))
        assert.match(first.stdout, /-rw-r----- .* 400000 .* moved/)
        assert.match(first.stdout, /Remote working directory: \/home\/user\/with space/)
        // The first part is here already; reget asks for the rest alone.
        writeFileSync(join(dir, "again"), bytes.subarray(0, 123_457))
        const second = yield* sftp(
          `cd "with space"\nreget moved ${dir}/again\nrm moved\nrm link\ncd ..\nrmdir "with space"\n`
        )
        assert.strictEqual(second.code, 0, second.stderr)
        assert.isTrue(readFileSync(join(dir, "again")).equals(bytes))
        assert.strictEqual((yield* ssh("ls")).stdout, "")
        assert.match((yield* sftp("get /etc/shadow-not-there\n")).stderr, /not found/)
        assert.match((yield* sftp("mkdir /usr/x\n")).stderr, /Permission denied|Failure/)
      })
    )
  )

  it.live("forwards ports of the devbox, and nothing else", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const box = yield* devbox
        const { words } = yield* login(box)
        const [program = "", ...args] = words
        const server = yield* box.cmd.execAsync(
          `exec node -e 'require("http").createServer((q, s) => s.end("inside " + q.url)).listen(8123, "127.0.0.1", () => console.log("up"))'`
        )
        yield* box.cmd.exec("until (exec 3<>/dev/tcp/127.0.0.1/8123) 2>/dev/null; do sleep 0.02; done")
        const request = "GET /a HTTP/1.0\r\n\r\n"
        const direct = yield* run(program, [...args.slice(0, -1), "-W", "localhost:8123", "box"], { input: request })
        assert.match(direct.stdout, /inside \/a$/)
        const socket = join(yield* folder, "forwarded")
        yield* started(program, [...args.slice(0, -1), "-N", "-L", `${socket}:127.0.0.1:8123`, "box"])
        const answer = yield* Effect.repeat(curl("--unix-socket", socket, "http://inside/b"), {
          until: ({ code }) => code === 0
        })
        assert.strictEqual(answer.stdout, "inside /b")
        const foreign = yield* run(program, [...args.slice(0, -1), "-W", "192.0.2.1:80", "box"])
        assert.notStrictEqual(foreign.code, 0)
        assert.match(foreign.stderr, /open failed/)
        yield* server.kill()
      })
    )
  )

  it.live("gives keys that are of one devbox, for a host that stays the same, and that end with it", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const service = yield* DevboxService
        const [mine, other] = [yield* devbox, yield* devbox]
        const key = yield* login(mine)
        const foreign = yield* login(other)
        const again = yield* login(mine)
        const known = (files: SshFiles.SshFiles) =>
          readFileSync(files.configFile.replace(".config", ".known_hosts"), "utf8")
        assert.strictEqual(known(again.files), known(key.files))
        const wrong = ["-o", `IdentityFile=${foreign.files.identityFile}`, "-o", "IdentitiesOnly=yes"]
        const withoutKey = readFileSync(key.files.configFile, "utf8").replace(/ *IdentityFile.*\n/, "")
        const config = join(key.dir, "no-key")
        writeFileSync(config, withoutKey)
        const refused = yield* run("ssh", ["-F", config, ...wrong, "box", "true"])
        assert.strictEqual(refused.code, 255)
        assert.match(refused.stderr, /Permission denied \(publickey\)/)
        const root = yield* run("ssh", ["-F", key.files.configFile, "-l", "root", "box", "true"])
        assert.match(root.stderr, /Permission denied/)
        // A server with another host key is not taken for this one.
        const moved = readFileSync(foreign.files.configFile, "utf8").replace(
          foreign.files.configFile.replace(".config", ".known_hosts"),
          key.files.configFile.replace(".config", ".known_hosts")
        )
        writeFileSync(config, moved)
        assert.match(
          (yield* run("ssh", ["-F", config, "box", "true"])).stderr,
          /verification failed|No .* host key is known/
        )
        assert.strictEqual((yield* key.ssh("true")).code, 0)
        yield* service.shutdown(mine.id)
        assert.match((yield* key.ssh("true")).stderr, /Connection refused/)
        assert.strictEqual((yield* foreign.ssh("true")).code, 0)
      })
    )
  )

  it.live("is configured by one block of ssh_config, which carries the host's key where no file has it", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const box = yield* devbox
        const dir = yield* folder
        const [identityFile, config] = [join(dir, "a key"), join(dir, "config")]
        const { key, text } = yield* box.net.sshConfig({ identityFile, name: "by-name" })
        assert.notInclude(text, Redacted.value(key.sshPrivateKey).split("\n")[1]!)
        writeFileSync(identityFile, Redacted.value(key.sshPrivateKey), { mode: 0o600 })
        writeFileSync(config, text)
        const said = yield* run("ssh", ["-F", config, "by-name", "hostname"])
        assert.deepStrictEqual([said.code, said.stdout], [0, "devbox\n"], said.stderr)
        const wrong = text.replace(/ssh-ed25519 \S+/, `ssh-ed25519 ${Buffer.alloc(51).toString("base64")}`)
        writeFileSync(config, wrong)
        assert.match(
          (yield* run("ssh", ["-F", config, "by-name", "true"])).stderr,
          /verification failed|host key is known/
        )
        for (const bad of [{ identityFile: "/a\nProxyCommand x" }, { identityFile: "/a", name: "a b" }]) {
          const error = yield* Effect.flip(box.net.sshConfig(bad))
          assert.strictEqual(error._tag === "BackendError" ? error.reason._tag : error._tag, "InvalidRequestError")
        }
      })
    )
  )

  it.live(
    "logs in to a detached devbox from anywhere, after the program that made it has gone",
    () =>
      Effect.gen(function* () {
        const dir = yield* stateDir
        const made = yield* Effect.gen(function* () {
          const box = yield* (yield* DevboxService).createDetached()
          return { id: box.id, ...(yield* login(box)) }
        }).pipe(Effect.provide(local(dir)))
        assert.strictEqual((yield* made.ssh("echo alone")).stdout, "alone\n")
        const terminal = yield* made.ssh("tty", {})
        assert.strictEqual(terminal.stdout, "not a tty\n")
        yield* Effect.gen(function* () {
          yield* (yield* DevboxService).shutdown(made.id)
          assert.match((yield* made.ssh("true")).stderr, /Connection refused/)
        }).pipe(Effect.provide(local(dir)))
        yield* nothingLeft(dir)
      }).pipe(Effect.scoped),
    60_000
  )
})

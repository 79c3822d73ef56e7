import { execFile, execFileSync, spawn } from "node:child_process"
import { promisify } from "node:util"
import * as fs from "node:fs"
import * as net from "node:net"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Box } from "../../../packages/node/src/internal/sandbox/types.ts"
import { type Host, isolated, makeHost, printed, run, unavailable } from "./helpers.ts"

for (const launcher of isolated) {
  const reason = unavailable(launcher)
  if (reason !== undefined) console.warn(`isolation on ${launcher} is skipped: ${reason}`)
  describe.skipIf(reason !== undefined)(`inside a box on ${launcher}`, () => {
    let host: Host
    let box: Box
    beforeAll(async () => {
      host = await makeHost(launcher)
      box = await host.start({ hostname: "workshop" })
    })
    afterAll(() => host?.close())

    it("runs as user 1000 without capabilities or a way to new ones", async () => {
      const result = await run(box, "id; grep -E 'Cap|NoNewPrivs' /proc/self/status; hostname")
      expect(result.stdout).toContain("uid=1000(user) gid=1000(user) groups=1000(user)")
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
        expect(result.stdout).toContain(`${set}:\t0000000000000000`)
      }
      expect(result.stdout).toContain("NoNewPrivs:\t1")
      expect(result.stdout).toContain("workshop")
    })

    it("is not root for the kernel either", async () => {
      const status = fs.readFileSync(`/proc/${box.pid}/status`, "utf8")
      const uids = /^Uid:\s+(.*)$/m.exec(status)![1]!.split(/\s+/)
      expect(new Set(uids)).toEqual(new Set([String(host.report.uid)]))
      expect(host.report.uid).not.toBe(0)
    })

    it("cannot change the kernel's settings", async () => {
      const before = fs.readFileSync("/proc/sys/kernel/core_pattern", "utf8")
      for (const file of ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches"]) {
        expect((await run(box, `echo 1 >${file}`)).code).not.toBe(0)
      }
      expect(fs.readFileSync("/proc/sys/kernel/core_pattern", "utf8")).toBe(before)
    })

    it("refuses new user namespaces, mounts and device nodes", async () => {
      for (const attempt of ["unshare --user true", "mount -t tmpfs x /mnt", "mknod /tmp/sda b 8 0", "chroot / true"]) {
        expect({ attempt, code: (await run(box, attempt)).code }).not.toEqual({ attempt, code: 0 })
      }
    })

    it("sees only its own processes, and none of the host's directories", async () => {
      const result = await run(box, "ls /proc | grep -c '^[0-9]'; ls / /home /root /opt; ls -a /sys /mnt | wc -w")
      expect(Number(result.stdout.split("\n")[0])).toBeLessThan(15)
      expect(result.stdout).not.toContain("work")
      for (const file of ["/etc/shadow", "/var/run/docker.sock", host.state, "/etc/ssh"]) {
        expect({ file, code: (await run(box, ["ls", file])).code }).not.toEqual({ file, code: 0 })
      }
      expect((await run(box, ["ls", "/run/devbox/q/../../../etc/shadow"])).code).not.toBe(0)
    })

    it("writes its own home, /etc and /tmp, and neither /usr nor its requests", async () => {
      const own = "/tmp/of-a-box-alone"
      const writing = `echo 1 >~/f && echo 2 >/etc/f && echo 3 >${own} && cat ~/f /etc/f ${own}`
      expect((await run(box, writing)).stdout).toBe("1\n2\n3\n")
      expect((await run(box, "touch /usr/f")).code).not.toBe(0)
      expect((await run(box, "touch /run/devbox/q/f")).code).not.toBe(0)
      expect((await run(box, "touch /run/devbox/lib/f")).code).not.toBe(0)
      expect(fs.existsSync(own)).toBe(false)
    })

    it("has a loopback of its own and not the host's", async () => {
      const server = net.createServer((socket) => socket.end("host")).listen(0, "127.0.0.1")
      await new Promise((resolve) => server.once("listening", resolve))
      const { port } = server.address() as net.AddressInfo
      const connect = `exec 3<>/dev/tcp/127.0.0.1/${port} && cat <&3`
      expect((await promisify(execFile)("bash", ["-c", connect])).stdout).toBe("host")
      expect((await run(box, connect)).stderr).toContain("Connection refused")
      const open = await host.start({ network: "host" })
      expect((await run(open, connect)).stdout).toBe("host")
      const inside = await run(
        box,
        `node -e 'const s=require("net").createServer(c=>c.end("inside")).listen(0,"127.0.0.1",()=>require("net").connect(s.address().port,"127.0.0.1").on("data",d=>{console.log(String(d));s.close()}))'`
      )
      expect(inside.stdout).toBe("inside\n")
      server.close()
    })

    it("cannot signal the host's processes", async () => {
      const victim = spawn("sleep", ["3600"], host.report.drops ? { uid: host.report.uid, gid: host.report.gid } : {})
      expect((await run(box, `kill -9 ${victim.pid}`)).code).not.toBe(0)
      expect(() => process.kill(victim.pid!, 0)).not.toThrow()
      victim.kill("SIGKILL")
    })

    it("has the running Node, npm and the usual devices", async () => {
      expect((await run(box, ["node", "-p", "process.version"])).stdout).toBe(`${process.version}\n`)
      expect((await run(box, "npm --version")).stdout).toMatch(/^\d+\./)
      const devices = await run(
        box,
        "head -c 4 /dev/urandom | wc -c; echo x >/dev/null; ls /dev/pts/ptmx; echo shm >/dev/shm/x && cat /dev/shm/x; ls -l /dev/fd/ >/dev/null && echo fd"
      )
      expect(devices.stdout).toBe("4\n/dev/pts/ptmx\nshm\nfd\n")
      const tty = await run(box, "script -qec 'tty' /dev/null")
      expect(tty.stdout).toMatch(/\/dev\/pts\/\d/)
    })

    it("can be entered by its owner through the namespaces' pids", () => {
      const { pid, userPid } = box
      const argv = [
        `--user=/proc/${userPid}/ns/user`,
        "--preserve-credentials",
        `--net=/proc/${pid}/ns/net`,
        "cat",
        "/proc/net/dev"
      ]
      const output = execFileSync("nsenter", argv, {
        encoding: "utf8",
        ...(host.report.drops ? { uid: host.report.uid, gid: host.report.gid } : {})
      })
      expect(output).toContain("lo:")
      expect(output.trim().split("\n")).toHaveLength(3)
    })

    it("keeps its disk across a stop and a start, and does not follow links where the system belongs", async () => {
      const first = await host.start({ id: "kept" })
      await run(first, "echo data >~/kept; rm -rf /opt/node /mnt; chmod 000 /srv")
      await first.stop()
      const second = await host.start({ id: "kept" })
      expect((await run(second, "cat ~/kept; node -p 1")).stdout).toBe("data\n1\n")
      await second.stop()
      // What a box could leave behind if it found a way to move its mount points.
      fs.rmSync(`${second.dir}/upper/opt`, { recursive: true, force: true })
      fs.symlinkSync("/etc", `${second.dir}/upper/opt`)
      await expect(host.start({ id: "kept" })).rejects.toThrow(/did not start/)
      expect(fs.existsSync("/etc/node")).toBe(false)
    })

    it("starts on top of what an earlier box wrote, and the two do not see each other afterwards", async () => {
      const first = await host.start()
      await run(first, "echo shared >~/f; rm /etc/hosts; mkdir ~/d")
      await first.stop()
      fs.renameSync(`${first.dir}/upper`, `${host.state}/layers/one`)
      const lower = ["one", host.base.dir]
      const [left, right] = await Promise.all([host.start({ lower }), host.start({ lower })])
      await Promise.all([run(left, "echo left >~/f; rmdir ~/d"), run(right, "echo right >>~/f")])
      expect((await run(left, "cat ~/f; ls ~/d /etc/hosts")).stdout).toBe("left\n")
      expect((await run(right, "cat ~/f; ls -d ~/d")).stdout).toBe("shared\nright\n/home/user/d\n")
      expect(fs.readFileSync(`${host.state}/layers/one/home/user/f`, "utf8")).toBe("shared\n")
    })

    it("ends when it is told to, even if it stopped its agent", async () => {
      const deaf = await host.start()
      const execution = deaf.exec({ id: "deaf", command: "echo up; pkill -STOP -f agent.sh" })
      await printed(deaf, execution.id, "up")
      await deaf.stop()
      const status = `/proc/${deaf.pid}/status`
      expect(fs.existsSync(status) ? fs.readFileSync(status, "utf8") : "").not.toMatch(/State:\s+[^ZX]/)
      await expect(execution.done).rejects.toMatchObject({ name: "BoxClosedError" })
    })

    it("is reported when it kills itself", async () => {
      const suicidal = await host.start()
      const execution = suicidal.exec({ id: "x", command: "kill -9 -1; sleep 5" })
      await expect(execution.done).rejects.toMatchObject({ name: "BoxClosedError" })
      await suicidal.closed
      await expect(suicidal.exec({ id: "y", command: "true" }).done).rejects.toMatchObject({ name: "BoxClosedError" })
      await expect(suicidal.ping()).rejects.toMatchObject({ name: "BoxClosedError" })
    })

    it("is not confused by a box that writes to its event channel", async () => {
      const loud = await host.start()
      const agent = "$(pgrep -f agent.sh | head -1)"
      await run(
        loud,
        `for i in 1 2 3; do printf 'X nobody 0 0\\nD nobody\\nK a b c d\\nR 1\\nS .0 99\\n%s\\n' "$(head -c 5000 /dev/zero | tr '\\0' x)" >/proc/${agent}/fd/3; done`
      )
      expect((await run(loud, "echo fine")).stdout).toBe("fine\n")
    })
  })
}

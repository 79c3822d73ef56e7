/** Attempts on the processes of the host: seeing them, reading them, ending them, and passing as one of them. */
import { chmodSync, copyFileSync, existsSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { execFileSync } from "node:child_process"
import { type Attempt, newSecret, nothing, type Prepared, type Said, type Scene, unlessReadable } from "./attempt.ts"
import { startVictim, type Victim } from "./victim.ts"

/** An attempt on a planted process. */
const onVictim =
  (observed: (victim: Victim, said: Said) => boolean | Promise<boolean>) =>
  (scene: Scene): Prepared => {
    const victim = startVictim(scene.directory)
    return {
      env: { VICTIM: String(victim.pid) },
      observed: (said) => observed(victim, said),
      cleanup: victim.end
    }
  }

/** An attempt that reads a host file by way of a planted process. */
const throughVictim = (scene: Scene): Prepared => {
  const victim = startVictim(scene.directory)
  const secret = newSecret()
  const file = join(scene.directory, "through-victim.txt")
  writeFileSync(file, secret)
  return {
    env: { VICTIM: String(victim.pid), TARGET: file },
    observed: ({ stdout }) => stdout.includes(secret),
    cleanup: async () => {
      rmSync(file)
      await victim.end()
    }
  }
}

const yama = (): number =>
  existsSync("/proc/sys/kernel/yama/ptrace_scope")
    ? Number(readFileSync("/proc/sys/kernel/yama/ptrace_scope", "utf8"))
    : 0

/** The outermost process that is in a user namespace of its own, going up from one inside. */
const launcherOf = (pid: number): number => {
  const parent = Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1])
  return readlinkSync(`/proc/${parent}/ns/user`) === readlinkSync("/proc/self/ns/user") ? pid : launcherOf(parent)
}

const marked = "host_marker_of_escape_suite"

/** Seeing, reading, ending and impersonating. */
export const processAttempts: ReadonlyArray<Attempt> = [
  {
    id: "printenv",
    title: "reads a variable of the environment of the process that owns the devboxes",
    program: `printenv ${marked}`,
    arrange: () => {
      const secret = newSecret()
      process.env[marked] = secret
      return {
        env: {},
        observed: ({ stdout }) => stdout.includes(secret),
        cleanup: () => {
          delete process.env[marked]
        }
      }
    }
  },
  {
    id: "environ",
    title: "reads the environment of every process that it finds",
    program: "cat /proc/[0-9]*/environ",
    arrange: onVictim((victim, { stdout }) => stdout.includes(victim.environmentSecret))
  },
  {
    id: "process-list",
    title: "finds a process of the host by its command line",
    program: "cat /proc/[0-9]*/cmdline",
    arrange: onVictim((victim, { stdout }) => stdout.includes(victim.argumentSecret))
  },
  {
    id: "memory",
    title: "reads the memory of a process of the host",
    absent: ({ isRoot }) =>
      !isRoot && yama() > 0 ? "Yama forbids ordinary users to read the memory of their own processes here" : undefined,
    program: `node -e '
process.on("uncaughtException", (error) => { console.error(error.message); process.exit(1) })
const fs = require("fs")
const at = "/proc/" + process.env.VICTIM
const memory = fs.openSync(at + "/mem", "r")
for (const line of fs.readFileSync(at + "/maps", "utf8").split("\\n")) {
  if (!line.endsWith("[stack]")) continue
  const [from, to] = line.split(" ")[0].split("-").map((hex) => parseInt(hex, 16))
  const bytes = Buffer.alloc(to - from)
  fs.readSync(memory, bytes, 0, bytes.length, from)
  process.stdout.write(bytes)
}'`,
    arrange: onVictim((victim, { stdout }) => stdout.includes(victim.environmentSecret))
  },
  {
    id: "debugger",
    title: "attaches to a process of the host as a debugger does",
    absent: ({ isRoot }) =>
      !existsSync("/usr/bin/perl")
        ? "this host has no perl to make the system call with"
        : process.arch !== "x64" && process.arch !== "arm64"
          ? `the number of the system call on ${process.arch} is not known here`
          : !isRoot && yama() > 0
            ? "Yama forbids ordinary users to attach to their own processes here"
            : undefined,
    // PTRACE_SEIZE does not stop the process, and its end is the debugger's.
    program: `perl -e '
my $n = $ENV{ARCH} eq "x64" ? 101 : 117;
die "ptrace: $!\\n" if syscall($n, 0x4206, $ENV{VICTIM}+0, 0, 0) == -1;
open my $f, "<", "/proc/$ENV{VICTIM}/status"; print grep /^TracerPid:/, <$f>'`,
    arrange: (scene) => {
      const prepared = onVictim((_, { stdout }) => /^TracerPid:\s+[1-9]/.test(stdout))(scene)
      return { ...prepared, env: { ...prepared.env, ARCH: process.arch } }
    }
  },
  {
    id: "victim-root",
    title: "reads a host file through /proc/PID/root of a process of the host",
    program: 'cat -- "/proc/$VICTIM/root$TARGET"',
    arrange: throughVictim
  },
  {
    id: "victim-cwd",
    title: "reads a host file through /proc/PID/cwd of a process of the host",
    program: 'cat -- "/proc/$VICTIM/cwd/through-victim.txt"',
    arrange: throughVictim
  },
  {
    id: "kill",
    title: "kills a process of the host",
    program: 'kill -KILL "$VICTIM"',
    arrange: onVictim(async (victim) => !(await victim.isAlive()))
  },
  {
    id: "kill-group",
    title: "kills a process group of the host",
    program: 'kill -KILL -- "-$VICTIM"',
    arrange: onVictim(async (victim) => !(await victim.isAlive()))
  },
  {
    id: "renice",
    title: "lowers the priority of a process of the host",
    program: 'renice -n 7 -p "$VICTIM"',
    arrange: onVictim((victim) => {
      const stat = readFileSync(`/proc/${victim.pid}/stat`, "utf8")
      return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16] === "7"
    })
  },
  {
    id: "neighbour-namespaces",
    title: "joins the namespaces of another devbox",
    // First into the user namespace that owns all others of that devbox, where its owner may do everything.
    program:
      'nsenter -t "$NEIGHBOUR" --user="/proc/$LAUNCHER/ns/user" --mount --preserve-credentials cat /home/user/neighbour.txt',
    arrange: (scene) => ({
      env: { NEIGHBOUR: String(scene.neighbour.pid), LAUNCHER: String(launcherOf(scene.neighbour.pid)) },
      observed: ({ stdout }) => stdout.includes(scene.neighbour.secret),
      cleanup: nothing
    })
  },
  {
    id: "init-root",
    title: "reads a host file through /proc/1/root",
    needsRoot: "only root may follow the root of process 1",
    absent: unlessReadable("/proc/1/root/etc"),
    program: 'cat -- "/proc/1/root$TARGET"',
    arrange: throughVictim
  },
  {
    id: "host-namespaces",
    title: "joins the namespaces of a process of the host",
    needsRoot: "only root may join namespaces that are not its own",
    program: 'nsenter -t "$VICTIM" -m cat -- "$TARGET"',
    arrange: throughVictim
  },
  {
    id: "chroot",
    title: "changes its root directory to that of a process of the host",
    needsRoot: "only root may change its root directory",
    program: 'chroot "/proc/$VICTIM/root" cat -- "$TARGET"',
    arrange: throughVictim
  },
  {
    id: "setuid",
    title: "becomes root through a setuid program of the host",
    needsRoot: "only root can plant a setuid program",
    // Outside it gives up root first, since the effect is to get it back.
    program:
      'if [ "$(id -u)" = 0 ]; then setpriv --reuid 65534 --regid 65534 --clear-groups "$TARGET" -u; else "$TARGET" -u; fi',
    arrange: () => {
      const file = join("/usr/local/bin", newSecret())
      copyFileSync(execFileSync("sh", ["-c", "command -v id"], { encoding: "utf8" }).trim(), file)
      chmodSync(file, 0o4755)
      return {
        env: { TARGET: file },
        observed: ({ stdout }) => stdout.trim() === "0",
        cleanup: () => rmSync(file)
      }
    }
  }
]

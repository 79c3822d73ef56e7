/**
 * Attempts on the kernel: mounts, devices, settings, modules, control groups, shared memory. None of them changes anything
 * that stays: settings are written back with their own value, and what is created is removed.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync, rmdirSync } from "node:fs"
import { join } from "node:path"
import { type Attempt, newSecret, nothing, type Prepared, type Said, unlessReadable } from "./attempt.ts"

const rootOnly = "only root may do this outside"

/** The program's own word is the effect. */
const says = (text: RegExp) => (): Prepared => ({
  env: {},
  observed: ({ stdout }: Said) => text.test(stdout),
  cleanup: nothing
})

const unlessThere = (path: string) => () => (existsSync(path) ? undefined : `this host has no ${path}`)

const blockDevice = (): string | undefined =>
  readdirSync("/dev", { withFileTypes: true }).find(
    (entry) => entry.isBlockDevice() && /^(vd|sd|nvme|xvd|dm-)/.test(entry.name)
  )?.name

/** Where control groups are made: version 2, or the controller of version 1 that limits processes. */
const groups = (): string | undefined =>
  ["/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/pids/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs"]
    .find((file) => existsSync(file))
    ?.replace(/\/cgroup\.procs$/, "")

const mayLoadModules = (): boolean => {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0"
  return existsSync("/proc/modules") && (BigInt(`0x${effective}`) & (1n << 16n)) !== 0n
}

/** Mounting, making devices, and the kernel's own files. */
export const kernelAttempts: ReadonlyArray<Attempt> = [
  {
    id: "user-namespace",
    title: "makes a user namespace in which it is root",
    program: "unshare --user --map-root-user id -u",
    arrange: says(/^0$/m)
  },
  {
    id: "user-namespace-mount",
    title: "mounts a file system in a user namespace of its own",
    program: "unshare --user --map-root-user --mount sh -c 'mount -t tmpfs none /tmp && echo mounted'",
    arrange: says(/^mounted$/m)
  },
  {
    id: "user-namespace-network",
    title: "makes a network namespace to get at the kernel's network code",
    program: "unshare --user --map-root-user --net sh -c 'cat /proc/net/dev && echo made'",
    arrange: says(/^made$/m)
  },
  {
    id: "shared-memory",
    title: "sees the shared memory segments of the host",
    absent: unlessThere("/usr/bin/ipcmk"),
    program: "cat /proc/sysvipc/shm",
    arrange: () => {
      const made = execFileSync("ipcmk", ["--shmem", "64", "--mode", "0600"], { encoding: "utf8" })
      const id = /(\d+)\s*$/.exec(made)?.[1] ?? ""
      const rows = readFileSync("/proc/sysvipc/shm", "utf8").split("\n")
      const key = rows.map((row) => row.trim().split(/\s+/)).find((row) => row[1] === id)?.[0]
      return {
        env: {},
        observed: ({ stdout }) => stdout.split("\n").some((row) => row.trim().split(/\s+/)[0] === key),
        cleanup: () => void execFileSync("ipcrm", ["--shmem-id", id])
      }
    }
  },
  {
    id: "mount",
    title: "mounts a file system",
    needsRoot: rootOnly,
    program: 'at=$(mktemp -d) && mount -n -t tmpfs none "$at" && echo mounted && umount -n "$at"; rmdir "$at"',
    arrange: says(/^mounted$/m)
  },
  {
    id: "remount-usr",
    title: "makes the host's /usr writable again",
    needsRoot: "only root may make the mount that this needs outside",
    // Outside it works on a read-only bind in a namespace of its own; the host's own mounts are not touched.
    program: `if unshare --mount true; then
  unshare --mount --propagation private sh -c 'mount --bind /usr /usr && mount -o remount,bind,ro /usr && mount -o remount,bind,rw /usr && [ -w /usr ] && echo writable'
else
  mount -n -o remount,bind,rw /usr && [ -w /usr ] && echo writable
fi`,
    arrange: says(/^writable$/m)
  },
  {
    id: "device-node",
    title: "makes a device node and reads from it",
    needsRoot: rootOnly,
    program: 'at=$(mktemp -u) && mknod "$at" c 1 5 && head -c 4 "$at" | od -An -tx1; rm -f -- "$at"',
    arrange: says(/00 00 00 00/)
  },
  {
    id: "raw-disk",
    title: "reads the host's disk past its file system",
    needsRoot: rootOnly,
    absent: () => {
      const disk = blockDevice()
      return disk === undefined ? "no disk of this host shows in /dev" : unlessReadable(join("/dev", disk))()
    },
    program: 'head -c 512 -- "$DISK" | wc -c',
    arrange: () => ({
      env: { DISK: join("/dev", blockDevice() ?? "") },
      observed: ({ stdout }) => stdout.trim() === "512",
      cleanup: nothing
    })
  },
  {
    id: "kernel-log",
    title: "reads the kernel's log",
    needsRoot: "ordinary users are kept from it on most hosts",
    program: "dmesg | head -n 1",
    arrange: says(/\S/)
  },
  {
    id: "kernel-log-device",
    title: "reads the kernel's log through /dev/kmsg",
    needsRoot: rootOnly,
    absent: unlessThere("/dev/kmsg"),
    program: "dd if=/dev/kmsg iflag=nonblock bs=8192 count=1 status=none",
    arrange: says(/\d+,\d+,/)
  },
  {
    id: "kernel-memory",
    title: "reads the kernel's memory through /proc/kcore",
    needsRoot: rootOnly,
    absent: unlessThere("/proc/kcore"),
    program: "head -c 4 /proc/kcore | od -An -c",
    arrange: says(/E\s+L\s+F/)
  },
  {
    id: "core-pattern",
    title: "writes the kernel's core_pattern, which the host runs as root",
    needsRoot: rootOnly,
    program: `value=$(cat /proc/sys/kernel/core_pattern) && printf '%s\\n' "$value" > /proc/sys/kernel/core_pattern && echo written`,
    arrange: () => {
      const before = readFileSync("/proc/sys/kernel/core_pattern", "utf8")
      return {
        env: {},
        observed: ({ stdout }) =>
          /^written$/m.test(stdout) || readFileSync("/proc/sys/kernel/core_pattern", "utf8") !== before,
        cleanup: () => {
          if (readFileSync("/proc/sys/kernel/core_pattern", "utf8") !== before) {
            throw new Error(`the host's core_pattern is not ${before.trim()} any more: put it back`)
          }
        }
      }
    }
  },
  {
    id: "sysctl",
    title: "writes another setting of the kernel",
    needsRoot: rootOnly,
    program: `value=$(cat /proc/sys/vm/swappiness) && printf '%s\\n' "$value" > /proc/sys/vm/swappiness && echo written`,
    arrange: says(/^written$/m)
  },
  {
    id: "sysrq",
    title: "gives the kernel a command through /proc/sysrq-trigger",
    needsRoot: rootOnly,
    absent: unlessThere("/proc/sysrq-trigger"),
    // `h` prints the help text into the kernel's log.
    program: "echo h > /proc/sysrq-trigger && echo written",
    arrange: says(/^written$/m)
  },
  {
    id: "module",
    title: "gets the kernel to look at a module",
    needsRoot: rootOnly,
    absent: () =>
      !mayLoadModules()
        ? "the kernel of this host takes no modules, not even from root"
        : existsSync("/usr/bin/perl") && (process.arch === "x64" || process.arch === "arm64")
          ? undefined
          : "there is no perl here, or the number of the system call is not known, to ask the kernel with",
    // An empty module is refused as malformed by whoever may load modules, and by permission for everybody else.
    program: `perl -e '
open my $f, "<", "/dev/null"; my $n = $ENV{ARCH} eq "x64" ? 313 : 273; my $none = "";
syscall($n, fileno($f), $none, 0); print $!{EPERM} ? "" : "considered\\n"; warn "finit_module: $!\\n"'`,
    arrange: () => ({
      env: { ARCH: process.arch },
      observed: ({ stdout }) => /^considered$/m.test(stdout),
      cleanup: nothing
    })
  },
  {
    id: "control-group",
    title: "makes a control group of the host",
    needsRoot: rootOnly,
    absent: () => (groups() === undefined ? "no control groups are mounted on this host" : undefined),
    program: 'mkdir -- "$GROUP"',
    arrange: () => {
      const group = join(groups() ?? "", newSecret())
      return {
        env: { GROUP: group },
        observed: () => existsSync(group),
        cleanup: () => {
          if (existsSync(group)) rmdirSync(group)
        }
      }
    }
  },
  {
    id: "clock",
    title: "sets the host's clock",
    needsRoot: rootOnly,
    absent: () =>
      existsSync("/usr/bin/perl") && (process.arch === "x64" || process.arch === "arm64")
        ? undefined
        : "there is no perl here, or the number of the system call is not known, to ask the kernel with",
    // clock_adjtime with ADJ_TICK and the tick it has: allowed or not, no clock changes.
    program: `perl -e '
my $n = $ENV{ARCH} eq "x64" ? 305 : 266; my $t = "\\0" x 208;
die "clock_adjtime: $!\\n" if syscall($n, 0, $t, 0) == -1;
substr($t, 0, 4) = pack("L", 0x4000);
die "clock_adjtime: $!\\n" if syscall($n, 0, $t) == -1; print "allowed\\n"'`,
    arrange: () => ({
      env: { ARCH: process.arch },
      observed: ({ stdout }) => /^allowed$/m.test(stdout),
      cleanup: nothing
    })
  }
]

// What a person can do about a probe that failed.
import * as fs from "node:fs"

const sysctl = (name: string): string | undefined => {
  try {
    return fs.readFileSync(`/proc/sys/${name}`, "utf8").trim()
  } catch {
    return undefined
  }
}

const namespaces = (): string => {
  if (sysctl("kernel/apparmor_restrict_unprivileged_userns") === "1") {
    return "AppArmor restricts user namespaces: load an AppArmor profile with `userns,` for this program, or run `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` as root"
  }
  if (sysctl("kernel/unprivileged_userns_clone") === "0")
    return "run `sysctl -w kernel.unprivileged_userns_clone=1` as root"
  if (sysctl("user/max_user_namespaces") === "0") return "run `sysctl -w user.max_user_namespaces=15000` as root"
  return "user namespaces are refused here, as most container runtimes do: start the container with `--security-opt seccomp=unconfined`, or use a host that allows them"
}

/** One sentence for a failed probe, or undefined when nothing can be done. */
export const cures = (probe: string, detail: string): string | undefined => {
  switch (probe) {
    case "tools":
      return "install util-linux and coreutils"
    case "state-dir":
      return "choose a state directory that every user can pass through: boxes of root run as an unprivileged user"
    case "user-namespace":
    case "namespaces":
      return namespaces()
    case "overlay":
      return /invalid argument|wrong fs type/i.test(detail)
        ? "put the state directory on ext4, xfs, btrfs or tmpfs (a container's own root will not do), on Linux 5.11 or newer"
        : namespaces()
    case "bubblewrap":
      return "install bubblewrap: boxes start several times faster (apt-get install bubblewrap, dnf install bubblewrap)"
    case "util-linux":
      return "install util-linux, or bubblewrap"
    case "loopback":
      return "install iproute2, or bubblewrap"
    case "env-signals":
      return "install coreutils 8.31 or newer: without it, commands in boxes do not feel SIGINT"
    default:
      return undefined
  }
}

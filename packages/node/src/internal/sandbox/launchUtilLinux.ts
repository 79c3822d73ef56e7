// The way in for hosts without bubblewrap: the same box from unshare, mount, pivot_root and setpriv. Mounts are
// given to mount(8) as two tables, one process each, because a process per mount is what makes this slow.
import * as fs from "node:fs"
import { readOnlyBinds } from "./binds.ts"
import type { LaunchPlan } from "./launch.ts"
import { insideLib, insideQ, userOf } from "./layout.ts"
import { quote } from "./quote.ts"

const devices = ["null", "zero", "full", "random", "urandom", "tty"]

/** fstab(5) writes blanks and backslashes in octal. */
const field = (text: string): string =>
  text.replaceAll(/[\\\s#]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`)

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  rows.map((row) => `${row.map(field).join(" ")} 0 0\n`).join("")

/** In the namespaces of user and mounts; the processes of the box do not exist yet. */
const outerStage = (
  plan: LaunchPlan,
  places: ReadonlyArray<{ readonly path: string; readonly kind: "dir" | "file" }>
): string => `
m=${quote(plan.spec.base.mountPoint)} q=${quote(plan.dirs.requests)}
echo 1 >/proc/sys/user/max_user_namespaces
ulimit -p ${plan.processes} 2>/dev/null || ulimit -u ${plan.processes}
(cd "$q" && exec ${plan.makeFifos}) &
mount -n -i -t overlay devbox -o ${quote(plan.overlay)} "$m" || exit 125
# The box's own writes decide what these names are. A link would make the host mount somewhere else.
place() {
  if [ -h "$m$2" ]; then echo "the box has a link at $2, where the system belongs" >&2; exit 125; fi
  if [ "$1" = dir ]; then [ -d "$m$2" ] || mkdir "$m$2" || exit 125
  else [ -e "$m$2" ] || : >"$m$2" || exit 125; fi
}
${places.map((place) => `place ${place.kind} ${quote(place.path)}`).join("\n")}
mount -n --fstab "$q/mounts.1" -a || exit 125
wait $! || exit 125
exec setpriv --pdeathsig KILL unshare --pid --mount-proc="$m/proc" --propagation private --ipc --uts ${
  plan.spec.network === "host" ? "" : "--net"
} --fork --kill-child sh "$q/inner.sh"
`

/** Pid 1 of the box, still with the capabilities of its user namespace. */
const innerStage = (plan: LaunchPlan): string => {
  const user = userOf(plan.spec)
  const { tools } = plan.spec.report
  const loopback =
    tools["ip"] !== undefined
      ? `${tools["ip"]} link set lo up`
      : tools["ifconfig"] !== undefined
        ? `${tools["ifconfig"]} lo up`
        : // SIOCGIFFLAGS, IFF_UP | IFF_RUNNING, SIOCSIFFLAGS
          `perl -e 'socket($s,2,2,0); $r=pack("a16x24","lo"); ioctl($s,0x8913,$r) or die; substr($r,16,2)=pack("s",unpack("s",substr($r,16,2))|0x41); ioctl($s,0x8914,$r) or die "lo: $!"'`
  return `
m=${quote(plan.spec.base.mountPoint)} q=${quote(plan.dirs.requests)}
hostname ${quote(plan.hostname)}
${plan.spec.network === "host" ? "" : `${loopback} || exit 125`}
mount -n --fstab "$q/mounts.2" -a || exit 125
cd "$m" && pivot_root . run/devbox/old && cd / && umount -n -l /run/devbox/old || exit 125
cd ${quote(user.home)} || cd /
# A new user namespace starts with every capability in its bounding set; keeping them for one exec allows dropping them.
exec unshare --user --map-user=${user.uid} --map-group=${user.uid} --keep-caps \\
  setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all --no-new-privs --pdeathsig KILL \
  env -i PATH=/usr/bin:/bin sh ${insideLib}/init.sh ${plan.agent.map(quote).join(" ")}
`
}

export const utilLinuxCommand = (plan: LaunchPlan): ReadonlyArray<string> => {
  const { spec, dirs } = plan
  const { tools } = spec.report
  const m = spec.base.mountPoint
  const binds = readOnlyBinds(spec)
  const parents = binds.flatMap((bind) => {
    const parts = bind.target.split("/").slice(1, -1)
    return parts.map((_, index) => ({ path: `/${parts.slice(0, index + 1).join("/")}`, kind: "dir" as const }))
  })
  const places = [
    ...parents,
    ...binds.map((bind) => ({ path: bind.target, kind: bind.kind })),
    ...["/proc", "/run", "/dev", "/dev/pts", "/dev/shm"].map((dir) => ({ path: dir, kind: "dir" as const })),
    ...devices.map((name) => ({ path: `/dev/${name}`, kind: "file" as const }))
  ]
  const readOnly = "bind,ro,nosuid,nodev"
  fs.writeFileSync(
    `${dirs.requests}/mounts.1`,
    table([
      ...binds.map((bind) => [bind.source, `${m}${bind.target}`, "none", readOnly]),
      ["tmpfs", `${m}/run`, "tmpfs", "mode=755,nosuid,nodev"],
      [dirs.requests, `${m}${insideQ}`, "none", `${readOnly},noexec,x-mount.mkdir`],
      [spec.base.scripts, `${m}${insideLib}`, "none", `${readOnly},noexec,x-mount.mkdir`],
      ["tmpfs", `${m}/run/devbox/old`, "tmpfs", "mode=700,x-mount.mkdir"],
      ...devices.map((name) => [`/dev/${name}`, `${m}/dev/${name}`, "none", "bind"]),
      ["devpts", `${m}/dev/pts`, "devpts", "newinstance,ptmxmode=0666,mode=620,nosuid,noexec"],
      ["tmpfs", `${m}/dev/shm`, "tmpfs", "mode=1777,nosuid,nodev"]
    ])
  )
  // Two rows each: a bind, made read-only.
  const hidden = ["sys", "sysrq-trigger", "irq", "bus"].filter((name) => fs.existsSync(`/proc/${name}`))
  fs.writeFileSync(
    `${dirs.requests}/mounts.2`,
    table(hidden.map((name) => [`${m}/proc/${name}`, `${m}/proc/${name}`, "none", "bind,ro,nosuid,nodev,noexec"]))
  )
  fs.writeFileSync(`${dirs.requests}/inner.sh`, innerStage(plan))
  return [
    tools["unshare"]!,
    "--user",
    "--map-root-user",
    "--mount",
    "--propagation",
    "private",
    tools["sh"]!,
    "-c",
    outerStage(plan, [...new Map(places.map((place) => [place.path, place])).values()])
  ]
}

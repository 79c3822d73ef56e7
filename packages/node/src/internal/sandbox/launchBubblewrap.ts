// The quick way in: unshare mounts the overlay, bubblewrap does the rest. See launch.ts for the model.
import { readOnlyBinds } from "./binds.ts"
import type { LaunchPlan } from "./launch.ts"
import { insideLib, insideQ, userOf } from "./layout.ts"

// bubblewrap makes two user namespaces below ours (one to mount devpts, one for uid 1000); the box gets none.
const outer = (makeFifos: string): string => `echo 2 >/proc/sys/user/max_user_namespaces
ulimit -p "$1" 2>/dev/null || ulimit -u "$1"
(cd "$4" && exec ${makeFifos}) &
mount -n -i -t overlay devbox -o "$2" "$3" || exit 125
wait $! || exit 125
shift 4
exec "$@"`

export const bubblewrapCommand = (plan: LaunchPlan): ReadonlyArray<string> => {
  const { spec, dirs } = plan
  const { tools } = spec.report
  const user = userOf(spec)
  return [
    tools["unshare"]!,
    "--user",
    "--map-root-user",
    "--mount",
    "--propagation",
    "private",
    tools["sh"]!,
    "-c",
    outer(plan.makeFifos),
    "sh",
    String(plan.processes),
    plan.overlay,
    spec.base.mountPoint,
    dirs.requests,
    tools["bwrap"]!,
    "--bind",
    spec.base.mountPoint,
    "/",
    ...readOnlyBinds(spec).flatMap((bind) => ["--ro-bind", bind.source, bind.target]),
    "--proc",
    "/proc",
    // Never without this: /proc/sys belongs to the user who maps to it, whatever capabilities say.
    "--ro-bind",
    "/proc/sys",
    "/proc/sys",
    "--dev",
    "/dev",
    "--tmpfs",
    "/run",
    "--ro-bind",
    dirs.requests,
    insideQ,
    "--ro-bind",
    spec.base.scripts,
    insideLib,
    "--unshare-user",
    "--uid",
    String(user.uid),
    "--gid",
    String(user.uid),
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    ...(spec.network === "host" ? [] : ["--unshare-net"]),
    "--cap-drop",
    "ALL",
    "--hostname",
    plan.hostname,
    "--chdir",
    user.home,
    "--clearenv",
    "--die-with-parent",
    "sh",
    `${insideLib}/agent.sh`,
    ...plan.agent
  ]
}

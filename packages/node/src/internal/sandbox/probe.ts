// Finds out what this host can do by doing it: each probe runs the real operation and keeps what it printed. Nothing
// here decides what a caller accepts; a report that says "process" is not yet a permission to run without isolation.
import * as fs from "node:fs"
import * as path from "node:path"
import { randomUUID } from "node:crypto"
import { cures } from "./cures.ts"
import { attempt, type Attempt } from "./attempt.ts"
import { findGroupParents } from "./groupsOfHost.ts"
import type { GroupParents } from "./groups.ts"
import { dropped, findTools } from "./tools.ts"
import type { HostReport, Launcher, Probe, ProbeOptions } from "./types.ts"

// Below 100000, where ranges of subordinate ids start, and above what distributions and systemd hand out.
const DROP_UIDS = [99_100, 60_901, 39_100]
const essential = ["sh", "unshare", "mount", "mkfifo", "setsid"]
const withoutBubblewrap = ["setpriv", "pivot_root", "umount"]

/** In a container, root may not be allowed to become every user. */
const mappedUid = (): number => {
  try {
    const ranges = fs
      .readFileSync("/proc/self/uid_map", "utf8")
      .trim()
      .split("\n")
      .map((row) => row.trim().split(/\s+/).map(Number))
    return (
      DROP_UIDS.find((uid) => ranges.some(([from, , length]) => uid >= from! && uid < from! + length!)) ?? DROP_UIDS[0]!
    )
  } catch {
    return DROP_UIDS[0]!
  }
}

const hidesBubblewrap = (options: ProbeOptions): boolean =>
  options.bubblewrap === false || process.env["EFFECT_DEVBOX_BUBBLEWRAP"] === "off"

/** How far limits reach: for the whole box by control groups, without them for what each process can be held to. */
export const limitsOf = (tier: HostReport["tier"], groups: GroupParents): Pick<HostReport, "groups" | "limits"> => ({
  groups,
  limits: {
    // Each process may have so much data, and all of them together have as often more.
    memory: groups.memory === undefined ? "perProcess" : "enforced",
    // Counted per user namespace, which each isolated box has for itself.
    pids: tier === "isolated" || groups.pids !== undefined ? "enforced" : "unavailable",
    // A process can be given less time in all, or less than others, but no share of a processor.
    cpu: groups.cpu === undefined ? "unavailable" : "enforced",
    disk: "unavailable"
  }
})

export const probeHost = async (options: ProbeOptions): Promise<HostReport> => {
  const begun = performance.now()
  fs.mkdirSync(options.stateDir, { recursive: true, mode: 0o755 })
  const tools = findTools()
  if (hidesBubblewrap(options)) tools["bwrap"] = undefined
  else if (typeof options.bubblewrap === "string") tools["bwrap"] = options.bubblewrap
  const root = process.getuid?.() === 0
  const uid = root ? (options.dropUid ?? mappedUid()) : (process.getuid?.() ?? 0)
  const gid = root ? uid : (process.getgid?.() ?? 0)
  const identity = { drops: root, uid, gid, tools }
  const probes: Array<Probe> = []
  const record = async (name: string, run: () => Promise<Attempt> | Attempt): Promise<boolean> => {
    const start = performance.now()
    const { ok, detail } = await run()
    const ms = Math.round((performance.now() - start) * 10) / 10
    const cure = ok ? undefined : cures(name, detail)
    probes.push({ name, ok, ms, detail, ...(cure === undefined ? {} : { cure }) })
    return ok
  }
  const missing = (names: ReadonlyArray<string>): Attempt => {
    const absent = names.filter((name) => tools[name] === undefined)
    return absent.length === 0
      ? { ok: true, detail: names.map((name) => tools[name]).join(" ") }
      : { ok: false, detail: `missing: ${absent.join(", ")}` }
  }
  const run = (argv: ReadonlyArray<string>): Promise<Attempt> =>
    attempt(argv, { cwd: options.stateDir, timeoutMs: options.timeoutMs ?? 5000, ...dropped(identity) })

  const finish = (launcher: Launcher): HostReport => {
    const tier = launcher === "process" ? "process" : "isolated"
    const blockedBy =
      tier === "process" && options.tier !== "process"
        ? probes.find((probe) => !probe.ok && probe.name !== "bubblewrap" && probe.name !== "env-signals")
        : undefined
    const own = process.getuid?.() ?? 0
    return {
      tier,
      launcher,
      probes,
      ...(blockedBy === undefined ? {} : { blockedBy }),
      drops: tier === "isolated" && root,
      uid: tier === "isolated" ? uid : own,
      gid: tier === "isolated" ? gid : (process.getgid?.() ?? 0),
      tools,
      ...limitsOf(tier, findGroupParents()),
      ms: Math.round((performance.now() - begun) * 10) / 10
    }
  }

  const signals = record("env-signals", () =>
    tools["env"] === undefined
      ? { ok: false, detail: "missing: env" }
      : attempt([tools["env"], "--default-signal=INT", "true"], { cwd: "/", timeoutMs: 5000 })
  )
  if (options.tier === "process") {
    await signals
    return finish("process")
  }
  const linux = await record("linux", () => ({ ok: process.platform === "linux", detail: process.platform }))
  const present = linux && (await record("tools", () => missing(essential)))
  const reachableDir = present && (await record("state-dir", () => run(["test", "-x", options.stateDir])))
  const userns =
    reachableDir &&
    (await record("user-namespace", () => run([tools["unshare"]!, "--user", "--map-root-user", "true"])))
  const overlay = userns && (await record("overlay", () => tryOverlay(options.stateDir, identity, run)))
  let launcher: Launcher = "process"
  if (overlay) {
    const bubblewrap = await record("bubblewrap", () =>
      tools["bwrap"] === undefined
        ? { ok: false, detail: hidesBubblewrap(options) ? "hidden by request" : "missing: bwrap" }
        : run([
            tools["unshare"]!,
            "--user",
            "--map-root-user",
            "--mount",
            tools["bwrap"],
            "--ro-bind",
            "/",
            "/",
            "--unshare-user",
            "--uid",
            "1000",
            "--gid",
            "1000",
            "--unshare-pid",
            "--unshare-net",
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "true"
          ])
    )
    if (bubblewrap) launcher = "bubblewrap"
    else if (await record("util-linux", () => missing(withoutBubblewrap))) {
      const works = await record("namespaces", () =>
        run([
          tools["unshare"]!,
          "--user",
          "--map-root-user",
          "--mount",
          "--pid",
          "--net",
          "--ipc",
          "--uts",
          "--fork",
          "--kill-child",
          "--mount-proc",
          tools["sh"]!,
          "-c",
          "unshare --user --map-user=1000 --map-group=1000 true"
        ])
      )
      const loopback =
        works &&
        (await record("loopback", () =>
          (tools["ip"] ?? tools["ifconfig"] ?? tools["perl"]) !== undefined
            ? { ok: true, detail: (tools["ip"] ?? tools["ifconfig"] ?? tools["perl"])! }
            : { ok: false, detail: "missing: ip, ifconfig, perl" }
        ))
      if (loopback) launcher = "util-linux"
    }
  }
  await signals
  return finish(launcher)
}

const tryOverlay = async (
  stateDir: string,
  identity: Parameters<typeof dropped>[0] & { readonly tools: Readonly<Record<string, string | undefined>> },
  run: (argv: ReadonlyArray<string>) => Promise<Attempt>
): Promise<Attempt> => {
  const dir = path.join(stateDir, `.probe-${randomUUID()}`)
  try {
    fs.mkdirSync(dir)
    for (const name of ["l", "u", "w", "m"]) fs.mkdirSync(path.join(dir, name))
    if (identity.drops)
      for (const name of ["", "l", "u", "w", "m"]) fs.chownSync(path.join(dir, name), identity.uid, identity.gid)
    const script =
      'cd "$1" && mount -n -i -t overlay o -o lowerdir=l,upperdir=u,workdir=w,userxattr m && : >m/file && rm m/file'
    return await run([
      identity.tools["unshare"]!,
      "--user",
      "--map-root-user",
      "--mount",
      "--propagation",
      "private",
      "sh",
      "-c",
      script,
      "sh",
      dir
    ])
  } catch (error) {
    return { ok: false, detail: (error as Error).message }
  } finally {
    // The overlay leaves this one closed to everybody, its owner included.
    if (fs.existsSync(path.join(dir, "w", "work"))) fs.chmodSync(path.join(dir, "w", "work"), 0o700)
    fs.rmSync(dir, { recursive: true, force: true })
  }
}

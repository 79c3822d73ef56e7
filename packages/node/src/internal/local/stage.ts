/**
 * What is put on a devbox's disk before the devbox exists: its user, repositories and storage objects. It happens in a box of its
 * own on the same disk, which reaches the code host alone and ends before anything of the devbox begins: so a devbox without a
 * network gets its code, nothing that ever runs in a devbox was near a token, and neither a snapshot's files nor a
 * code host's answers lead to what else this machine reaches.
 */
import type { DevboxId, Mount, NetworkMode, UserParameters } from "@effect-devbox/core/DevboxModel"
import { StorageObjectId } from "@effect-devbox/core/StorageObjects"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { environmentOf, proxyPort } from "../net/modes.ts"
import { only } from "../net/rules.ts"
import { startBox } from "../sandbox/box.ts"
import type { Box, BoxSpec } from "../sandbox/types.ts"
import { wishEnd } from "../store/devboxes.ts"
import { appendLogs } from "../store/logs.ts"
import { type Engine, rowOf } from "./engine.ts"
import { said } from "./hidden.ts"
import { longestTimer } from "./news.ts"

/** What is to be put there. */
export interface Staging {
  readonly user?: UserParameters | undefined
  readonly mounts: ReadonlyArray<Mount>
}

type CodeMount = Extract<Mount, { readonly type: "code_mount" }>
type ObjectMount = Extract<Mount, { readonly type: "object_mount" }>

/** Mounts that are put there before the devbox begins. */
export const isStaged = (mount: Mount): boolean => mount.type === "code_mount" || mount.type === "object_mount"

/** Whether anything is to be done. */
export const needsStage = ({ mounts, user }: Staging): boolean => user !== undefined || mounts.some(isStaged)

/**
 * The token comes on stdin and lies in memory, where the machine has files there, as long as this runs; git asks a helper for it, so that no command line, environment, address or
 * configuration ever holds it. What is given to `clone` by `-c` before the word is not written down by it.
 */
const clone = `umask 077; d=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d) || exit 1; trap 'rm -rf -- "$d"' 0; cat >"$d/answer" || exit 1
umask 022
export GIT_TERMINAL_PROMPT=0 GIT_ASKPASS=/bin/false GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
git -c credential.helper= -c credential.helper="!f() { [ \\"\\$1\\" != get ] || cat '$d/answer'; }; f" \\
  -c http.lowSpeedLimit=1 -c http.lowSpeedTime=60 clone --quiet --no-checkout -- "$1" "$2" </dev/null || exit
cd -- "$2" || exit
if [ -n "$3" ]; then git checkout --quiet "$3" --; else git checkout --quiet; fi`

const unpack = `mkdir -p -- "$1" && case $2 in tgz) tar -xzf - -C "$1" ;; *) tar -xf - -C "$1" ;; esac`
const place = `d=\${1%/*}; [ -z "$d" ] || mkdir -p -- "$d" || exit; case $2 in gzip) gzip -dc ;; *) cat ;; esac >"$1"`

/** Adds a user by name and number, with a home of its own. */
const addUser = `grep -q "^$1:" /etc/passwd || echo "$1:x:$2:$2:$1:$3:/bin/bash" >>/etc/passwd || exit
grep -q "^$1:" /etc/group || echo "$1:x:$2:" >>/etc/group || exit
[ -d "$3" ] || { mkdir -p "$3" && cp -a /home/user/. "$3"; }`

/** Where a user of a devbox lives. */
export const homeOf = (user: UserParameters | undefined): string =>
  user === undefined ? "/home/user" : user.uid === 0 ? "/root" : `/home/${user.username}`

/** Runs a program of ours in the stage; what it says when it fails never holds the secret. */
const run = async (
  box: Box,
  id: string,
  what: string,
  command: ReadonlyArray<string>,
  input: Stream.Stream<Uint8Array, unknown>,
  secret?: string
): Promise<void> => {
  const execution = box.exec({ id, command: ["sh", "-c", ...command], env: { LC_ALL: "C" }, stdin: true })
  const done = execution.done.catch((error: unknown) => error as Error)
  await execution.started
  const feed = Stream.runForEach(input, (bytes) =>
    // A program that ended early says why by its end.
    Effect.promise(() => execution.stdin!.write(bytes).catch(() => {}))
  )
  await Effect.runPromise(feed)
  await execution.stdin!.end().catch(() => {})
  const ended = await done
  if (ended instanceof Error) throw ended
  const words = ended.code === 0 ? "" : await said(box, id)
  box.journal.remove(id)
  if (ended.code === 0) return
  const shown = secret === undefined || secret === "" ? words : words.replaceAll(secret, "<redacted>")
  throw new Error(`${what} failed with exit status ${ended.code}${shown === "" ? "" : `: ${shown}`}`)
}

const nothing = Stream.empty

/** The network of a stage: what it is, what git is told of it, and how the box gets it. */
interface Way {
  readonly network: NetworkMode
  readonly env: Readonly<Record<string, string>>
  readonly open: (box: Box) => Promise<() => void>
}

/** To the code host for those who clone, and to nowhere for the others. A box of the process tier has what this machine has. */
const wayOf = (engine: Engine, { report }: BoxSpec, { mounts }: Staging): Way => {
  const closed = { env: {}, open: () => Promise.resolve(() => {}) }
  if (report.launcher === "process") return { network: "host", ...closed }
  if (!mounts.some(({ type }) => type === "code_mount")) return { network: "none", ...closed }
  const { hostname, port, protocol } = new URL(engine.sources.codeHost)
  const rules = only(hostname.replace(/^\[|\]$/g, ""), Number(port || (protocol === "http:" ? 80 : 443)))
  return {
    network: "proxy",
    // The code host may have a name that programs are told not to ask the proxy for.
    env: { ...environmentOf("proxy"), no_proxy: "", NO_PROXY: "" },
    open: async ({ entrance }) =>
      entrance === undefined
        ? () => {}
        : engine.egress.serve(await engine.door.listen(entrance, proxyPort), () => rules)
  }
}

const cloneCode = async (engine: Engine, box: Box, id: string, mount: CodeMount, home: string): Promise<void> => {
  const name = `${mount.repoOwner}/${mount.repoName}`
  const token = mount.token === undefined ? undefined : Redacted.value(mount.token)
  const answer = token === undefined ? "" : `username=x-access-token\npassword=${token}\n`
  const target = `${home}/${mount.repoName}`
  const words = [clone, "sh", `${engine.sources.codeHost}/${name}.git`, target, mount.gitRef ?? ""]
  await run(box, id, `cloning ${name}`, words, Stream.make(new TextEncoder().encode(answer)), token)
}

const bringObject = async (engine: Engine, box: Box, id: string, mount: ObjectMount): Promise<void> => {
  const objects = engine.sources.objects!
  const objectId = StorageObjectId.make(mount.objectId)
  const { contentType } = await Effect.runPromise(objects.get(objectId))
  const isArchive = contentType === "tar" || contentType === "tgz"
  const words = [isArchive ? unpack : place, "sh", mount.objectPath, contentType]
  await run(box, id, `putting object ${mount.objectId} to ${mount.objectPath}`, words, objects.download(objectId))
}

/** Prepares a disk. When the end of the devbox is wished meanwhile, it fails. */
export const stage = async (engine: Engine, id: DevboxId, spec: BoxSpec, staging: Staging): Promise<void> => {
  const { user } = staging
  const { env, network, open } = wayOf(engine, spec, staging)
  // The stage is not run as the devbox's user: that one may not be there yet.
  const box = await startBox({ ...spec, network, env, user: undefined })
  engine.stages.set(id, box)
  const left = (rowOf(engine, id).expires_at_ms ?? Infinity) - Date.now()
  const late = setTimeout(
    () => {
      wishEnd(engine.db, id, "keep_alive_timeout")
      void box.stop()
    },
    Math.min(Math.max(left, 0), longestTimer)
  )
  let close = () => {}
  const home = spec.report.launcher === "process" ? `${spec.dir}/home` : homeOf(user)
  try {
    if (rowOf(engine, id).shutdown_reason !== null) throw new Error("the devbox was shut down meanwhile")
    close = await open(box)
    if (user !== undefined) {
      const words = [addUser, "sh", user.username, String(user.uid), homeOf(user)]
      await run(box, "stage-user", `adding the user ${user.username}`, words, nothing)
    }
    for (const [index, mount] of staging.mounts.entries()) {
      if (mount.type === "code_mount") await cloneCode(engine, box, `stage-${index}`, mount, home)
      else if (mount.type === "object_mount") await bringObject(engine, box, `stage-${index}`, mount)
      else continue
      const what = mount.type === "code_mount" ? `${mount.repoOwner}/${mount.repoName}` : mount.objectId
      appendLogs(engine.db, id, [
        { level: "info", source: "setup_commands", message: `${what} is in place`, cmd_id: null }
      ])
    }
  } finally {
    clearTimeout(late)
    close()
    await box.stop()
    engine.stages.delete(id)
  }
}

/** Attempts on the files of the host and of other devboxes. */
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { type Attempt, createsFile, newSecret, nothing, openDirectory, readsFile, type Scene } from "./attempt.ts"
import { upperOf } from "./upper.ts"

const showTarget = 'cat -- "$TARGET"'
const createTarget = 'echo planted > "$TARGET"'
const neighbourDir = (scene: Scene): string => join(scene.stateDir, "boxes", scene.neighbour.id)
const neighbourUpper = (scene: Scene): string => upperOf(scene.stateDir, scene.neighbour.id)
const rootOnly = "only root may do this outside"

/** Reading and writing where only the host should. */
export const fileAttempts: ReadonlyArray<Attempt> = [
  {
    id: "home-file",
    title: "reads a file in the host user's home",
    program: showTarget,
    arrange: readsFile((scene) => join(scene.home, "notes.txt"))
  },
  {
    id: "ssh-key",
    title: "reads a private key in an .ssh directory of the host",
    program: 'for key in "$(dirname "$TARGET")"/id_*; do cat -- "$key"; done',
    arrange: readsFile(
      (scene) => join(scene.home, ".ssh", "id_ed25519"),
      (secret) => `-----BEGIN OPENSSH PRIVATE KEY-----\n${secret}\n-----END OPENSSH PRIVATE KEY-----\n`,
      0o600
    )
  },
  {
    id: "tmp-file",
    title: "reads a file in the host's /tmp",
    program: showTarget,
    arrange: readsFile((scene) => join(scene.directory, "session.txt"))
  },
  {
    id: "tmp-list",
    title: "finds names in the host's /tmp",
    program: 'find /tmp -maxdepth 2 -name "escape-*"',
    arrange: (scene) => {
      const name = newSecret()
      writeFileSync(join(scene.directory, name), "")
      return {
        env: {},
        observed: ({ stdout }) => stdout.includes(name),
        cleanup: () => rmSync(join(scene.directory, name))
      }
    }
  },
  {
    id: "shm-file",
    title: "reads a file in the host's /dev/shm",
    absent: () => (existsSync("/dev/shm") ? undefined : "this host has no /dev/shm"),
    program: showTarget,
    arrange: readsFile(() => join("/dev/shm", newSecret()))
  },
  {
    id: "self-root",
    title: "reads a host file through /proc/self/root",
    program: 'cat -- "/proc/self/root$TARGET"',
    arrange: readsFile((scene) => join(scene.directory, "self-root.txt"))
  },
  {
    id: "dot-dot",
    title: "reads a host file by climbing above the root with ..",
    program: 'cd / && cat -- "../../../../../../../..$TARGET"',
    arrange: readsFile((scene) => join(scene.home, "above.txt"))
  },
  {
    id: "symlink",
    title: "reads a host file through a symlink of its own",
    program: 'link=$(mktemp -u) && ln -s "$TARGET" "$link" && cat -- "$link"; rm -f -- "$link"',
    arrange: readsFile((scene) => join(scene.home, "linked.txt"))
  },
  {
    id: "write-tmp",
    title: "writes into a directory of the host that is open to everybody",
    program: createTarget,
    arrange: createsFile((scene) => join(openDirectory(join(scene.directory, "open")), "planted"))
  },
  {
    id: "write-home",
    title: "writes into the host user's home",
    program: createTarget,
    arrange: createsFile((scene) => join(scene.home, "planted"))
  },
  {
    id: "state-database",
    title: "reads the database of all devboxes",
    program: 'head -c 15 -- "$TARGET"',
    arrange: (scene) => ({
      env: { TARGET: join(scene.stateDir, "state.db") },
      observed: ({ stdout }) => stdout === "SQLite format 3",
      cleanup: nothing
    })
  },
  {
    id: "neighbour-file",
    title: "reads a file of another devbox on the host's disk",
    program: 'cat -- "$UPPER"/home/user/neighbour.txt "$BOX"/home/neighbour.txt',
    arrange: (scene) => ({
      env: { BOX: neighbourDir(scene), UPPER: neighbourUpper(scene) },
      observed: ({ stdout }) => stdout.includes(scene.neighbour.secret),
      cleanup: nothing
    })
  },
  {
    id: "neighbour-journal",
    title: "reads the recorded output of another devbox",
    program: 'cat -- "$BOX"/o/*.log "$BOX"/o/*.out',
    arrange: (scene) => ({
      env: { BOX: neighbourDir(scene) },
      observed: ({ stdout }) => stdout.includes(scene.neighbour.secret),
      cleanup: nothing
    })
  },
  {
    id: "neighbour-write",
    title: "puts a file into another devbox",
    program: 'for home in "$UPPER"/home/user "$BOX"/home; do echo planted > "$home/$NAME"; done',
    arrange: (scene) => {
      // A name that was never used: what a mounted overlay has once seen, it may remember.
      const name = newSecret()
      return {
        env: { BOX: neighbourDir(scene), UPPER: neighbourUpper(scene), NAME: name },
        observed: () => scene.neighbour.has(name),
        cleanup: () => {
          for (const home of [join(neighbourUpper(scene), "home/user"), join(neighbourDir(scene), "home")])
            rmSync(join(home, name), { force: true })
        }
      }
    }
  },
  {
    id: "agent-scripts",
    title: "changes the scripts by which the host runs commands in every devbox",
    program:
      'for dir in "$STATE"/tools/agent-* /run/devbox/lib; do echo "# $MARK" >> "$dir/slot.sh"; grep -h "$MARK" "$dir/slot.sh"; done',
    arrange: (scene) => {
      const tools = join(scene.stateDir, "tools")
      const name = readdirSync(tools).find((entry) => entry.startsWith("agent-"))
      const file = join(tools, name ?? "", "slot.sh")
      const before = readFileSync(file)
      const mark = newSecret()
      return {
        env: { STATE: scene.stateDir, MARK: mark },
        observed: ({ stdout }) => stdout.includes(mark) || readFileSync(file, "utf8").includes(mark),
        cleanup: () => writeFileSync(file, before)
      }
    }
  },
  {
    id: "request-directory",
    title: "puts a command of its own among those that the host asks for",
    program:
      'for dir in "$BOX/q" /run/devbox/q; do echo "echo $MARK" > "$dir/$MARK.sh"; ls "$dir" | grep "$MARK"; done',
    arrange: (scene) => {
      const mark = newSecret()
      const file = join(neighbourDir(scene), "q", `${mark}.sh`)
      return {
        env: { BOX: neighbourDir(scene), MARK: mark },
        observed: ({ stdout }) => stdout.includes(mark) || existsSync(file),
        cleanup: () => rmSync(file, { force: true })
      }
    }
  },
  {
    id: "shadow",
    title: "reads the host's /etc/shadow",
    needsRoot: rootOnly,
    absent: () => (existsSync("/etc/shadow") ? undefined : "this host has no /etc/shadow"),
    program: "cat /etc/shadow",
    arrange: () => ({ env: {}, observed: ({ stdout }) => /^root:/m.test(stdout), cleanup: nothing })
  },
  {
    id: "root-home",
    title: "lists /root",
    needsRoot: rootOnly,
    program: "ls -A /root",
    arrange: () => {
      const name = newSecret()
      writeFileSync(join("/root", name), "")
      return { env: {}, observed: ({ stdout }) => stdout.includes(name), cleanup: () => rmSync(join("/root", name)) }
    }
  },
  {
    id: "etc-hosts",
    title: "changes the host's /etc/hosts",
    needsRoot: rootOnly,
    // Only the time of the file changes: a run that is killed in the middle leaves the host's names alone.
    program: "touch -c -d @946684800 /etc/hosts && stat -c %Y /etc/hosts",
    arrange: () => {
      const { atime, mtime } = statSync("/etc/hosts")
      return {
        env: {},
        observed: () => statSync("/etc/hosts").mtimeMs === 946_684_800_000,
        cleanup: () => utimesSync("/etc/hosts", atime, mtime)
      }
    }
  },
  {
    id: "usr-local-bin",
    title: "puts a program into the host's /usr/local/bin",
    needsRoot: rootOnly,
    program: createTarget,
    arrange: createsFile(() => join("/usr/local/bin", newSecret()))
  },
  {
    id: "usr-local-bin-link",
    title: "writes through a link of the host's /usr into a directory outside",
    needsRoot: "only root can plant the link in /usr",
    program: 'echo planted > "$LINK/planted"',
    arrange: (scene) => {
      const link = join("/usr/local/share", newSecret())
      const target = openDirectory(join(scene.directory, "linked"))
      symlinkSync(target, link)
      return {
        env: { LINK: link },
        observed: () => existsSync(join(target, "planted")),
        cleanup: () => {
          rmSync(link)
          rmSync(target, { recursive: true })
        }
      }
    }
  }
]

// What this process was given by a careless parent and would hand on to a box: open files beyond the first sixteen (Node closes
// those to its children), and a session keyring. A box starts without either.
import * as fs from "node:fs"
import { SandboxStartError } from "./errors.ts"

/** O_CLOEXEC as `/proc/self/fdinfo` writes flags: in octal. */
const closeOnExec = 0o2000000

const isHandedOn = (fd: number): boolean => {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1]
    return flags !== undefined && (Number.parseInt(flags, 8) & closeOnExec) === 0
  } catch {
    return false
  }
}

/** Everything that this process opens itself is closed to its children, so one look at the beginning is enough. */
let open: ReadonlyArray<number> | undefined
const openFiles = (): ReadonlyArray<number> =>
  (open ??= fs
    .readdirSync("/proc/self/fd")
    .map(Number)
    .filter((fd) => fd > 2 && isHandedOn(fd)))

/** Keyrings of the kernel and of users are not handed on; any other that is in sight may be the session's. */
const hasSessionKeyring = (): boolean => {
  try {
    return fs
      .readFileSync("/proc/keys", "utf8")
      .split("\n")
      .some((line) => /\bkeyring\s+(?!\.|_uid|_persistent|_tid|_pid)/.test(line))
  } catch {
    return false
  }
}

/** keyctl(2). */
const keyctl: Readonly<Record<string, number>> = { x64: 250, arm64: 219 }

const leave =
  'my $keyctl = shift; my @files = split /,/, shift; if ($keyctl) { syscall($keyctl, 1, 0) >= 0 or die "keyctl: $!" }' +
  ' for (@files) { open(my $f, "<&=", $_) and close $f } exec { $ARGV[0] } @ARGV; die "exec: $!"'

/** The command, started without what this process was given. The same command when there is nothing. */
export const withoutInheritance = (
  boxId: string,
  tools: Readonly<Record<string, string | undefined>>,
  argv: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const files = openFiles()
  const keyring = hasSessionKeyring()
  if (files.length === 0 && !keyring) return argv
  const call = keyring ? keyctl[process.arch] : 0
  if (tools["perl"] !== undefined && call !== undefined) {
    return [tools["perl"], "-e", leave, String(call), files.join(","), ...argv]
  }
  if (keyring || tools["bash"] === undefined) {
    throw new SandboxStartError(
      boxId,
      "this process was started with a session keyring or open files, which the box would inherit; install perl, or start it without them",
      ""
    )
  }
  return [tools["bash"], "-c", `exec ${files.map((fd) => `${fd}<&-`).join(" ")}; exec "$@"`, "bash", ...argv]
}

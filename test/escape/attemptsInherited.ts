/**
 * Attempts on what a process gets from whoever started it: open files, a session keyring, a terminal. They are made in a
 * process that `inherit.sh` starts with all of them, as careless shells, services and test runners do.
 */
import { readFileSync, watch } from "node:fs"
import { type Attempt, newSecret, nothing } from "./attempt.ts"

/** What the process was given; it stands in a file, since its environment is inherited too. */
export interface Inherited {
  readonly fileSecret: string
  readonly directorySecret: string
  readonly directoryFile: string
  readonly keySecret: string
  readonly keyName: string
  /** The record of what was written to the terminal; undefined when there is no terminal. */
  readonly typescript: string | undefined
  readonly keyringProblem: string | undefined
}

/** Until a text has been recorded; the recorder is another process. */
const recorded = (path: string, text: string): Promise<string> =>
  new Promise((resolve) => {
    const look = () => {
      const all = readFileSync(path, "latin1")
      if (!all.includes(text)) return
      watcher.close()
      resolve(all)
    }
    const watcher = watch(path, look)
    look()
  })

const call = `my $n = $ENV{ARCH} eq "x64" ? 250 : 219;`

/** Open files, keys and the terminal. */
export const inheritedAttempts = (given: Inherited): ReadonlyArray<Attempt> => [
  {
    id: "open-file",
    title: "reads a file that the process which owns the devboxes was started with open",
    program: 'for fd in /proc/self/fd/*; do if [ -f "$fd" ]; then cat < "$fd"; fi; done',
    arrange: () => ({
      env: {},
      observed: ({ stdout }) => stdout.includes(given.fileSecret),
      cleanup: nothing
    })
  },
  {
    id: "open-directory",
    title: "walks out through a directory that the process which owns the devboxes was started with open",
    program: 'for fd in /proc/self/fd/*; do if [ -d "$fd/" ]; then cat -- "$fd/$NAME"; fi; done',
    arrange: () => ({
      env: { NAME: given.directoryFile },
      observed: ({ stdout }) => stdout.includes(given.directorySecret),
      cleanup: nothing
    })
  },
  {
    id: "session-keyring",
    title: "reads a key in the session keyring of the process that owns the devboxes",
    absent: () => given.keyringProblem,
    program: `perl -e '
${call} my ($type, $name, $data) = ("user", $ENV{KEY}, "\\0" x 200);
my $id = syscall($n, 10, -3, $type, $name, 0); die "keyctl search: $!\\n" if $id == -1;
my $length = syscall($n, 11, $id, $data, 200, 0); die "keyctl read: $!\\n" if $length == -1;
print substr($data, 0, $length)'`,
    arrange: () => ({
      env: { KEY: given.keyName, ARCH: process.arch },
      observed: ({ stdout }) => stdout.includes(given.keySecret),
      cleanup: nothing
    })
  },
  {
    id: "terminal",
    title: "writes to the terminal of the process that owns the devboxes",
    absent: () => (given.typescript === undefined ? "this host has no script(1) to make a terminal with" : undefined),
    program: 'echo "$MARK" > /dev/tty',
    arrange: () => {
      const mark = newSecret()
      const after = newSecret()
      return {
        env: { MARK: mark },
        observed: async () => {
          process.stdout.write(`${after}\n`)
          return (await recorded(given.typescript ?? "", after)).includes(mark)
        },
        cleanup: nothing
      }
    }
  }
]

/**
 * The little script that starts a command for Effect's `ChildProcessSpawner`: it says on the first line of stderr whether the
 * command could be started and as which process, then becomes the command. Arguments: folder, variables to unset, the words.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { PlatformError, SystemErrorTag } from "effect/PlatformError"
import * as Stream from "effect/Stream"

/** What a command is to find around it. */
export interface Surroundings {
  readonly cwd?: string | undefined
  /** Variables to take away. */
  readonly unset: ReadonlyArray<string>
  /** The only variables to leave; without this all of the devbox's are. */
  readonly only?: ReadonlyArray<string> | undefined
}

// `:` stands for "as it is". The search path goes last: the command is still found by it.
const script = `dir=$1 drop=$2 only=$3; shift 3
no() { echo "$1" >&2; exit 127; }
[ "$dir" = : ] || { [ -e "$dir" ] || no "NotFound $dir"; cd -- "$dir" 2>/dev/null || no "PermissionDenied $dir"; }
if [ "$only" != : ]; then
  for name in $(env | sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\1/p'); do
    case " $only " in *" $name "*) ;; *) drop="$drop $name" ;; esac
  done
fi
case $1 in
  */*) [ -e "$1" ] || no "NotFound $1"; [ -x "$1" ] && [ ! -d "$1" ] || no "PermissionDenied $1" ;;
  *) found=$(command -v -- "$1") || no "NotFound $1" ;;
esac
nopath=
for name in $drop; do [ "$name" = PATH ] && nopath=1 || unset "$name"; done
echo "pid $$" >&2
[ -z "$nopath" ] && exec "$@"
[ -z "$found" ] || { shift; set -- "$found" "$@"; }
exec env -u PATH -- "$@"`

/** The words that run a command behind the script. */
export const wrapped = <A>({ cwd, only, unset }: Surroundings, words: ReadonlyArray<A>): ReadonlyArray<A | string> => [
  "sh",
  "-c",
  script,
  "sh",
  cwd ?? ":",
  unset.join(" "),
  only?.join(" ") ?? ":",
  ...words
]

/** What the first line of stderr says. */
export type Verdict =
  | { readonly _tag: "Started"; readonly pid: number }
  | { readonly _tag: "Refused"; readonly tag: SystemErrorTag; readonly path: string }

const newline = 10

/** Stderr without its first line. */
export const withoutVerdict = <E>(stderr: Stream.Stream<Uint8Array, E>): Stream.Stream<Uint8Array, E> =>
  Stream.suspend(() => {
    let past = false
    return stderr.pipe(
      Stream.map((bytes) => {
        if (past) return bytes
        const end = bytes.indexOf(newline)
        past = end !== -1
        return past ? bytes.subarray(end + 1) : bytes.subarray(bytes.length)
      }),
      Stream.filter((bytes) => bytes.length > 0)
    )
  })

/** Reads the first line of stderr. */
export const verdict = <E>(
  stderr: Stream.Stream<Uint8Array, E>,
  broken: () => PlatformError
): Effect.Effect<Verdict, E | PlatformError> =>
  stderr.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.runHead,
    Effect.flatMap(Effect.fromOption),
    Effect.catchIf(Cause.isNoSuchElementError, () => Effect.fail(broken())),
    Effect.flatMap((line): Effect.Effect<Verdict, PlatformError> => {
      const [word = "", ...rest] = line.split(" ")
      const path = rest.join(" ")
      if (word === "pid" && /^\d+$/.test(path)) return Effect.succeed({ _tag: "Started", pid: Number(path) })
      return word === "NotFound" || word === "PermissionDenied"
        ? Effect.succeed({ _tag: "Refused", tag: word, path })
        : Effect.fail(broken())
    })
  )

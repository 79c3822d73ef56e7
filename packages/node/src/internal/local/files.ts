/**
 * Files, moved by commands inside the box: no path of a box is ever opened on the host, where a link in it would lead somewhere
 * else. Streams of any size, in constant memory.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { type FileAccessError, FileError } from "@effect-devbox/core/DevboxError"
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import { ExecutionDetail } from "@effect-devbox/core/Execution"
import { randomUUID } from "node:crypto"
import { ExecStdinClosedError } from "../sandbox/errors.ts"
import type { Box, BoxExecution } from "../sandbox/types.ts"
import { touch } from "./clock.ts"
import { type Engine, running } from "./engine.ts"
import { attempt, toError } from "./errors.ts"
import { type Hidden, said, settledSoon, startHidden, withHidden } from "./hidden.ts"

const resolve = `case $1 in "~") f=$HOME ;; "~/"*) f=$HOME/\${1#"~/"} ;; /*) f=$1 ;; *) f=$HOME/$1 ;; esac
fail() { echo "$1" >&2; exit 1; }
`

const read = `${resolve}exec cat -- "$f"`

/**
 * The new contents replace the old in one step, so a broken upload leaves the old file whole. Where the folder cannot take
 * the temporary file, or the target is no ordinary file, they are written in place.
 */
const write = `${resolve}case $f in */) fail "Is a directory" ;; esac
[ -L "$f" ] && l=$(readlink -f -- "$f") && f=$l
d=\${f%/*}; [ -n "$d" ] || d=/
[ -d "$d" ] || mkdir -p -- "$d" || exit 1
[ -d "$f" ] && fail "Is a directory"
if [ -e "$f" ]; then
  [ -w "$f" ] || fail "Permission denied"
  [ -f "$f" ] && [ -w "$d" ] || exec cat >"$f"
fi
n=$d/.upload.$2
cat >"$n" || { rm -f -- "$n"; exit 1; }
if [ -e "$f" ]; then chmod --reference="$f" -- "$n"; fi
mv -fT -- "$n" "$f"`

const kinds: ReadonlyArray<readonly [RegExp, FileError["kind"]]> = [
  [/Is a directory|cannot overwrite directory/, "IsDirectory"],
  [/Not a directory|File exists/, "NotADirectory"],
  [/No such file or directory/, "NotFound"],
  [/Permission denied|Read-only file system|Operation not permitted/, "PermissionDenied"],
  [/No space left|Disk quota/, "NoSpace"],
  [/File name too long|Invalid argument|Too many levels/, "InvalidPath"],
  [/File too large/, "TooLarge"]
]

/** Waits for a file command and turns what it said into the error. */
const finish = async (box: Box, id: string, path: string, execution: BoxExecution): Promise<void> => {
  const { code } = await execution.done
  if (code === 0) return
  const words = await said(box, execution.id)
  const kind = kinds.find(([pattern]) => pattern.test(words))?.[1] ?? "Unknown"
  throw new FileError({ devboxId: id, path, kind, detail: words === "" ? `the command ended with ${code}` : words })
}

/** Runs a file command; whatever happens it is not left behind. */
const withCommand = (engine: Engine, operation: string, id: DevboxId, path: string, script: string, stdin: boolean) =>
  withHidden<FileAccessError, Hidden>(
    operation,
    async () => {
      if (path === "" || path.includes("\0")) {
        throw new FileError({
          devboxId: id,
          path,
          kind: "InvalidPath",
          detail: "it is empty or contains a NUL character"
        })
      }
      const { live } = await running(engine, id, ["initializing"])
      touch(engine, id)
      return startHidden(live.box, {
        id: `file-${randomUUID()}`,
        command: ["sh", "-c", script, "sh", path, randomUUID()],
        env: { LC_ALL: "C" },
        stdin,
        stdout: stdin ? "journal" : "pipe"
      })
    },
    async ({ box, execution }, exit) => {
      if (Exit.isSuccess(exit) && (await settledSoon(execution))) return
      await box.kill(execution.id, { signal: "KILL", group: true })
    }
  )

/** The bytes of a file. */
export const download = (engine: Engine, id: DevboxId, path: string): Stream.Stream<Uint8Array, FileAccessError> =>
  Stream.unwrap(
    Effect.map(withCommand(engine, "download", id, path, read, false), ({ box, execution }) =>
      Stream.fromAsyncIterable(execution.stdoutPipe!, toError<FileAccessError>("download", id)).pipe(
        Stream.concat(
          Stream.fromEffectDrain(attempt<FileAccessError, void>("download", () => finish(box, id, path, execution)))
        )
      )
    )
  )

/** Writes a file. */
export const upload = <E>(
  engine: Engine,
  id: DevboxId,
  path: string,
  contents: Stream.Stream<Uint8Array, E>
): Effect.Effect<ExecutionDetail, FileAccessError | E> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { box, execution } = yield* withCommand(engine, "upload", id, path, write, true)
      const stdin = execution.stdin!
      const put = (bytes: Uint8Array) =>
        Effect.tryPromise({ try: () => stdin.write(bytes), catch: (error) => error }).pipe(
          // The command has ended early; why, its exit says.
          Effect.catch((error) =>
            error instanceof ExecStdinClosedError
              ? Effect.flatMap(
                  attempt<FileAccessError, void>("upload", () => finish(box, id, path, execution)),
                  () => Effect.fail(toError<FileAccessError>("upload")(error))
                )
              : Effect.fail(toError<FileAccessError>("upload")(error))
          )
        )
      yield* Stream.runForEach(contents, put)
      yield* attempt<FileAccessError, void>("upload", async () => {
        await stdin.end()
        await finish(box, id, path, execution)
      })
      return new ExecutionDetail({ devboxId: id, exitStatus: 0, stdout: "", stderr: "" })
    })
  )

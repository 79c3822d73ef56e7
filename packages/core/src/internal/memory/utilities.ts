/**
 * The programs that every devbox in memory has: `true false echo printf cat pwd printenv sleep stty mkdir rm ls chmod test [`,
 * with the few flags that ordinary commands use. Everything else is scripted, or "command not found".
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Files from "./files.ts"
import { echo, printf } from "./printf.ts"
import type { Exit, Process, Program } from "./process.ts"

const say: Readonly<Partial<Record<Files.Problem["kind"], string>>> = {
  NotFound: "No such file or directory",
  IsDirectory: "Is a directory",
  NotADirectory: "Not a directory",
  PermissionDenied: "Permission denied",
  NoSpace: "No space left on device"
}

/** What a program prints about a path that it cannot use. */
export const complaint = (program: string, path: string, problem: Files.Problem): string =>
  `${program}: ${path}: ${say[problem.kind] ?? problem.kind}\n`

const split = (words: ReadonlyArray<string>) => ({
  flags: words
    .slice(1)
    .filter((word) => word.startsWith("-") && word !== "-")
    .join(""),
  names: words.slice(1).filter((word) => !word.startsWith("-") || word === "-")
})

/** Does something for every path; ends with 1 if any could not be used. */
const each = (
  process: Process,
  names: ReadonlyArray<string>,
  use: (path: string) => Result.Result<Effect.Effect<void>, Files.Problem>
): Effect.Effect<Exit> =>
  Effect.gen(function* () {
    let status = 0
    for (const name of names) {
      const done = Result.flatMap(Files.resolve(name, process.cwd), use)
      if (Result.isFailure(done)) {
        status = 1
        yield* process.stderr(complaint(process.words[0] ?? "", name, done.failure))
      } else yield* done.success
    }
    return status
  })

const cat: Program = (process) => {
  const { names } = split(process.words)
  const copy = Stream.runForEach(process.stdin, process.stdout)
  if (names.length === 0 || names[0] === "-") return Effect.as(copy, 0)
  return each(process, names, (path) =>
    Result.map(Files.read(process.files, path), (file) => process.stdout(file.bytes))
  )
}

const mkdir: Program = (process) => {
  const { flags, names } = split(process.words)
  return each(process, names, (path) =>
    flags.includes("p") || !process.files.has(path)
      ? Result.map(Files.makeFolder(process.files, path), () => Effect.void)
      : Result.fail({ kind: "Unknown", detail: "File exists" })
  )
}

const rm: Program = (process) => {
  const { flags, names } = split(process.words)
  return each(process, names, (path) => {
    const node = process.files.get(path)
    if (node?._tag === "Folder" && !flags.includes("r")) return Result.fail({ kind: "IsDirectory" })
    return Files.remove(process.files, path) || flags.includes("f")
      ? Result.succeed(Effect.void)
      : Result.fail({ kind: "NotFound" })
  })
}

const ls: Program = (process) => {
  const { names } = split(process.words)
  return each(process, names.length === 0 ? ["."] : names, (path) => {
    const node = process.files.get(path)
    if (node === undefined) return Result.fail({ kind: "NotFound" })
    const found = node._tag === "File" ? [path] : Files.list(process.files, path)
    return Result.succeed(process.stdout(found.map((name) => `${name}\n`).join("")))
  })
}

const chmod: Program = (process) => {
  const [mode, ...names] = process.words.slice(1)
  return each(process, names, (path) =>
    Result.flatMap(Files.read(process.files, path), (file) =>
      Result.map(Files.write(process.files, path, file.bytes, Number.parseInt(mode ?? "", 8)), () => Effect.void)
    )
  )
}

const test: Program = (process) =>
  Effect.sync(() => {
    const words = process.words.slice(1, process.words[0] === "[" ? -1 : undefined)
    const negated = words[0] === "!"
    const [first = "", second = "", third] = negated ? words.slice(1) : words
    const node = Result.match(Files.resolve(second || ".", process.cwd), {
      onFailure: () => undefined,
      onSuccess: (path) => process.files.get(path)
    })
    const answer =
      third !== undefined
        ? second === "="
          ? first === third
          : second === "!="
            ? first !== third
            : undefined
        : first === "-e"
          ? node !== undefined
          : first === "-f"
            ? node?._tag === "File"
            : first === "-d"
              ? node?._tag === "Folder"
              : first === "-x"
                ? node?._tag === "Folder" || (node?._tag === "File" && (node.mode & 0o111) !== 0)
                : first === "-s"
                  ? node?._tag === "File" && node.bytes.length > 0
                  : first === "-n"
                    ? second !== ""
                    : first === "-z"
                      ? second === ""
                      : undefined
    return answer === undefined ? 2 : answer !== negated ? 0 : 1
  })

const sleep: Program = (process) => {
  const seconds = Number(process.words[1])
  return Number.isFinite(seconds) && seconds >= 0
    ? Effect.as(Effect.sleep(seconds * 1000), 0)
    : Effect.as(process.stderr(`sleep: invalid time interval '${process.words[1] ?? ""}'\n`), 1)
}

const printenv: Program = (process) => {
  const name = process.words[1]
  if (name === undefined) {
    const lines = Object.entries(process.env).map(([key, value]) => `${key}=${value}\n`)
    return Effect.as(process.stdout(lines.join("")), 0)
  }
  const value = process.env[name]
  return value === undefined ? Effect.succeed(1) : Effect.as(process.stdout(`${value}\n`), 0)
}

const stty: Program = (process) => {
  const { terminal, words } = process
  if (terminal === undefined) return Effect.as(process.stderr("stty: 'standard input': not a terminal\n"), 1)
  if (words[1] !== "size") return Effect.as(process.stderr("stty: a terminal in memory knows only `stty size`\n"), 1)
  return Effect.flatMap(terminal.size, ({ cols, rows }) => Effect.as(process.stdout(`${rows} ${cols}\n`), 0))
}

/** The programs by name. */
export const utilities: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["true", () => Effect.succeed(0)],
  ["false", () => Effect.succeed(1)],
  ["echo", (process) => Effect.as(process.stdout(echo(process.words.slice(1))), 0)],
  ["printf", (process) => Effect.as(process.stdout(printf(process.words[1] ?? "", process.words.slice(2))), 0)],
  ["pwd", (process) => Effect.as(process.stdout(`${process.cwd}\n`), 0)],
  ["cat", cat],
  ["printenv", printenv],
  ["sleep", sleep],
  ["stty", stty],
  ["mkdir", mkdir],
  ["rm", rm],
  ["ls", ls],
  ["chmod", chmod],
  ["test", test],
  ["[", test]
])

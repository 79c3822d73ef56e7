/** The disk of a devbox: a map from path to file or folder. Nodes are never changed in place, so a copy is a copy of the map. */
import * as Result from "effect/Result"
import type { FileError } from "../../DevboxError.ts"

/** Why a path cannot be used. */
export interface Problem {
  readonly kind: FileError["kind"]
  readonly detail?: string
}

interface File {
  readonly _tag: "File"
  readonly bytes: Uint8Array
  readonly mode: number
}

type Node = File | { readonly _tag: "Folder" }

/** A tree of files. */
export type FileTree = Map<string, Node>

/** Where relative paths begin, as in every devbox. */
export const home = "/home/user"

const folder: Node = { _tag: "Folder" }
const readOnly = ["/usr", "/proc", "/sys"]

/** A fresh disk. */
export const make = (): FileTree =>
  new Map(["/", "/home", home, "/tmp", ...readOnly].map((path) => [path, folder] as const))

const problem = (kind: Problem["kind"], detail?: string) =>
  Result.fail<Problem>(detail === undefined ? { kind } : { kind, detail })

/** The absolute path that is meant, without `.` and `..`. */
export const resolve = (path: string, cwd: string = home): Result.Result<string, Problem> => {
  if (path === "") return problem("InvalidPath", "the path is empty")
  if (path.includes("\0")) return problem("InvalidPath", "the path contains a NUL byte")
  const full =
    path === "~" || path.startsWith("~/") ? home + path.slice(1) : path.startsWith("/") ? path : `${cwd}/${path}`
  const parts: Array<string> = []
  for (const part of full.split("/")) {
    if (part === "..") parts.pop()
    else if (part !== "" && part !== ".") parts.push(part)
  }
  return Result.succeed(`/${parts.join("/")}`)
}

/** The folder above. */
export const parent = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/"

const inside = (path: string, above: string): boolean =>
  path === above || path.startsWith(above === "/" ? "/" : `${above}/`)

/** The file at an absolute path. */
export const read = (tree: FileTree, path: string): Result.Result<File, Problem> => {
  const node = tree.get(path)
  if (node?._tag === "File") return Result.succeed(node)
  if (node !== undefined) return problem("IsDirectory")
  return above(tree, path)?._tag === "File" ? problem("NotADirectory") : problem("NotFound")
}

/** The nearest thing that exists above a path. */
const above = (tree: FileTree, path: string): Node | undefined => {
  let at = parent(path)
  while (!tree.has(at)) at = parent(at)
  return tree.get(at)
}

/** Makes a folder and those above it. */
export const makeFolder = (tree: FileTree, path: string): Result.Result<void, Problem> => {
  const there = tree.get(path)
  if (there !== undefined) return there._tag === "Folder" ? Result.succeed(undefined) : problem("NotADirectory")
  if (readOnly.some((place) => inside(path, place))) return problem("PermissionDenied", "the place is read-only")
  return Result.map(makeFolder(tree, parent(path)), () => {
    tree.set(path, folder)
  })
}

/** Writes a file and the folders above it; an existing file keeps its mode. */
export const write = (tree: FileTree, path: string, bytes: Uint8Array, mode?: number): Result.Result<void, Problem> => {
  const there = tree.get(path)
  if (there?._tag === "Folder") return problem("IsDirectory")
  if (readOnly.some((place) => inside(path, place))) return problem("PermissionDenied", "the place is read-only")
  return Result.map(makeFolder(tree, parent(path)), () => {
    tree.set(path, { _tag: "File", bytes, mode: mode ?? there?.mode ?? 0o644 })
  })
}

/** Removes a path and everything below it; says whether anything was there. */
export const remove = (tree: FileTree, path: string): boolean => {
  let found = false
  for (const key of Array.from(tree.keys())) if (inside(key, path)) found = tree.delete(key)
  return found
}

/** The names in a folder, sorted. */
export const list = (tree: FileTree, path: string): ReadonlyArray<string> =>
  Array.from(tree.keys())
    .filter((key) => key !== "/" && parent(key) === path)
    .map((key) => key.slice(key.lastIndexOf("/") + 1))
    .sort()

/** How many bytes the files hold. */
export const size = (tree: FileTree): number => {
  let sum = 0
  for (const node of tree.values()) if (node._tag === "File") sum += node.bytes.length
  return sum
}

/** The guide for those who come from the official client names each of its methods, and only methods that it has. */
import { readdirSync, readFileSync } from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"

const official = path.resolve(import.meta.dirname, "../node_modules/@runloop/api-client")
const guide = readFileSync(path.resolve(import.meta.dirname, "../../docs/migration.md"), "utf8")
/** What the guide says of the official client: the first cell of each line. */
const left = [...guide.matchAll(/^\| (`.+?) \|/gm)].map(([, cell]) => cell!).join(" ")

/** The objects that the guide covers; those that it says are not here are not among them. */
const objects = [
  "devbox",
  "execution",
  "execution-result",
  "snapshot",
  "blueprint",
  "storage-object",
  "secret",
  "network-policy"
]
/** What belongs to the making of the objects themselves: static twins of the methods of `sdk`, and every object's id and name. */
const twins = /^ {4}static /
const plain = new Set(["id", "name", "constructor"])

/** The names of methods and getters that a declaration shows. */
const methods = (text: string): ReadonlyArray<string> => [
  ...new Set(
    text
      .split("\n")
      .filter((line) => !twins.test(line))
      .flatMap((line) => /^ {4}(?:get )?([a-zA-Z]+)[(<]/.exec(line)?.[1] ?? [])
      .filter((name) => !plain.has(name))
  )
]
const declared = (file: string) => readFileSync(path.join(official, file), "utf8")
const ops = (object: string) => {
  const name = `${object.replace(/(^|-)(.)/g, (_, __, first: string) => first.toUpperCase())}Ops`
  return new RegExp(`class ${name} \\{[\\s\\S]*?\\n\\}`).exec(declared("sdk.d.ts"))?.[0] ?? ""
}

describe("docs/migration.md", () => {
  it.each(objects)("names every method of the official %s", (object) => {
    const known = [...methods(declared(`sdk/${object}.d.ts`)), ...methods(ops(object))]
    expect(known.length).toBeGreaterThan(2)
    expect(known.filter((name) => !new RegExp(`\\b${name}\\b`).test(left))).toEqual([])
  })

  it("calls nothing a method of the official client that it does not have", () => {
    const sources = ["sdk.d.ts", ...readdirSync(path.join(official, "sdk")).map((name) => `sdk/${name}`)]
    const all = sources
      .filter((name) => name.endsWith(".d.ts"))
      .map(declared)
      .join("\n")
    const called = [...left.matchAll(/\.([a-zA-Z]+)\(/g)].map(([, name]) => name!)
    expect(called.length).toBeGreaterThan(20)
    expect(called.filter((name) => !new RegExp(`\\b${name}\\(`).test(all))).toEqual([])
  })
})

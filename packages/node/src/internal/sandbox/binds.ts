// What a box sees of the host besides its own layers, the same for both launchers: /usr, directories of hosts that
// have not merged /bin into it, the running Node, and the resolver's configuration when it shares the network.
import * as fs from "node:fs"
import type { BoxSpec } from "./types.ts"

export interface Bind {
  readonly source: string
  /** Place inside, absolute. */
  readonly target: string
  readonly kind: "dir" | "file"
}

const systemDirs = (): ReadonlyArray<string> =>
  ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"].filter((dir) => {
    const stat = fs.lstatSync(dir, { throwIfNoEntry: false })
    return stat?.isDirectory() === true
  })

/** Read-only binds. */
export const readOnlyBinds = (spec: BoxSpec): ReadonlyArray<Bind> => {
  const binds: Array<Bind> = ["/usr", ...systemDirs()].map((dir) => ({ source: dir, target: dir, kind: "dir" }))
  const { node } = spec.base
  if (node !== undefined) {
    binds.push(
      node.kind === "prefix"
        ? { source: node.path, target: "/opt/node", kind: "dir" }
        : { source: node.path, target: "/opt/node/bin/node", kind: "file" }
    )
  }
  if (spec.network === "host" && fs.existsSync("/etc/resolv.conf")) {
    binds.push({ source: fs.realpathSync("/etc/resolv.conf"), target: "/etc/resolv.conf", kind: "file" })
  }
  if (spec.network === "user") {
    binds.push({ source: `${spec.base.scripts}/resolv.conf`, target: "/etc/resolv.conf", kind: "file" })
  }
  return binds
}

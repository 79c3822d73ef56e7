// Makes one layer of many: mounts them read-only in a namespace of its own and copies what is to be seen there. What comes out
// holds everything, so that nothing has to lie below it.
import { spawn } from "node:child_process"
import * as path from "node:path"
import { makeLayer } from "./layout.ts"
import { dropped } from "./tools.ts"
import type { Base, HostReport } from "./types.ts"

/** Ends with us: the end of stdin is the end of the copier, and the mount lies in its namespace. */
const script = `mount -n -i -t overlay devbox -o "ro,lowerdir=$1,userxattr" "$2" || exit 125
cp -a --reflink=auto -- "$2/." "$3" & p=$!
(read -r _; kill -s KILL "$p") <&3 & w=$!
exec 3<&-
wait "$p"; x=$?
kill -s KILL "$w"
exit "$x"`

/** Writes what a stack of layers (top first, names in `layersDir`) shows into the new layer `name`. */
export const flattenLayers = (
  layersDir: string,
  report: HostReport,
  base: Base,
  stack: ReadonlyArray<string>,
  name: string
): Promise<void> => {
  makeLayer(path.join(layersDir, name), report)
  const lower = stack.map((layer) => path.relative(layersDir, path.resolve(layersDir, layer))).join(":")
  const args = ["--user", "--map-root-user", "--mount", "--propagation", "private", report.tools["sh"] ?? "sh", "-c"]
  const child = spawn(
    report.tools["unshare"]!,
    [...args, `exec 3<&0 </dev/null\n${script}`, "sh", lower, base.mountPoint, name],
    {
      stdio: ["pipe", "ignore", "pipe"],
      cwd: layersDir,
      env: { PATH: "/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C" },
      ...dropped(report)
    }
  )
  let said = ""
  child.stdin.on("error", () => {})
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-2000)))
  return new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code, signal) => {
      child.stdin.destroy()
      if (code === 0) resolve()
      else reject(new Error(`making one layer of ${stack.length} ended with ${code ?? signal}: ${said.trim()}`))
    })
  })
}

/**
 * Docker beside the local backend, where an engine answers and has an image. Nothing is pulled and nothing is estimated: where
 * there is no engine there are no rows, and the report says so.
 */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { repeated } from "./measure.ts"
import type { Row } from "./stats.ts"

const docker = async (...words: ReadonlyArray<string>): Promise<string> =>
  (await promisify(execFile)("docker", [...words], { timeout: 60_000 })).stdout.trim()

/** Images that have `echo` and are commonly there, smallest first. */
const candidates = ["busybox", "alpine", "debian", "ubuntu"]

const imageOf = async (): Promise<string | undefined> => {
  const images = (await docker("images", "--format", "{{.Repository}}:{{.Tag}}")).split("\n")
  return candidates.flatMap((name) => images.filter((image) => image.startsWith(`${name}:`)))[0]
}

/** The rows, or why there are none. */
export const dockerRows = async (
  n: number
): Promise<{ readonly rows: ReadonlyArray<Row>; readonly absent?: string }> => {
  try {
    const version = await docker("version", "--format", "{{.Server.Version}}")
    const image = await imageOf()
    if (image === undefined)
      return { rows: [], absent: `docker ${version} has none of the images ${candidates.join(", ")}` }
    const run = await repeated(
      { warmUp: 1, n: Math.min(n, 10) },
      async () => void (await docker("run", "--rm", image, "echo", "hi"))
    )
    const id = await docker("run", "--detach", "--rm", image, "sleep", "3600")
    try {
      const exec = await repeated({ warmUp: 2, n }, async () => void (await docker("exec", id, "echo", "hi")))
      const note = `engine ${version}, ${image}, through its command line`
      return {
        rows: [
          { name: "docker run echo", unit: "ms", summary: run, note },
          { name: "docker exec echo", unit: "ms", summary: exec, note }
        ]
      }
    } finally {
      await docker("kill", id)
    }
  } catch (error) {
    const [line = ""] = (error instanceof Error ? error.message : String(error))
      .split("\n")
      .filter((text) => !text.startsWith("Command failed"))
    return { rows: [], absent: `no docker engine answers (${line.trim()})` }
  }
}

/** A host of repositories on this machine's loopback: git's own HTTP server behind a password, as code hosts are. */
import { Effect } from "effect"
import { execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as path from "node:path"

/** What was asked for with which credentials; absent ones as "". */
export interface GitHost {
  readonly url: string
  readonly asked: ReadonlyArray<string>
}

const git = (cwd: string, ...args: ReadonlyArray<string>): string =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false", ...args], {
    cwd,
    encoding: "utf8"
  }).trim()

/** A repository `owner/name` with a commit on `main`, tagged `v1`, and another one on the branch `next`. */
const fill = (root: string, owner: string, name: string): void => {
  const work = path.join(root, "work")
  fs.mkdirSync(work)
  git(work, "init", "-q", "-b", "main")
  fs.writeFileSync(path.join(work, "README"), "one\n")
  git(work, "add", ".")
  git(work, "commit", "-q", "-m", "one")
  git(work, "tag", "v1")
  git(work, "checkout", "-q", "-b", "next")
  fs.writeFileSync(path.join(work, "README"), "two\n")
  git(work, "commit", "-q", "-a", "-m", "two")
  git(work, "checkout", "-q", "main")
  fs.mkdirSync(path.join(root, owner))
  git(root, "clone", "-q", "--bare", work, path.join(root, owner, `${name}.git`))
}

/** Serves until the scope closes; only who has the token is let in. */
export const gitHost = (dir: string, token: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const root = path.join(dir, "repositories")
      fs.mkdirSync(root)
      fill(root, "owner", "name")
      const asked: Array<string> = []
      const backend = path.join(execFileSync("git", ["--exec-path"], { encoding: "utf8" }).trim(), "git-http-backend")
      const server = http.createServer((request, response) => {
        const given = Buffer.from((request.headers.authorization ?? "").replace("Basic ", ""), "base64").toString()
        asked.push(given)
        if (given !== `x-access-token:${token}`) {
          response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end()
          return
        }
        const [pathInfo = "", query = ""] = (request.url ?? "").split("?")
        const child = spawn(backend, {
          env: {
            ...process.env,
            GIT_PROJECT_ROOT: root,
            GIT_HTTP_EXPORT_ALL: "1",
            GIT_CONFIG_COUNT: "1",
            GIT_CONFIG_KEY_0: "safe.directory",
            GIT_CONFIG_VALUE_0: "*",
            PATH_INFO: pathInfo,
            QUERY_STRING: query,
            REQUEST_METHOD: request.method ?? "GET",
            CONTENT_TYPE: request.headers["content-type"] ?? "",
            HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? ""
          },
          stdio: ["pipe", "pipe", "ignore"]
        })
        request.pipe(child.stdin)
        const parts: Array<Buffer> = []
        child.stdout.on("data", (part: Buffer) => parts.push(part))
        child.once("close", () => {
          const said = Buffer.concat(parts)
          const end = said.indexOf("\r\n\r\n")
          const headers = said.subarray(0, end).toString().split("\r\n")
          for (const header of headers) {
            const [name = "", value = ""] = header.split(": ")
            if (name === "Status") response.statusCode = Number.parseInt(value, 10)
            else response.setHeader(name, value)
          }
          response.end(said.subarray(end + 4))
        })
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      return { server, host: { url, asked } satisfies GitHost }
    }),
    ({ server }) =>
      Effect.promise(
        () =>
          new Promise<void>((resolve) => {
            server.close(() => resolve())
            server.closeAllConnections()
          })
      )
  ).pipe(Effect.map(({ host }) => host))

// Runs one program to see whether it works. Always with a deadline: some of these hang where the kernel says no.
import { execFile } from "node:child_process"

export interface Attempt {
  readonly ok: boolean
  /** Its output, or the last thing it said when it failed. */
  readonly detail: string
}

export const attempt = (
  argv: ReadonlyArray<string>,
  options: { readonly cwd: string; readonly timeoutMs: number; readonly uid?: number; readonly gid?: number }
): Promise<Attempt> =>
  new Promise((resolve) => {
    execFile(
      argv[0]!,
      argv.slice(1),
      {
        ...options,
        timeout: options.timeoutMs,
        killSignal: "SIGKILL",
        env: { PATH: "/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C" }
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve({ ok: true, detail: stdout.trim() })
        const said = stderr.trim().split("\n").at(-1) ?? ""
        resolve({
          ok: false,
          detail: error.killed === true ? `no answer within ${options.timeoutMs} ms` : said || error.message
        })
      }
    )
  })

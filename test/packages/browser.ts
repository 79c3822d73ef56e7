/** Runs a program in a browser, from its bundle to what it logs. It knows nothing of packages. */
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { bundle } from "../bundle/bundle.ts"

const names = ["chromium", "chromium-browser", "google-chrome"]
const works = (name: string): boolean => spawnSync(name, ["--version"], { timeout: 30_000 }).status === 0

/** The browser of this machine, if it has one that needs no display. */
export const findBrowser = (): string | undefined => names.find(works)

/** No display, no sandbox of its own (root has none), and no traffic of its own. */
const quiet = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

/** What a module logs in a browser, one line each time; whatever it leaves uncaught stands there, too. */
export const runInBrowser = async (
  browser: string,
  entry: string,
  folder: string
): Promise<{ readonly logged: string; readonly said: string }> => {
  const { code, imports } = await bundle(entry)
  mkdirSync(folder)
  const page = path.join(folder, "page.html")
  const listening = `const log = (line) => document.querySelector("pre").append(line + "\\n")
console.log = log
addEventListener("error", (event) => log("error: " + event.message))
addEventListener("unhandledrejection", (event) => log("rejection: " + event.reason))`
  writeFileSync(
    page,
    `<!doctype html><meta charset="utf-8"><pre></pre><script>${listening}</script>
<script type="module">${code.replaceAll("</script", "<\\/script")}</script>`
  )
  const { error, stderr, stdout } = spawnSync(
    browser,
    // What the page waits for is over before the page is printed: its clock runs ahead while nothing else happens.
    [...quiet, `--user-data-dir=${path.join(folder, "profile")}`, "--virtual-time-budget=10000", "--dump-dom", page],
    { encoding: "utf8", timeout: 120_000, env: { ...process.env, HOME: folder } }
  )
  const logged = /<pre>([\s\S]*?)<\/pre>/.exec(stdout)?.[1] ?? ""
  return { logged, said: `imports: ${imports.join() || "none"}\n${logged}${stderr}${error?.message ?? ""}` }
}

/**
 * Makes one attempt twice, first outside and then inside a devbox, and says what came of it. An attempt that has no effect
 * outside proves nothing inside, nor does one whose tools are missing there: both are invalid, which is worse than refused.
 */
import { execFile } from "node:child_process"
import { dirname } from "node:path"
import type { Attempt, Said, Scene } from "./attempt.ts"

/** Runs a program to its end somewhere. */
export type Run = (program: string, env: Readonly<Record<string, string>>) => Promise<Said>

/** What came of an attempt. */
export interface Outcome {
  readonly attempt: Pick<Attempt, "id" | "title">
  readonly verdict: "refused" | "escaped" | "invalid" | "not run"
  /** Whether the control had its effect outside. */
  readonly outside: boolean
  /** What the program said inside, or why the attempt was not made or proves nothing. */
  readonly detail: string
}

/** The program says this first: what never ran was not refused. */
const begun = "escape attempt begins"
const withMark = (program: string): string => `echo "${begun}" >&2\n${program}`

/** Runs a program on the host, as its user, with the environment that the SDK has. */
export const outside =
  (cwd: string): Run =>
  (program, env) =>
    new Promise((resolve) => {
      const options = {
        cwd,
        env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`, ...env },
        timeout: 30_000,
        maxBuffer: 64 * 1024 * 1024,
        // What is read from processes and memory is not always text.
        encoding: "latin1" as const
      }
      const child = execFile("bash", ["-c", program], options, (_, stdout, stderr) =>
        resolve({ stdout, stderr, exitCode: child.exitCode ?? 128 })
      )
      child.stdin?.end()
    })

/** The last thing that was said, in one short line. */
export const summary = ({ stderr, stdout, exitCode }: Said): string => {
  const lines = (text: string) =>
    text
      .split("\n")
      .map((line) => line.replaceAll(/[^\x20-\x7e]/g, "").trim())
      .filter((line) => line !== "" && line !== begun && !line.startsWith("dmesg(1) may have"))
  const said = lines(stderr).at(-1) ?? lines(stdout).at(-1)?.replace(/^/, "only: ") ?? "said nothing"
  return `${said.slice(0, 110)} (exit ${exitCode})`
}

const missingTool = (said: Said): string | undefined => /^.*(?:command not found|: not found)$/m.exec(said.stderr)?.[0]

const make = async (attempt: Attempt, scene: Scene, run: Run) => {
  const { env, observed, cleanup } = await attempt.arrange(scene)
  try {
    const said = await run(withMark(attempt.program), env)
    return { said, observed: await observed(said) }
  } finally {
    await cleanup()
  }
}

/** Why an attempt cannot be made here; undefined when it can. */
export const reasonNotToRun = (attempt: Attempt, scene: Scene): string | undefined =>
  attempt.needsRoot !== undefined && !scene.isRoot
    ? `${attempt.needsRoot}; this suite does not run as root`
    : attempt.absent?.(scene)

/** Control, reset, attempt. */
export const tryOut = async (attempt: Attempt, scene: Scene, inside: Run): Promise<Outcome> => {
  const reason = reasonNotToRun(attempt, scene)
  if (reason !== undefined) return { attempt, verdict: "not run", outside: false, detail: reason }
  const control = await make(attempt, scene, outside(scene.directory))
  if (!control.observed) {
    const detail = `it had no effect outside either: ${summary(control.said)}`
    return { attempt, verdict: "invalid", outside: false, detail }
  }
  const trial = await make(attempt, scene, inside)
  const lacks = missingTool(trial.said)
  const verdict = trial.observed
    ? "escaped"
    : lacks !== undefined || !trial.said.stderr.includes(begun)
      ? "invalid"
      : "refused"
  const detail =
    verdict === "invalid"
      ? `the program could not run inside: ${lacks ?? summary(trial.said)}`
      : // What it got stands in nobody's log.
        verdict === "escaped"
        ? `it had its effect (exit ${trial.said.exitCode})`
        : summary(trial.said)
  return { attempt, verdict, outside: true, detail }
}

const pad = (text: string, width: number): string => text.slice(0, width).padEnd(width)

/** The outcomes as a table, with the counts below it. */
export const table = (heading: string, outcomes: ReadonlyArray<Outcome>): string => {
  const of = (verdict: Outcome["verdict"]) => outcomes.filter((outcome) => outcome.verdict === verdict)
  const row = ({ attempt, verdict, outside: control, detail }: Outcome): string =>
    [pad(attempt.id, 22), pad(attempt.title, 78), pad(control ? "succeeded" : "-", 9), pad(verdict, 8), detail].join(
      "  "
    )
  return [
    heading,
    [pad("attempt", 22), pad("what it tries", 78), pad("outside", 9), pad("inside", 8), "what was said inside"].join(
      "  "
    ),
    ...outcomes.filter(({ verdict }) => verdict !== "not run").map(row),
    ...of("not run").map(({ attempt, detail }) => `not run: ${attempt.id} (${attempt.title}): ${detail}`),
    `${outcomes.length} attempts: ${of("refused").length} refused, ${of("escaped").length} escaped, ${of("invalid").length} invalid, ${of("not run").length} not run`
  ].join("\n")
}

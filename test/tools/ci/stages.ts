/**
 * The stages of CI as data: what runs, as whom, with bubblewrap or with it hidden, and which isolation tier it must have
 * run in. A stage stands here only when what it runs exists; none is ever left out silently.
 */

/** Who runs a stage: whoever runs CI, or a user made for it, with its own home and its own copy of the tree. */
export type Who = "caller" | "root" | "ordinary user"

/** One stage. */
export interface Stage {
  readonly name: string
  readonly command: ReadonlyArray<string>
  readonly who: Who
  /** Whether the command is vitest, whose tests are counted; anything else counts as one. */
  readonly tests: boolean
  /** The tier, as tests report it, that must be among those the stage ran in. */
  readonly tier?: string
  readonly env?: Readonly<Record<string, string>>
  readonly minutes: number
  /** Interrupt the command, as Ctrl-C does, when it has printed this. It must then end by itself. */
  readonly interruptAt?: string
}

const pnpm = (...words: ReadonlyArray<string>): ReadonlyArray<string> => ["npx", "-y", "pnpm@12", ...words]
const vitest = (...words: ReadonlyArray<string>): ReadonlyArray<string> => ["vitest", "run", ...words]

/**
 * What goes through the local backend, and so can run for every user and with bubblewrap hidden. The tests of the rooms below it
 * (`test/node/sandbox` and the rest) choose their launcher themselves and run in the stage `test:system`.
 */
const localTests = vitest(
  "test/tools/tier",
  "test/node/local/files",
  "test/node/local/network",
  "test/node/net/modes",
  "test/conformance/local"
)
const systemTests = { EFFECT_DEVBOX_TESTS: "system" }

/** The four ways in which devboxes are built on Linux. */
const ways = (["root", "ordinary user"] as const).flatMap((who) =>
  (["bubblewrap", "util-linux"] as const).map((launcher) => ({ who, launcher }))
)

/** A suite in each of those ways. A stage fails unless it ran in exactly its tier. */
const eachWay = (
  name: string,
  command: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>
): ReadonlyArray<Stage> =>
  ways.map(({ who, launcher }) => ({
    name: `${name}: ${who}, ${launcher}`,
    command,
    who,
    tests: true,
    tier: `isolated/${launcher}`,
    env: { ...env, ...(launcher === "util-linux" ? { EFFECT_DEVBOX_BUBBLEWRAP: "off" } : {}) },
    minutes: 10
  }))

/** The demo, interrupted at something it says. */
const interruptedDemo = (doing: string, interruptAt: string): Stage => ({
  name: `demo, interrupted while it ${doing}`,
  command: pnpm("demo"),
  who: "caller",
  tests: false,
  minutes: 3,
  interruptAt
})

/** In the order in which they run. */
export const stages: ReadonlyArray<Stage> = [
  { name: "check", command: pnpm("check"), who: "caller", tests: false, minutes: 5 },
  { name: "build", command: pnpm("build"), who: "caller", tests: false, minutes: 5 },
  { name: "test", command: pnpm("test"), who: "caller", tests: true, minutes: 15 },
  { name: "test:system", command: pnpm("test:system"), who: "caller", tests: true, minutes: 20 },
  ...eachWay("local", localTests, systemTests),
  ...eachWay("escape attempts", vitest("--config", "test/escape/vitest.config.ts"), {}).map((stage) =>
    // The mutant runs in the process tier, which no launcher builds: once for each user is enough.
    stage.tier === "isolated/util-linux"
      ? { ...stage, command: [...stage.command, "--exclude", "test/escape/mutant.slow.ts"] }
      : stage
  ),
  { name: "packages", command: pnpm("packages"), who: "caller", tests: false, minutes: 15 },
  { name: "readme and guides", command: ["node", "test/readme/run.ts"], who: "caller", tests: false, minutes: 10 },
  { name: "API reference", command: pnpm("run", "docs"), who: "caller", tests: false, minutes: 5 },
  { name: "demo", command: pnpm("demo"), who: "caller", tests: false, minutes: 3 },
  interruptedDemo("creates a devbox", "→ create a devbox"),
  interruptedDemo("runs tests", "→ npm test"),
  interruptedDemo("runs several devboxes", "more devboxes"),
  {
    name: "fresh clone: a newcomer's hour",
    command: ["bash", "test/tools/freshClone.sh", "hour"],
    who: "caller",
    tests: true,
    minutes: 20
  }
]

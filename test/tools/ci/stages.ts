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
  /** Interrupt the command, as Ctrl-C does, after this many lines of its output. It must then end by itself. */
  readonly interruptAfterLines?: number
}

const pnpm = (...words: ReadonlyArray<string>): ReadonlyArray<string> => ["npx", "-y", "pnpm@12", ...words]

/** In the order in which they run. */
export const stages: ReadonlyArray<Stage> = [
  { name: "check", command: pnpm("check"), who: "caller", tests: false, minutes: 5 },
  { name: "test", command: pnpm("test"), who: "caller", tests: true, minutes: 10 },
  { name: "build", command: pnpm("build"), who: "caller", tests: false, minutes: 5 },
  {
    name: "fresh clone: test",
    command: ["bash", "test/tools/freshClone.sh", "test"],
    who: "caller",
    tests: true,
    minutes: 10
  }
]

// Whether anything of the user's lives in a box, seen from the host: then its disk can be saved without anybody noticing.
import * as fs from "node:fs"

const childrenOf = (pid: number): ReadonlyArray<number> =>
  fs
    .readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .flatMap((word) => (word === "" ? [] : [Number(word)]))

/** Every process of an execution carries its mark; see agentScripts.ts. */
const isMarked = (pid: number): boolean =>
  !/^Max file locks\s+unlimited\s/m.test(fs.readFileSync(`/proc/${pid}/limits`, "utf8"))

/**
 * True when below pid 1 there is only the agent, below the agent only supervisors, and below each of those at most one process
 * that waits, unmarked and alone, to become a command. Anything else, and anything that cannot be seen, counts as the user's.
 */
export const isQuiet = (insidePid: number | undefined): boolean => {
  if (insidePid === undefined) return false
  try {
    const [agent, ...others] = childrenOf(insidePid)
    if (agent === undefined || others.length > 0) return false
    return childrenOf(agent).every((supervisor) => {
      const [waiting, ...more] = childrenOf(supervisor)
      if (more.length > 0) return false
      return waiting === undefined || (childrenOf(waiting).length === 0 && !isMarked(waiting))
    })
  } catch {
    return false
  }
}

/**
 * The process that was started with too much: makes the attempts on what it inherited and writes what came of them to a file.
 * Its own output is the terminal that is attacked.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { inheritedAttempts, type Inherited } from "./attemptsInherited.ts"
import { openStage } from "./stage.ts"
import { tryOut } from "./tryOut.ts"

const [givenFile = "", problemFile = "", resultFile = ""] = process.argv.slice(2)
const given = JSON.parse(readFileSync(givenFile, "utf8")) as Inherited
const keyringProblem = existsSync(problemFile) ? readFileSync(problemFile, "utf8").trim() : undefined

const stage = await openStage()
const results = []
try {
  for (const attempt of inheritedAttempts({ ...given, keyringProblem })) {
    results.push(await tryOut(attempt, stage.scene, stage.inside))
  }
} finally {
  await stage.close()
}
writeFileSync(resultFile, JSON.stringify(results))

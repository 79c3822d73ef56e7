/** Programs that try to get out of a devbox. Each succeeds outside first, so that its refusal means something. */
import { attempts } from "./attempts.ts"
import { trialSuite } from "./suite.ts"
import { tryOut } from "./tryOut.ts"

const ordinary = attempts.filter(({ needsRoot }) => needsRoot === undefined)
const isRoot = process.getuid?.() === 0

trialSuite(
  "escape attempts of programs",
  attempts.map((attempt) => ({
    id: attempt.id,
    title: attempt.title,
    make: (stage) => tryOut(attempt, stage.scene, stage.inside)
  })),
  // A host may lack a few of the things that are attacked.
  isRoot ? 45 : Math.min(ordinary.length, 30)
)

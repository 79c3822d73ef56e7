/** Attempts by way of the SDK's own operations: paths, links, ids and names that a careless host would follow. */
import { fileApiAttempts } from "./attemptsFileApi.ts"
import { journalTrials } from "./attemptsJournal.ts"
import { nameTrials } from "./attemptsNames.ts"
import { fileTrial } from "./fileTrial.ts"
import { trialSuite } from "./suite.ts"

const trials = [...fileApiAttempts.map(fileTrial), ...journalTrials, ...nameTrials]

trialSuite("escape attempts by way of the SDK", trials, trials.length)

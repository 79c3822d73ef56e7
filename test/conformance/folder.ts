/** Where the suites write their results for the table; not committed. */
import { join } from "node:path"

/** See above. */
export const resultsFolder = join(import.meta.dirname, "results")

/** All attempts that are made in a devbox by a program, in the order of the table. */
import type { Attempt } from "./attempt.ts"
import { fileAttempts } from "./attemptsFiles.ts"
import { kernelAttempts } from "./attemptsKernel.ts"
import { networkAttempts } from "./attemptsNetwork.ts"
import { processAttempts } from "./attemptsProcesses.ts"

/** Every attempt that needs no special start of the process that owns the devboxes. */
export const attempts: ReadonlyArray<Attempt> = [
  ...fileAttempts,
  ...processAttempts,
  ...networkAttempts,
  ...kernelAttempts
]

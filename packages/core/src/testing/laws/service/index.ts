/** Every law of `DevboxService`. */
import type { ServiceLaw } from "../law.ts"
import { commands } from "./commands.ts"
import { forks } from "./forks.ts"
import { lifetimes } from "./lifetimes.ts"
import { lives } from "./lives.ts"
import { pools } from "./pools.ts"
import { ports } from "./ports.ts"
import { things } from "./things.ts"
import { waits } from "./waits.ts"

/** See above. */
export const serviceLaws: ReadonlyArray<ServiceLaw> = [
  ...lifetimes,
  ...waits,
  ...ports,
  ...commands,
  ...things,
  ...forks,
  ...lives,
  ...pools
]

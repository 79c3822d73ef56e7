/** Every law of `DevboxService`. */
import type { ServiceLaw } from "../law.ts"
import { commands } from "./commands.ts"
import { lifetimes } from "./lifetimes.ts"
import { things } from "./things.ts"
import { waits } from "./waits.ts"

/** See above. */
export const serviceLaws: ReadonlyArray<ServiceLaw> = [...lifetimes, ...waits, ...commands, ...things]

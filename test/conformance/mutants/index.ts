/** Every mutant. */
import { commands, control, output, shells } from "./commands.ts"
import { files, isolation, network, snapshots } from "./files.ts"
import { gates } from "./gates.ts"
import { life } from "./life.ts"
import { lifecycle, lists, states } from "./lifecycle.ts"
import { forks, lives, pools } from "./lives.ts"
import type { Mutant } from "./mutant.ts"
import { ports, web } from "./ports.ts"
import { terminals } from "./terminals.ts"
import { lifetimes, serviceCommands, serviceThings, waits } from "./service.ts"

export type { Mutant } from "./mutant.ts"

/** Mutants that the laws of `DevboxBackend` must reject. */
export const backendMutants: ReadonlyArray<Mutant> = [
  ...lifecycle,
  ...states,
  ...life,
  ...lists,
  ...commands,
  ...output,
  ...control,
  ...shells,
  ...terminals,
  ...files,
  ...isolation,
  ...snapshots,
  ...network,
  ...gates,
  ...web
]

/** Mutants that the laws of `DevboxService` must reject. */
export const serviceMutants: ReadonlyArray<Mutant> = [
  ...lifetimes,
  ...waits,
  ...ports,
  ...serviceCommands,
  ...serviceThings,
  ...forks,
  ...lives,
  ...pools
]

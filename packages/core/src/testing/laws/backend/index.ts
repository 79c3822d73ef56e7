/** Every law of `DevboxBackend`. */
import type { BackendLaw } from "../law.ts"
import { commands } from "./commands.ts"
import { control } from "./control.ts"
import { files } from "./files.ts"
import { gates } from "./gates.ts"
import { isolation } from "./isolation.ts"
import { lifecycle } from "./lifecycle.ts"
import { life } from "./life.ts"
import { lists } from "./lists.ts"
import { network } from "./network.ts"
import { output } from "./output.ts"
import { shells } from "./shells.ts"
import { snapshots } from "./snapshots.ts"
import { states } from "./states.ts"
import { terminals } from "./terminals.ts"
import { web } from "./web.ts"

/** See above. */
export const backendLaws: ReadonlyArray<BackendLaw> = [
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

/** What holds a box to the size that was asked for: control groups where the host has them, less where it has not. */
import { CreateParamsJson, sizeOf } from "@effect-devbox/core/DevboxModel"
import * as Schema from "effect/Schema"
import { groupPrefix, planGroups } from "../sandbox/groups.ts"
import type { BoxSpec, HostReport } from "../sandbox/types.ts"
import type { DevboxRow } from "../store/devboxes.ts"

const decodeRequest = Schema.decodeUnknownSync(Schema.fromJsonString(CreateParamsJson))

/** What a devbox was asked to be, but for what is not written down. */
export const requestOf = (row: Pick<DevboxRow, "request">) => decodeRequest(row.request)

/** As many processes as a box has anyway, but counted by the group. */
const processes = 4096

/** Bounds for the box of a devbox. One that did not ask for a size may use what the machine has. */
export const boundsOf = (
  stateDir: string,
  report: HostReport,
  row: Pick<DevboxRow, "id" | "request">
): Pick<BoxSpec, "groups" | "limits"> => {
  const asked = requestOf(row).launchParameters
  if (asked?.resourceSizeRequest === undefined) return {}
  const { cores, memoryGb } = sizeOf(asked)
  const memoryBytes = memoryGb * 2 ** 30
  const groups = planGroups(report.groups, `${groupPrefix(stateDir)}${row.id}`, { memoryBytes, cores, processes })
  return {
    ...(groups === undefined ? {} : { groups }),
    ...(report.limits.memory === "perProcess" ? { limits: { memoryBytes } } : {})
  }
}

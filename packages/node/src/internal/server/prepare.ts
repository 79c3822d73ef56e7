/** What of a create is the server's own affair: secrets and policies that it keeps, and what its operator does not allow. */
import { type BackendError, ResourceNotFound } from "@effect-devbox/core/DevboxError"
import { CreateParams } from "@effect-devbox/core/DevboxModel"
import * as Effect from "effect/Effect"
import type { Database } from "../store/database.ts"
import { tenant } from "./caller.ts"
import { refused } from "./errors.ts"
import type { checkObjects } from "./mounts.ts"
import { policyOf } from "./policies.ts"
import { secretValue } from "./secrets.ts"

/** What callers may ask for beyond devboxes that are closed off from the server's machine. */
export interface Allowed {
  /** Devboxes that are not isolated from this machine: whoever has a key can then do what the server's user can. */
  readonly weakIsolation?: boolean | undefined
  /**
   * Devboxes that reach what this machine reaches: as it does, with everything that listens on its loopback (`"host"`), or
   * through a network of their own, without it (`"user"`).
   */
  readonly hostNetwork?: boolean | undefined
}

/** See above. */
export const prepare =
  (db: Database, allowed: Allowed, objects: ReturnType<typeof checkObjects>) =>
  (params: CreateParams): Effect.Effect<CreateParams, BackendError | ResourceNotFound> =>
    Effect.gen(function* () {
      const who = yield* tenant
      const { environmentVariables, launchParameters, minimumIsolation, network, secrets, ...rest } = params
      if (minimumIsolation !== undefined && minimumIsolation !== "isolated" && allowed.weakIsolation !== true) {
        const detail = `this server makes isolated devboxes only, and was asked for "${minimumIsolation}"; its operator can allow more`
        return yield* refused("create", "minimumIsolation", detail)
      }
      if ((network === "host" || network === "user") && allowed.hostNetwork !== true) {
        const detail = `this server does not lend its own network to devboxes ("${network}"); its operator can allow it`
        return yield* refused("create", `network:${network}`, detail)
      }
      const policy = launchParameters?.networkPolicyId
      if (policy !== undefined && policyOf(db, who, policy) === undefined) {
        return yield* new ResourceNotFound({ resource: "network policy", id: policy })
      }
      yield* objects(who, params.mounts ?? [])
      const values: Record<string, string> = {}
      for (const [variable, name] of Object.entries(secrets ?? {})) {
        const value = secretValue(db, who, name)
        if (value === undefined) return yield* new ResourceNotFound({ resource: "secret", id: name })
        values[variable] = value
      }
      return new CreateParams({
        ...rest,
        ...(launchParameters === undefined ? {} : { launchParameters }),
        ...(minimumIsolation === undefined ? {} : { minimumIsolation }),
        ...(network === undefined ? {} : { network }),
        ...(environmentVariables === undefined && secrets === undefined
          ? {}
          : { environmentVariables: { ...environmentVariables, ...values } })
      })
    })

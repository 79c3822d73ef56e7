/** `devbox serve keys`: who may call the server of a state folder. A server that runs sees a change with the next request. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import type * as Keys from "../server/keys.ts"
import type { Database } from "../store/database.ts"
import { hostError, UsageError } from "./errors.ts"
import * as Flags from "./flags.ts"
import { age, harmless, print, printJson, say, styles, table } from "./out.ts"

/** What the server of the state folder knows. */
const withKeys = <A, E, R>(use: (keys: typeof Keys, db: Database, json: boolean) => Effect.Effect<A, E, R>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { json, stateDir } = yield* Flags.settings
      const [keys, { openFolder }, { defaultStateDir }] = yield* Effect.promise(() =>
        Promise.all([import("../server/keys.ts"), import("../server/folder.ts"), import("../store/store.ts")])
      )
      const root = join(stateDir ?? defaultStateDir(), "server")
      const { db } = yield* Effect.acquireRelease(
        Effect.try({ try: () => openFolder(root), catch: hostError(`opening ${root}`) }),
        (folder) => Effect.sync(() => folder.db.close())
      )
      return yield* use(keys, db, json)
    })
  )

const name = Argument.String("name").pipe(
  Argument.withDescription("Whose key it is: letters, digits, `.`, `_` and `-`, at most 64")
)

const add = Command.make("add", { name }, (input) =>
  withKeys((keys, db, json) =>
    Effect.gen(function* () {
      if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(input.name)) {
        const detail = `${JSON.stringify(input.name)} cannot be a name: it is letters, digits, ".", "_" and "-", at most 64`
        return yield* new UsageError({ detail })
      }
      const { id, key } = yield* Effect.sync(() => keys.addKey(db, input.name))
      if (json) return yield* printJson({ id, name: input.name, key })
      yield* print(key)
      yield* say(styles("stderr").dim(`${id}, for ${input.name}; it is shown this once`))
    })
  )
).pipe(
  Command.withShortDescription("Make a key"),
  Command.withDescription(
    "Makes a key and prints it, this once. Keys of one name see the same devboxes, keys of different names see nothing of each other's."
  ),
  Command.withExamples([{ command: "devbox serve keys add alice", description: "A key for alice" }])
)

const list = Command.make("list", {}, () =>
  withKeys((keys, db, json) =>
    Effect.gen(function* () {
      const found = keys.listKeys(db)
      if (json) {
        return yield* printJson(found.map(({ tenant, ...row }) => ({ ...row, name: tenant })))
      }
      const { bold } = styles("stdout")
      yield* print(
        table([
          ["ID", "NAME", "AGE", "REVOKED"].map(bold),
          ...found.map(({ create_time_ms, id, revoke_time_ms, tenant }) => [
            id,
            harmless(tenant),
            age(create_time_ms),
            revoke_time_ms === null ? "-" : age(revoke_time_ms)
          ])
        ])
      )
    })
  )
).pipe(
  Command.withAlias("ls"),
  Command.withShortDescription("List keys"),
  Command.withDescription("Lists keys, the oldest first, without their secrets, which nobody has but their owners."),
  Command.withExamples([{ command: "devbox serve keys list", description: "All" }])
)

const revoke = Command.make(
  "revoke",
  { key: Argument.String("key").pipe(Argument.withDescription("Its id, or a name for all of that name")) },
  (input) =>
    withKeys((keys, db, json) =>
      Effect.gen(function* () {
        const ids = keys
          .listKeys(db)
          .filter(({ id, revoke_time_ms, tenant }) => revoke_time_ms === null && [id, tenant].includes(input.key))
          .map(({ id }) => id)
          .filter((id) => keys.revokeKey(db, id))
        if (ids.length === 0) {
          const hint = "`devbox serve keys list` has those that there are."
          return yield* new UsageError({ detail: `no key of the id or name ${input.key} is in use`, hint })
        }
        if (json) return yield* printJson(ids.map((id) => ({ id, revoked: true })))
        yield* Effect.forEach(ids, print, { discard: true })
      })
    )
).pipe(
  Command.withShortDescription("Withdraw keys"),
  Command.withDescription(
    "Withdraws a key, or all of a name, and prints their ids. The devboxes stay, for the other keys of the name and for those that are made for it later."
  ),
  Command.withExamples([{ command: "devbox serve keys revoke alice", description: "All of alice's" }])
)

/** The command. */
export const keys = Command.make("keys").pipe(
  Command.withShortDescription("Who may call: add, list, revoke"),
  Command.withDescription(
    "The keys of the server of this state folder, whether it runs or not. It keeps hashes of them only."
  ),
  Command.withSubcommands([add, list, revoke])
)

/** Secrets over the wire. */
import * as Effect from "effect/Effect"
import type { SecretStore } from "../../Secrets.ts"
import type { Ask, Transport } from "./transport.ts"

const about = (operation: string, name: string) =>
  ({
    operation,
    about: { resource: "secret", id: name },
    fails: ["ResourceNotFound"]
  }) satisfies Ask<"ResourceNotFound">

/** See `SecretStore`. */
export const secrets = ({ api, call, peer }: Transport): typeof SecretStore.Service => ({
  name: peer.name,
  create: (name, value) => call({ operation: "createSecret" }, api.secrets.create({ payload: { name, value } })),
  get: (name) => call({ ...about("getSecret", name), reads: true }, api.secrets.retrieve({ params: { name } })),
  update: (name, value) =>
    call(about("updateSecret", name), api.secrets.update({ params: { name }, payload: { value } })),
  delete: (name) => Effect.asVoid(call(about("deleteSecret", name), api.secrets.delete({ params: { name } }))),
  list: (limit) =>
    call({ operation: "listSecrets", reads: true }, api.secrets.list({ query: { limit } })).pipe(
      Effect.map((answer) => answer.secrets)
    )
})

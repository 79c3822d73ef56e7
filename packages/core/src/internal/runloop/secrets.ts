/** Secrets over the wire. */
import * as Effect from "effect/Effect"
import type { SecretStore } from "../../Secrets.ts"
import type { Ask, Transport } from "./transport.ts"
import { secrets as described } from "../api/secrets.ts"

const about = (operation: string, name: string) =>
  ({
    operation,
    about: { resource: "secret", id: name },
    fails: ["ResourceNotFound"]
  }) satisfies Ask<"ResourceNotFound">

/** See `SecretStore`. */
export const secrets = (transport: Transport): typeof SecretStore.Service => {
  const { call, peer } = transport
  const api = transport.client(described)
  return {
    name: peer.name,
    create: (name, value) => call({ operation: "createSecret" }, api.create({ payload: { name, value } })),
    get: (name) => call({ ...about("getSecret", name), reads: true }, api.retrieve({ params: { name } })),
    update: (name, value) => call(about("updateSecret", name), api.update({ params: { name }, payload: { value } })),
    delete: (name) => Effect.asVoid(call(about("deleteSecret", name), api.delete({ params: { name } }))),
    list: (limit) =>
      call({ operation: "listSecrets", reads: true }, api.list({ query: { limit } })).pipe(
        Effect.map((answer) => answer.secrets)
      )
  }
}

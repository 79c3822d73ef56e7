/** SSH keys as the contract has them: each is new, for one devbox only, and known to nobody else once it is given. */
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import { SshKey } from "@effect-devbox/core/Network"
import * as Redacted from "effect/Redacted"
import { randomUUID } from "node:crypto"
import { type Engine, running } from "../local/engine.ts"
import { knownHostsLine, makeKeyPair, publicOf } from "../ssh/keys.ts"
import { sshUser } from "../ssh/server.ts"
import { getSshHost, insertSshKey } from "../store/ssh.ts"
import { openGate } from "./keeper.ts"

const host = "127.0.0.1"

/** See the contract. */
export const createSshKey = async (engine: Engine, id: DevboxId): Promise<SshKey> => {
  const { row } = await running(engine, id)
  const pair = await makeKeyPair(id)
  const hostKey = getSshHost(engine.db, id)?.host_key ?? (await makeKeyPair(`host ${id}`)).privateKey
  insertSshKey(engine.db, id, { id: randomUUID(), publicKey: pair.publicKey, hostKey })
  const port = await openGate(engine, row, "ssh")
  // Another process may have been the first to make one.
  const known = getSshHost(engine.db, id)?.host_key ?? hostKey
  return new SshKey({
    id,
    sshPrivateKey: Redacted.make(pair.privateKey),
    sshUser,
    url: `ssh://${sshUser}@${host}:${port}`,
    host,
    port,
    knownHosts: knownHostsLine(host, port, await publicOf(known))
  })
}

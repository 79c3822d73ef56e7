// One connection out of a box: the name is judged, looked up here, each address is judged, and the connection goes to an
// address that was judged. What a name means a moment later does not matter.
import * as net from "node:net"
import { forbidden } from "./addresses.ts"
import * as names from "./names.ts"
import type { Rules } from "./rules.ts"

/** Why there is no connection. */
export class EgressError extends Error {
  override readonly name = "EgressError"
  readonly kind: "denied" | "unknown" | "unreachable" | "late"
  constructor(kind: EgressError["kind"], message: string) {
    super(message)
    this.kind = kind
  }
}

/** What the world is; tests have one of their own. */
export interface World {
  readonly lookUp: (host: string) => Promise<ReadonlyArray<string>>
  readonly forbidden: (address: string) => string | undefined
}

/** The real one. */
export const world: World = {
  lookUp: (host) => names.lookUp(host),
  forbidden
}

const connectTime = 30_000

const connect = (address: string, port: number): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ host: address, port, allowHalfOpen: true, noDelay: true })
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new EgressError("late", `${address} did not answer within ${connectTime / 1000} s`))
    }, connectTime)
    socket.once("error", (error) => {
      clearTimeout(timer)
      reject(new EgressError("unreachable", error.message))
    })
    socket.once("connect", () => {
      clearTimeout(timer)
      socket.removeAllListeners("error")
      resolve(socket)
    })
  })

const lookUp = async (host: string, { lookUp: ask }: World): Promise<ReadonlyArray<string>> => {
  if (net.isIP(host) !== 0) return [host]
  try {
    return await ask(host)
  } catch {
    throw new EgressError("unknown", `${host} has no address`)
  }
}

/** A connection to a host that the rules allow, at an address that is anybody's business. */
export const reach = async (rules: Rules, host: string, port: number, around: World = world): Promise<net.Socket> => {
  const verdict = rules.byName(host)
  if (verdict === "no") throw new EgressError("denied", `the devbox's network policy does not allow ${host}`)
  const found = await lookUp(host, around)
  const reasons: Array<string> = []
  for (const address of found) {
    const reason = verdict === "own" ? undefined : around.forbidden(address)
    // Which address it has is nothing that a devbox should learn here.
    if (reason !== undefined) reasons.push(`${host} ${reason}`)
    else if (verdict !== "name" && !rules.byAddress(address, port)) {
      reasons.push(`the devbox's network policy does not allow ${host}, port ${port}`)
    } else {
      try {
        return await connect(address, port)
      } catch (error) {
        // There may be another; of several that fail the last one is reported, unless one of them was denied.
        if (address === found.at(-1) && reasons.length === 0) throw error
      }
    }
  }
  throw new EgressError("denied", reasons[0] ?? `${host} has no address`)
}

// What a network policy lets out, decided by name, then by address. Names are patterns in which `*` stands for a part.
import type { EgressRules } from "@effect-devbox/core/NetworkPolicies"
import * as net from "node:net"
import { bits4, isForbiddenRange, parseRange } from "./addresses.ts"

/** The rules of one devbox. */
export interface Rules {
  /**
   * `own`: this machine's owner named it, so that it may also be in a network of theirs. `name`: whatever its address on the public
   * internet. `address`: it depends on the address. `no`: it is not even looked up.
   */
  readonly byName: (host: string) => "own" | "name" | "address" | "no"
  readonly byAddress: (address: string, port: number) => boolean
}

/** A devbox without a policy: the whole public internet. */
export const everything: Rules = { byName: () => "name", byAddress: () => true }

/** A policy that is not there any more lets nothing out. */
export const nothing: Rules = { byName: () => "no", byAddress: () => false }

/** One port of one host, which this machine's owner named and no caller. */
export const only = (own: string, port: number): Rules => ({
  byName: (host) => (canonical(host) === canonical(own) ? "own" : "no"),
  byAddress: (_, asked) => asked === port
})

/** A name as it is compared: `Example.COM.` is `example.com`. */
export const canonical = (host: string): string => host.toLowerCase().replace(/\.$/, "")

const namePattern = /^(?=.{1,253}$)[a-z0-9_*-]+(\.[a-z0-9_*-]+)*$/

const hostPattern = /^(?=.{1,253}$)[a-z0-9_-]+(\.[a-z0-9_-]+)*$/

/** Whether a part of a name fits. Pattern and name are strangers' words, so nothing here tries one way after another. */
const fits = (pattern: string, part: string): boolean => {
  const [first = "", ...rest] = pattern.split("*")
  const last = rest.pop()
  if (last === undefined) return part === first
  const end = part.length - last.length
  let at = first.length
  if (at > end || !part.startsWith(first) || !part.endsWith(last)) return false
  for (const piece of rest) {
    const found = part.indexOf(piece, at)
    if (found < 0) return false
    at = found + piece.length
  }
  return at <= end
}

/** A leading `*.` stands for one name or more, any other `*` for a part of one; `*` alone for every name. */
const toPattern = (text: string): ((host: string) => boolean) => {
  const name = canonical(text)
  if (name === "*") return () => true
  const isDeep = name.startsWith("*.")
  const wanted = (isDeep ? name.slice(2) : name).split(".")
  return (host) => {
    if (!hostPattern.test(host)) return false
    const parts = host.split(".")
    const more = parts.length - wanted.length
    return (isDeep ? more > 0 : more === 0) && wanted.every((pattern, at) => fits(pattern, parts[more + at]!))
  }
}

/** Decides as the rules of a policy say. */
export const rulesOf = (egress: EgressRules): Rules => {
  if (egress.allowAll === true) return everything
  const patterns = (egress.allowedHostnames ?? []).map(toPattern)
  const ranges = (egress.allowedCidrs ?? []).map(({ cidr, ports }) => ({
    ...parseRange(cidr)!,
    // What is said of UDP allows no TCP, and nothing else leaves.
    ports: ports?.filter(({ protocol }) => protocol !== "UDP")
  }))
  return {
    byName: (host) => {
      // An address is not a name that a pattern could mean.
      if (net.isIP(host) === 0 && patterns.some((matches) => matches(canonical(host)))) return "name"
      return ranges.length > 0 ? "address" : "no"
    },
    byAddress: (address, port) => {
      if (!net.isIPv4(address)) return false
      const bits = bits4(address)
      return ranges.some(
        ({ first, last, ports }) =>
          bits >= first &&
          bits <= last &&
          (ports === undefined || ports.some((open) => port >= open.port && port <= (open.endPort ?? open.port)))
      )
    }
  }
}

/** What of a policy makes no sense. */
export const problem = (egress: Partial<EgressRules>): string | undefined => {
  const name = egress.allowedHostnames?.find((text) => !namePattern.test(canonical(text)))
  if (name !== undefined) return `${JSON.stringify(name)} is not a host name, nor one with * for a part`
  const range = egress.allowedCidrs?.find(({ cidr }) => parseRange(cidr) === undefined)
  if (range !== undefined) return `${JSON.stringify(range.cidr)} is not a range of IPv4 addresses`
  const port = egress.allowedCidrs
    ?.flatMap(({ ports }) => ports ?? [])
    .find(
      (open) =>
        open.port < 1 || open.port > 65_535 || (open.endPort ?? open.port) < open.port || (open.endPort ?? 0) > 65_535
    )
  return port === undefined ? undefined : `${port.port} to ${port.endPort ?? port.port} are not ports`
}

/** The first thing that a policy wants and a proxy cannot give, with what to do about it. */
export const beyondProxy = (egress: EgressRules): { readonly feature: string; readonly detail: string } | undefined => {
  const flags: ReadonlyArray<readonly [keyof EgressRules, string]> = [
    [
      "allowDevboxToDevbox",
      "devboxes of this machine cannot reach each other; go through a tunnel, or through this program"
    ],
    ["allowAgentGateway", "there is no agent gateway on this machine"],
    ["allowMcpGateway", "there is no MCP gateway on this machine"],
    ["allowRunloopMirrors", "there are no mirrors on this machine; allow the names of those you use"]
  ]
  const flag = flags.find(([name]) => egress[name] === true)
  if (flag !== undefined) return { feature: `networkPolicy:${flag[0]}`, detail: flag[1] }
  const ranges = egress.allowedCidrs ?? []
  const own = ranges.find(({ cidr }) => isForbiddenRange(parseRange(cidr)!))
  if (own !== undefined) {
    return {
      feature: "networkPolicy:privateRange",
      detail: `${own.cidr} is not part of the public internet, and nothing else can be reached from a devbox of this machine`
    }
  }
  return ranges.some(({ ports }) => ports?.some(({ protocol }) => protocol === "UDP") === true)
    ? { feature: "networkPolicy:udp", detail: 'only TCP leaves a devbox of this machine in the network mode "proxy"' }
    : undefined
}

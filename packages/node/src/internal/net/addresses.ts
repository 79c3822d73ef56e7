// Which addresses a box may be connected to: those of the public internet. Everything that is this machine, its networks or
// a network of somebody's own is not, however it is written.
import * as net from "node:net"
import * as os from "node:os"

/** IPv4: this host, private, shared, loopback, link-local (with clouds' metadata), protocol, test, multicast, reserved. */
const forbidden4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4"
] as const

/** Only 2000::/3 is the public internet, and not these: Teredo, benchmarking, ORCHID, documentation, 6to4, documentation. */
const forbidden6 = [
  "2001::/32",
  "2001:2::/48",
  "2001:10::/28",
  "2001:20::/28",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20"
] as const

const public6 = "2000::/3"

const listOf = (ranges: ReadonlyArray<string>, family: "ipv4" | "ipv6"): net.BlockList => {
  const list = new net.BlockList()
  for (const range of ranges) {
    const [network, prefix] = range.split("/") as [string, string]
    list.addSubnet(network, Number(prefix), family)
  }
  return list
}

const never4 = listOf(forbidden4, "ipv4")
const never6 = listOf(forbidden6, "ipv6")
const only6 = listOf([public6], "ipv6")

/** `1.2.3.4` for `::ffff:1.2.3.4`, which is the same place. */
const plain = (address: string): string => {
  const url = net.isIPv6(address) ? new URL(`http://[${address.replace(/%.*$/, "")}]`).hostname.slice(1, -1) : address
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(url)
  if (mapped === null) return url
  const bits = [mapped[1]!, mapped[2]!].map((part) => Number.parseInt(part, 16))
  return bits.flatMap((part) => [part >> 8, part & 0xff]).join(".")
}

const isOwn = (address: string): boolean =>
  Object.values(os.networkInterfaces()).some((addresses) => addresses?.some((own) => plain(own.address) === address))

/** Why an address is none of a box's business; `undefined` for one of the public internet. */
export const forbidden = (address: string): string | undefined => {
  const where = plain(address)
  if (net.isIPv4(where)) {
    if (never4.check(where, "ipv4")) return "is not on the public internet"
  } else if (!net.isIPv6(where) || !only6.check(where, "ipv6") || never6.check(where, "ipv6")) {
    return "is not on the public internet"
  }
  return isOwn(where) ? "is the machine that the devbox runs on" : undefined
}

/** An IPv4 address as a number. */
export const bits4 = (address: string): number =>
  address.split(".").reduce((bits, part) => bits * 256 + Number(part), 0)

/** A range of IPv4 addresses; `undefined` when it is written in no way that is one. */
export const parseRange = (cidr: string): { readonly first: number; readonly last: number } | undefined => {
  const [, address = "", prefix = "32"] = /^([0-9.]+)(?:\/([0-9]{1,2}))?$/.exec(cidr) ?? []
  if (!net.isIPv4(address) || Number(prefix) > 32) return undefined
  const size = 2 ** (32 - Number(prefix))
  const first = Math.floor(bits4(address) / size) * size
  return { first, last: first + size - 1 }
}

/** Whether nothing of a range can ever be reached. */
export const isForbiddenRange = (range: { readonly first: number; readonly last: number }): boolean =>
  forbidden4.some((cidr) => {
    const { first, last } = parseRange(cidr)!
    return range.first >= first && range.last <= last
  })

/** Which addresses may be reached out of a devbox, however they are written, and what network policies mean. */
import { EgressRules } from "@effect-devbox/core/NetworkPolicies"
import * as os from "node:os"
import { describe, expect, it } from "vitest"
import { forbidden, isForbiddenRange, parseRange } from "../../../packages/node/src/internal/net/addresses.ts"
import { beyondProxy, problem, rulesOf } from "../../../packages/node/src/internal/net/rules.ts"

describe("addresses", () => {
  it.each(["1.1.1.1", "93.184.215.14", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"])(
    "lets %s be reached",
    (address) => expect(forbidden(address)).toBeUndefined()
  )

  it.each([
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "0:0:0:0:0:ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:0:1::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "localhost",
    ""
  ])("does not let %s be reached", (address) => expect(forbidden(address)).toBeDefined())

  it("does not let this machine's own addresses be reached, whatever they are", () => {
    const own = Object.values(os.networkInterfaces()).flatMap((addresses) => addresses ?? [])
    expect(own.length).toBeGreaterThan(0)
    for (const { address } of own) {
      expect(forbidden(address)).toBeDefined()
      expect(forbidden(address.includes(".") ? `::ffff:${address}` : address)).toBeDefined()
    }
  })

  it("knows ranges, and those of which nothing can be reached", () => {
    expect(parseRange("8.8.8.0/24")).toEqual({ first: 0x08080800, last: 0x080808ff })
    expect(parseRange("8.8.8.8")).toEqual({ first: 0x08080808, last: 0x08080808 })
    expect(parseRange("0.0.0.0/0")).toEqual({ first: 0, last: 2 ** 32 - 1 })
    for (const bad of ["8.8.8.0/33", "8.8.8/24", "::/0", "x", ""]) expect(parseRange(bad)).toBeUndefined()
    for (const own of ["10.0.0.0/8", "10.9.0.0/16", "127.0.0.1/32"]) {
      expect(isForbiddenRange(parseRange(own)!)).toBe(true)
    }
    for (const open of ["0.0.0.0/0", "8.0.0.0/8", "172.0.0.0/8"])
      expect(isForbiddenRange(parseRange(open)!)).toBe(false)
  })
})

describe("rules of a network policy", () => {
  const rules = rulesOf(
    new EgressRules({ allowedHostnames: ["example.com", "*.Example.org", "api-*.example.net", "a.*.example.info"] })
  )

  it.each([
    "example.com",
    "EXAMPLE.com",
    "example.com.",
    "x.example.org",
    "x.y.example.org",
    "api-1.example.net",
    "a.b.example.info"
  ])("lets out to %s", (host) => expect(rules.byName(host)).toBe("name"))

  it.each([
    "example.org",
    "notexample.com",
    "example.com.evil.net",
    "x.example.com",
    "api-1.x.example.net",
    "api.example.net",
    "a.b.c.example.info",
    "x.example.org.evil.net",
    "example.com\n.evil.net",
    "93.184.215.14",
    "::1",
    ""
  ])("does not let out to %j", (host) => expect(rules.byName(host)).toBe("no"))

  it("takes no time for a name that almost fits a pattern with many stars", () => {
    const many = rulesOf(new EgressRules({ allowedHostnames: [`${"*a".repeat(30)}*b`, "x*y*y", "*.a*a.example"] }))
    const started = performance.now()
    expect(many.byName("a".repeat(250))).toBe("no")
    expect(many.byName("a".repeat(16_000))).toBe("no")
    expect(performance.now() - started).toBeLessThan(1000)
    expect(many.byName(`${"a".repeat(40)}b`)).toBe("name")
    expect(many.byName("xy")).toBe("no")
    expect(many.byName("x-y-y")).toBe("name")
    expect(many.byName("b.a.example")).toBe("no")
    expect(many.byName("c.b.aa.example")).toBe("name")
  })

  it("means every name by * alone, but no address", () => {
    const all = rulesOf(new EgressRules({ allowedHostnames: ["*"] }))
    expect(all.byName("anything.at.all")).toBe("name")
    expect(all.byName("1.1.1.1")).toBe("no")
  })

  it("lets nothing out unless something is allowed, and everything when all is", () => {
    expect(rulesOf(new EgressRules({})).byName("example.com")).toBe("no")
    expect(rulesOf(new EgressRules({ allowAll: false })).byName("example.com")).toBe("no")
    expect(rulesOf(new EgressRules({ allowAll: true })).byName("example.com")).toBe("name")
  })

  it("judges addresses by ranges and ports", () => {
    const ranges = rulesOf(
      new EgressRules({
        allowedCidrs: [
          { cidr: "8.8.8.0/24", ports: [{ port: 443 }, { port: 8000, endPort: 8010 }] },
          { cidr: "9.9.9.9" }
        ]
      })
    )
    expect(ranges.byName("dns.example")).toBe("address")
    for (const [address, port, allowed] of [
      ["8.8.8.8", 443, true],
      ["8.8.8.8", 8005, true],
      ["8.8.8.8", 80, false],
      ["8.8.9.8", 443, false],
      ["9.9.9.9", 1, true],
      ["9.9.9.8", 1, false],
      ["2606:4700::1111", 443, false]
    ] as const) {
      expect([address, port, ranges.byAddress(address, port)]).toEqual([address, port, allowed])
    }
  })

  it("lets no TCP out for what is said of UDP", () => {
    const udp = [
      {
        cidr: "8.8.8.8",
        ports: [
          { port: 53, protocol: "UDP" as const },
          { port: 54, protocol: "TCP" as const }
        ]
      }
    ]
    const rules53 = rulesOf(new EgressRules({ allowedCidrs: udp }))
    expect(rules53.byAddress("8.8.8.8", 53)).toBe(false)
    expect(rules53.byAddress("8.8.8.8", 54)).toBe(true)
  })

  it("says what makes no sense, and what this machine cannot keep", () => {
    expect(problem({ allowedHostnames: ["ok.example", "*"] })).toBeUndefined()
    for (const name of ["http://example.com", "example.com/", "a b", "", "exa..mple"]) {
      expect(problem({ allowedHostnames: [name] })).toContain("not a host name")
    }
    expect(problem({ allowedCidrs: [{ cidr: "fe80::/10" }] })).toContain("not a range")
    expect(problem({ allowedCidrs: [{ cidr: "8.8.8.8", ports: [{ port: 9, endPort: 8 }] }] })).toContain("not ports")
    expect(beyondProxy(new EgressRules({ allowAll: true, allowedHostnames: ["x.example"] }))).toBeUndefined()
    for (const flag of [
      "allowDevboxToDevbox",
      "allowAgentGateway",
      "allowMcpGateway",
      "allowRunloopMirrors"
    ] as const) {
      expect(beyondProxy(new EgressRules({ [flag]: true }))?.feature).toBe(`networkPolicy:${flag}`)
      expect(beyondProxy(new EgressRules({ [flag]: false }))).toBeUndefined()
    }
    expect(beyondProxy(new EgressRules({ allowedCidrs: [{ cidr: "10.0.0.0/8" }] }))?.feature).toBe(
      "networkPolicy:privateRange"
    )
    const udp = new EgressRules({ allowedCidrs: [{ cidr: "8.8.8.8", ports: [{ port: 53, protocol: "UDP" }] }] })
    expect(beyondProxy(udp)?.feature).toBe("networkPolicy:udp")
  })
})

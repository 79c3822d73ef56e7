/**
 * Which ports a tunnel leads to, for backends that tell them apart (feature `perPortTunnel`): all but some, or only some. Plain
 * data in JSON, and what opening and closing a port does to it; it knows no tunnel.
 */

/** See above. */
export type TunnelPorts = { readonly allBut: ReadonlyArray<number> } | { readonly only: ReadonlyArray<number> }

/** Every port. */
export const all: TunnelPorts = { allBut: [] }

/** Whether a port is among them. */
export const includes = (ports: TunnelPorts, port: number): boolean =>
  "only" in ports ? ports.only.includes(port) : !ports.allBut.includes(port)

/** With one port more; without a port, all. What a devbox without a tunnel has is `undefined`. */
export const open = (ports: TunnelPorts | undefined, port: number | undefined): TunnelPorts => {
  if (port === undefined) return all
  if (ports === undefined) return { only: [port] }
  if ("allBut" in ports) return { allBut: ports.allBut.filter((closed) => closed !== port) }
  return { only: [...new Set([...ports.only, port])].sort((a, b) => a - b) }
}

/** With one port less; without a port, or when none would be left of those opened one by one, `undefined`. */
export const close = (ports: TunnelPorts, port: number | undefined): TunnelPorts | undefined => {
  if (port === undefined) return undefined
  if ("allBut" in ports) return { allBut: [...new Set([...ports.allBut, port])] }
  const only = ports.only.filter((opened) => opened !== port)
  return only.length === 0 ? undefined : { only }
}

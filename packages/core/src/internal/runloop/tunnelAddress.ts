/** Where the tunnels and the SSH door of a Runloop-like service are: derived from its base URL, as the official clients do it. */
import { SshKey, Tunnel } from "../../Network.ts"

/** The domain of the service: the host of its base URL without a leading `api.` (PROTOCOL P8). */
export const domainOf = (baseUrl: string): string => new URL(baseUrl).hostname.replace(/^api\./, "")

/** The tunnel with the address of a port; a server of ours gives its own. */
export const withAddress = (baseUrl: string, tunnel: Tunnel): Tunnel =>
  tunnel.urlTemplate === undefined
    ? new Tunnel({ ...tunnel, urlTemplate: `https://{port}-${tunnel.tunnelKey}.tunnel.${domainOf(baseUrl)}` })
    : tunnel

/** The key with the way in: SSH inside TLS, told apart by server name; a server of ours says its own. */
export const withDoor = (baseUrl: string, key: SshKey): SshKey =>
  key.host === undefined && key.proxyCommand === undefined
    ? new SshKey({
        ...key,
        host: key.url,
        proxyCommand: `openssl s_client -quiet -verify_quiet -servername ${key.url} -connect ssh.${domainOf(baseUrl)}:443`
      })
    : key

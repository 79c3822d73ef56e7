// Names and their addresses, as this machine knows them: its hosts file, then its name servers. They are asked from the event loop:
// the system's own lookup holds one of the few threads that files are read and written by, for as long as a name server is silent.
import * as dns from "node:dns/promises"
import * as fs from "node:fs/promises"

/** Where this machine writes down names of its own. */
const hostsFile = "/etc/hosts"

/** A name server that is silent is asked twice. */
const patience = { timeout: 3000, tries: 2 }

/** The addresses of a name in the text of a hosts file. */
export const inHosts = (text: string, name: string): ReadonlyArray<string> => {
  const wanted = name.toLowerCase().replace(/\.$/, "")
  return text.split("\n").flatMap((line) => {
    const [address, ...names] = line.replace(/#.*/, "").trim().split(/\s+/)
    return address !== undefined && names.some((known) => known.toLowerCase() === wanted) ? [address] : []
  })
}

/** Every address of a name, those of IPv4 first; rejects when there is none. Which name servers there are can change at any time. */
export const lookUp = async (
  name: string,
  servers?: ReadonlyArray<string>,
  hosts: string = hostsFile
): Promise<ReadonlyArray<string>> => {
  const known = inHosts(await fs.readFile(hosts, "utf8").catch(() => ""), name)
  if (known.length > 0) return known
  const resolver = new dns.Resolver(patience)
  if (servers !== undefined) resolver.setServers(servers)
  const [four, six] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
  const found = [four, six].flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []))
  if (found.length === 0) throw four.status === "rejected" ? four.reason : new Error(`${name} has no address`)
  return found
}

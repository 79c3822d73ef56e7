// Key pairs: the host's, which tells a client that it talks to the same devbox as before, and those of users. ssh2 is loaded
// when somebody needs it: most programs never do.
import type * as ssh2 from "ssh2"

/** ssh2 is a CommonJS module: its names are on the default export. */
export const loadSsh = async (): Promise<Pick<typeof ssh2, "Server" | "utils">> => (await import("ssh2")).default

/** A key in OpenSSH's own formats; the public one is a line of `authorized_keys`. */
export interface KeyPair {
  readonly privateKey: string
  readonly publicKey: string
}

/**
 * A new Ed25519 key pair. ssh2 drops the leading zeros of a key it makes, so that about one pair in 200 cannot be read by anybody
 * (https://github.com/mscdex/ssh2/issues/1513): such a pair is thrown away for another.
 */
export const makeKeyPair = async (comment: string): Promise<KeyPair> => {
  const { utils } = await loadSsh()
  for (;;) {
    const pair = utils.generateKeyPairSync("ed25519", { comment })
    if ([pair.private, pair.public].some((key) => utils.parseKey(key) instanceof Error)) continue
    return { privateKey: pair.private, publicKey: pair.public }
  }
}

/** The public half of a private key, as type and base64. */
export const publicOf = async (privateKey: string): Promise<string> => {
  const { utils } = await loadSsh()
  const parsed = utils.parseKey(privateKey)
  if (parsed instanceof Error) throw parsed
  return `${parsed.type} ${parsed.getPublicSSH().toString("base64")}`
}

/** The `known_hosts` line of a server. */
export const knownHostsLine = (host: string, port: number, publicKey: string): string =>
  `${port === 22 ? host : `[${host}]:${port}`} ${publicKey}`

/**
 * A block of OpenSSH's `ssh_config` from the key of a devbox. Text only: where the key's file lies is the caller's to say and to
 * write (`SshFiles` of `@effect-devbox/node` does), since nothing here touches a disk.
 */
import type { SshKey } from "./Network.ts"

/** Where things lie that the block names. */
export interface Options {
  /** The file with the private key, readable by its owner only. */
  readonly identityFile: string
  /** What stands after `Host`, for `ssh NAME`; default the devbox's id. */
  readonly name?: string | undefined
  /** A file with the key's `knownHosts`; without one the block itself carries it, which takes OpenSSH 8.5 or newer. */
  readonly knownHostsFile?: string | undefined
}

/** What is wrong with the options, or `undefined`: a value is one word of a line, and cannot begin another. */
export const problem = ({ identityFile, knownHostsFile, name }: Options): string | undefined => {
  if (name !== undefined && !/^[\w.-]+$/.test(name)) return `${JSON.stringify(name)} is no name for a host`
  for (const path of [identityFile, knownHostsFile ?? "/"]) {
    if (path === "" || /["\r\n\0]/.test(path)) return `${JSON.stringify(path)} cannot be a path in ssh_config`
  }
  return undefined
}

/**
 * What is wrong with a key, or `undefined`. It comes from the backend: over a wire from somebody else's machine, whose word must
 * not become lines of a configuration that runs programs here.
 */
export const keyProblem = (key: SshKey): string | undefined => {
  const words = { id: key.id, user: key.sshUser, host: key.host ?? key.url }
  for (const [name, value] of Object.entries(words)) {
    if (!/^[\w.:@%[\]-]+$/.test(value)) return `the backend's ${name} for ssh is ${JSON.stringify(value)}`
  }
  for (const line of [key.proxyCommand, key.knownHosts]) {
    if (line !== undefined && /[\0-\x1f\x7f]/.test(line))
      return `the backend's ${JSON.stringify(line)} is no line of ssh_config`
  }
  return undefined
}

const hostKey = (key: SshKey, options: Options): ReadonlyArray<string> => {
  // Without a host key of its own the name, which is the devbox's alone, is what is trusted at first sight.
  if (key.knownHosts === undefined) return ["StrictHostKeyChecking accept-new"]
  return [
    "StrictHostKeyChecking yes",
    "GlobalKnownHostsFile /dev/null",
    ...(options.knownHostsFile === undefined
      ? ["UserKnownHostsFile /dev/null", `KnownHostsCommand /bin/echo ${key.knownHosts}`]
      : [`UserKnownHostsFile "${options.knownHostsFile}"`])
  ]
}

/** The block, with a line end after each line. */
export const make = (key: SshKey, options: Options): string => {
  const lines = [
    `HostName ${key.host ?? key.url}`,
    ...(key.port === undefined ? [] : [`Port ${key.port}`]),
    `User ${key.sshUser}`,
    `IdentityFile "${options.identityFile}"`,
    "IdentitiesOnly yes",
    ...(key.proxyCommand === undefined ? [] : [`ProxyCommand ${key.proxyCommand}`]),
    ...hostKey(key, options)
  ]
  return `Host ${options.name ?? key.id}\n${lines.map((line) => `  ${line}\n`).join("")}`
}

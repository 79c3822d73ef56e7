/**
 * What a stock OpenSSH client needs to log in to a devbox, as files that only their owner can read: the key, the host's key and
 * a configuration. It starts no client, and leaves the user's own `~/.ssh` alone.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Devbox } from "@effect-devbox/core"
import type { ReadyError } from "@effect-devbox/core/DevboxError"
import { mkdir, writeFile } from "node:fs/promises"
import { resolve } from "node:path"
import { LocalPathError } from "./DevboxDirectory.ts"

/** The files, and how to use them. */
export interface SshFiles {
  readonly identityFile: string
  readonly configFile: string
  /** What to call the devbox: `ssh -F configFile name`. */
  readonly name: string
  /** The words of a login, for a command to be appended. */
  readonly command: ReadonlyArray<string>
}

/** How the devbox is to be called. */
export interface Options {
  /** Default the devbox's id. */
  readonly name?: string | undefined
}

/** Makes a new key and writes it into a folder, which is made for its owner only if it is not there. */
export const write = (
  devbox: Devbox.Devbox,
  folder: string,
  options: Options = {}
): Effect.Effect<SshFiles, LocalPathError | ReadyError> =>
  Effect.gen(function* () {
    const name = options.name ?? devbox.id
    const at = (file: string) => resolve(folder, `${name}${file}`)
    const [identityFile, knownHostsFile, configFile] = [at(".key"), at(".known_hosts"), at(".config")]
    const { key, text } = yield* devbox.net.sshConfig({ identityFile, knownHostsFile, name })
    yield* Effect.tryPromise({
      try: async () => {
        await mkdir(folder, { recursive: true, mode: 0o700 })
        for (const [file, contents] of [
          [identityFile, Redacted.value(key.sshPrivateKey)],
          [knownHostsFile, key.knownHosts === undefined ? "" : `${key.knownHosts}\n`],
          [configFile, text]
        ] as const) {
          // The mode is given at the file's birth, so that nobody can read it before it is narrowed.
          await writeFile(file, contents, { mode: 0o600, flag: "wx" })
        }
      },
      catch: (error) =>
        new LocalPathError({ path: folder, detail: error instanceof Error ? error.message : String(error) })
    })
    return { identityFile, configFile, name, command: ["ssh", "-F", configFile, name] }
  })

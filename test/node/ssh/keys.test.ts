// ssh2 itself makes a pair that it cannot read about once in 200: the first test shows that the second one can fail.
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { loadSsh, makeKeyPair, publicOf } from "../../../packages/node/src/internal/ssh/keys.ts"

describe("key pairs", () => {
  it("are unreadable now and then when they come straight from ssh2", async () => {
    const { utils } = await loadSsh()
    const readable = () => {
      const pair = utils.generateKeyPairSync("ed25519")
      return !(utils.parseKey(pair.private) instanceof Error || utils.parseKey(pair.public) instanceof Error)
    }
    // The chance that none of 5,000 is unreadable is below one in ten million.
    expect(Array.from({ length: 5_000 }, readable)).toContain(false)
  })

  it("that are made here can be read, every one of 2,000, and each half says the same key", async () => {
    for (let index = 0; index < 2_000; index++) {
      const pair = await makeKeyPair("somebody")
      expect(pair.publicKey).toBe(`${await publicOf(pair.privateKey)} somebody`)
    }
  })

  it("are read by OpenSSH", async (context) => {
    const folder = mkdtempSync(join(tmpdir(), "devbox-keys-"))
    try {
      const pair = await makeKeyPair("somebody")
      writeFileSync(join(folder, "key"), pair.privateKey, { mode: 0o600 })
      expect(execFileSync("ssh-keygen", ["-y", "-f", join(folder, "key")], { encoding: "utf8" }).trim()).toContain(
        await publicOf(pair.privateKey)
      )
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
      context.skip("there is no ssh-keygen here")
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

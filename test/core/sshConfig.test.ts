/** A block of ssh_config holds only what its key says in single words: nobody's answer becomes a program that runs here. */
import { SshKey } from "@effect-devbox/core"
import { keyProblem, make } from "@effect-devbox/core/SshConfig"
import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"

const key = (over: Partial<SshKey> = {}) =>
  new SshKey({
    id: "dbx_1",
    sshPrivateKey: Redacted.make("key"),
    sshUser: "user",
    url: "dbx-1.ssh.example",
    host: "127.0.0.1",
    port: 2222,
    knownHosts: "[127.0.0.1]:2222 ssh-ed25519 AAAA",
    ...over
  })

describe("a block of ssh_config", () => {
  it("names the host, the user and the key", () => {
    const text = make(key(), { identityFile: "/tmp/key" })
    assert.include(text, "HostName 127.0.0.1\n  Port 2222\n  User user\n")
    assert.isUndefined(keyProblem(key()))
    assert.isUndefined(keyProblem(key({ proxyCommand: "openssl s_client -quiet -connect ssh.example:443" })))
  })

  it.each([
    { sshUser: "user\n  ProxyCommand touch /tmp/owned" },
    { sshUser: "user ProxyCommand" },
    { host: "a\nHost *" },
    { id: "dbx_1\nMatch all" },
    { knownHosts: "a ssh-ed25519 AAAA\n  PermitLocalCommand yes" },
    { proxyCommand: "nc %h %p\n  LocalCommand touch /tmp/owned" }
  ])("is not made of %j", (over) => {
    assert.isString(keyProblem(key(over as Partial<SshKey>)))
  })
})

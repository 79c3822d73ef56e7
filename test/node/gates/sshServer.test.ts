/** The SSH server by itself: who says nothing does not stay. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as net from "node:net"
import ssh2 from "ssh2"
import { makeKeyPair } from "../../../packages/node/src/internal/ssh/keys.ts"
import { startSshServer, sshUser } from "../../../packages/node/src/internal/ssh/server.ts"

const nothing = () => Promise.reject(new Error("there is nothing here"))

describe("a connection to the SSH server", () => {
  it.live("ends when nobody logs in in time, whether it speaks or not, and stays when somebody does", () =>
    Effect.promise(async () => {
      const [host, user] = await Promise.all([makeKeyPair("host"), makeKeyPair("user")])
      const server = await startSshServer({
        hostKey: host.privateKey,
        port: undefined,
        keys: () => [user.publicKey],
        box: nothing,
        dial: nothing,
        heard: () => {},
        // Enough for a login on a busy machine.
        loginTime: 2000
      })
      try {
        const closed = (write?: string) =>
          new Promise<void>((resolve) => {
            const socket = net.connect(server.port, "127.0.0.1", () => write !== undefined && socket.write(write))
            socket.resume()
            socket.on("error", () => {})
            socket.once("close", () => resolve())
          })
        const client = new ssh2.Client()
        let open = false
        client.once("close", () => (open = false))
        await new Promise<void>((resolve, reject) => {
          client.once("error", reject)
          client.once("ready", () => {
            open = true
            resolve()
          })
          client.connect({ host: "127.0.0.1", port: server.port, username: sshUser, privateKey: user.privateKey })
        })
        // These were made after it, so that its time would be over when theirs is.
        await Promise.all([closed(), closed("SSH-2.0-nobody\r\n")])
        assert.isTrue(open)
        client.end()
      } finally {
        await server.close()
      }
    })
  )
})

// The SSH server of one devbox: on this machine's loopback, by public key only. It knows boxes and keys; where keys are kept
// and how long a server lives is decided elsewhere.
import * as net from "node:net"
import type { ClientInfo, Connection, ParsedKey, ServerChannel } from "ssh2"
import { loadSsh } from "./keys.ts"
import { serveSession, type SshBox } from "./session.ts"

/** What a server is made of. */
export interface SshOptions extends SshBox {
  readonly hostKey: string
  /** The port it had before, if it can have it again. */
  readonly port: number | undefined
  /** The public keys that may log in now. */
  readonly keys: () => ReadonlyArray<string>
  /** A connection to a port inside. */
  readonly dial: (port: number) => Promise<net.Socket>
  /** How many milliseconds a connection has to log in; default two minutes, as OpenSSH. */
  readonly loginTime?: number | undefined
}

/** A running server. */
export interface SshServer {
  readonly port: number
  /** Ends the server and every connection. */
  readonly close: () => Promise<void>
}

/** A person may have to find a passphrase first. */
const loginTime = 120_000

/** The one user, as inside. */
export const sshUser = "user"

/** Names of a devbox for its own loopback; a box has no other addresses to forward to. */
const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|::1|0\.0\.0\.0|)$/.test(host)

const listen = (server: net.Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject)
      resolve()
    })
  })

/** Starts a server. */
export const startSshServer = async (options: SshOptions): Promise<SshServer> => {
  const { Server, utils } = await loadSsh()
  const allowed = (presented: Buffer): ParsedKey | undefined => {
    for (const line of options.keys()) {
      const key = utils.parseKey(line)
      if (!(key instanceof Error) && key.getPublicSSH().equals(presented)) return key
    }
    return undefined
  }

  const forward = (accept: () => ServerChannel, reject: () => void, host: string, port: number) => {
    if (!isLoopback(host)) return reject()
    options.dial(port).then(
      (socket) => {
        const channel = accept()
        const over = () => {
          socket.destroy()
          channel.close()
        }
        // The two directions end one by one: ssh2's own end of a channel would close both.
        channel.on("error", over).on("close", over)
        socket.on("error", over)
        channel.on("data", options.heard)
        channel.pipe(socket)
        socket.pipe(channel, { end: false })
        socket.once("end", () => channel.eof())
        socket.once("close", () => channel.close())
      },
      () => reject()
    )
  }

  /** Connections that are not logged in, by the port they come from; ssh2 shows a connection only when it has said something. */
  const waiting = new Map<number | undefined, NodeJS.Timeout>()
  const stopWaiting = (port: number | undefined) => {
    clearTimeout(waiting.get(port))
    waiting.delete(port)
  }

  const greet = (client: Connection, { port }: ClientInfo) => {
    client.on("error", () => {})
    client.on("authentication", (context) => {
      if (context.method !== "publickey" || context.username !== sshUser) return context.reject(["publickey"])
      const key = allowed(context.key.data)
      if (key === undefined) return context.reject(["publickey"])
      // Without a signature the client only asks whether this key would do.
      if (context.signature === undefined || context.blob === undefined) return context.accept()
      if (key.verify(context.blob, context.signature, context.hashAlgo) === true) context.accept()
      else context.reject(["publickey"])
    })
    client.on("ready", () => {
      stopWaiting(port)
      options.heard()
      client.on("session", (accept) => serveSession(accept(), options))
      client.on("tcpip", (accept, reject, { destIP, destPort }) => forward(accept, reject, destIP, destPort))
    })
  }

  const server = new Server({ hostKeys: [options.hostKey], ident: "effect-devbox" }, greet)
  const sockets = new Set<net.Socket>()
  // With Nagle's delay each of the small packets of a login would wait for the one before.
  const front = net.createServer({ noDelay: true }, (socket) => {
    const { remotePort } = socket
    sockets.add(socket)
    waiting.set(
      remotePort,
      setTimeout(() => socket.destroy(), options.loginTime ?? loginTime)
    )
    socket.once("close", () => {
      sockets.delete(socket)
      stopWaiting(remotePort)
    })
    server.injectSocket(socket)
  })
  await listen(front, options.port ?? 0).catch((error: NodeJS.ErrnoException) => {
    if (options.port === undefined || error.code !== "EADDRINUSE") throw error
    return listen(front, 0)
  })
  return {
    port: (front.address() as net.AddressInfo).port,
    close: async () => {
      const closed = new Promise<void>((resolve) => front.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    }
  }
}

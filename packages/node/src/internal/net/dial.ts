/** Connections to ports inside devboxes: as sockets for what is in this process, and as the contract's `dial`. */
import * as NodeSink from "@effect/platform-node/NodeSink"
import * as NodeStream from "@effect/platform-node/NodeStream"
import type { Connection } from "@effect-devbox/core/DevboxBackend"
import { type BackendError, type ReadyError, TransportError, UnsupportedError } from "@effect-devbox/core/DevboxError"
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import { touch } from "../local/clock.ts"
import { type Engine, notReady, rowOf, running } from "../local/engine.ts"
import { attempt, backendError, invalid } from "../local/errors.ts"
import { DoorError } from "./door.ts"

const operation = "dial"

const connectHere = (port: number): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true })
    socket.once("error", (error: NodeJS.ErrnoException) =>
      reject(new DoorError(error.code === "ECONNREFUSED" ? "refused" : "failed", error.message))
    )
    socket.once("connect", () => {
      socket.removeAllListeners("error")
      resolve(socket)
    })
  })

/**
 * A socket that is connected to a port on a devbox's loopback, half open when one side ends, without Nagle's delay. Whoever
 * asked for it destroys it. Fails as `dial` does.
 */
export const dialSocket = async (engine: Engine, id: DevboxId, port: number): Promise<net.Socket> => {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw invalid(operation, `${port} is not a port; give a whole number from 1 to 65535`)
  }
  const { live, row } = await running(engine, id)
  const { entrance } = live.box
  try {
    // Without a network of its own the box's loopback is the machine's.
    const shared = entrance === undefined || row.network === "host"
    const socket = await (shared ? connectHere(port) : engine.door.connect(entrance, port))
    return socket.setNoDelay(true)
  } catch (error) {
    if (!(error instanceof DoorError)) throw error
    switch (error.kind) {
      case "gone":
        throw notReady(rowOf(engine, id), "It ended while it was dialled; look at its info for the reason.")
      case "missing":
        throw backendError(operation, new UnsupportedError({ feature: operation, detail: error.message }))
      case "refused": {
        const detail = `connection refused: nothing listens on port ${port} in devbox ${id}`
        throw backendError(operation, new TransportError({ detail }))
      }
      case "failed":
        throw backendError(operation, new TransportError({ detail: error.message }))
    }
  }
}

const lost =
  (port: number) =>
  (error: unknown): BackendError => {
    const why = error instanceof Error ? error.message : String(error)
    return backendError(
      operation,
      new TransportError({ detail: `the connection to port ${port} is lost: ${why}` }),
      "ambiguous"
    )
  }

/** See `DevboxBackend`. */
export const dial = (engine: Engine, id: DevboxId, port: number): Effect.Effect<Connection, ReadyError, Scope.Scope> =>
  Effect.acquireRelease(
    attempt<ReadyError, net.Socket>(operation, () => {
      touch(engine, id)
      return dialSocket(engine, id, port)
    }),
    (socket) =>
      Effect.sync(() => {
        socket.on("error", () => {})
        socket.destroy()
      })
  ).pipe(
    Effect.map((socket) => {
      // One may fail before anybody reads or writes; they hear of it when they do.
      socket.on("error", () => {})
      const both = { evaluate: () => socket, onError: lost(port) }
      return {
        readable: NodeStream.fromReadable<Uint8Array, BackendError>({ ...both, closeOnDone: false }),
        writable: NodeSink.fromWritable<BackendError, Uint8Array>(both)
      }
    })
  )

/** What a server allows, as people say it and as the sockets and bodies take it. */
import * as ByteSize from "effect/ByteSize"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type { Limits } from "./listener.ts"
import type { Shares } from "./shares.ts"

/** Limits; each has a default that suits a server of one machine. */
export interface LimitOptions {
  /** Open connections; default 20 000. One more gets 503. */
  readonly connections?: number | undefined
  /** Held requests, streams among them; default 15 000. One more is answered 408 after a second. */
  readonly held?: number | undefined
  /** Held requests of one caller; default 10 000. One more is answered 408 after a second. */
  readonly heldPerCaller?: number | undefined
  /** Devboxes of one caller that have not ended; default 1000. One more is refused with 429. */
  readonly devboxesPerCaller?: number | undefined
  /** Commands of one caller that run; default 5000. One more is refused with 429. */
  readonly executionsPerCaller?: number | undefined
  /** Requests at once over one HTTP/2 connection; default 20 000. */
  readonly streams?: number | undefined
  /** The head of a request; default 16 KiB. */
  readonly headerSize?: ByteSize.Input | undefined
  /** The body of a request; default 16 MiB. */
  readonly bodySize?: ByteSize.Input | undefined
  /** The body of a request to write a text file; default 128 MiB. It is held in memory. */
  readonly textFileSize?: ByteSize.Input | undefined
  /** An uploaded file or object; default as much as the disk takes. It is never held in memory. */
  readonly uploadSize?: ByteSize.Input | undefined
  /** How long the head of a request may take; default 15 seconds. */
  readonly headerTime?: Duration.Input | undefined
  /** How long a body may stand still; default 30 seconds. */
  readonly bodyStall?: Duration.Input | undefined
  /** How long a connection without a request is kept; default 75 seconds. */
  readonly idleTime?: Duration.Input | undefined
}

const bytes = (given: ByteSize.Input | undefined, byDefault: ByteSize.ByteSize): ByteSize.ByteSize =>
  given === undefined ? byDefault : ByteSize.fromInputUnsafe(given)

const millis = (time: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(time))

/** The limits of sockets, and of holds. */
export const toLimits = (
  options: LimitOptions = {}
): Limits & { readonly held: number; readonly heldPerCaller: number; readonly shares: Shares } => ({
  connections: options.connections ?? 20_000,
  held: options.held ?? 15_000,
  heldPerCaller: options.heldPerCaller ?? 10_000,
  shares: { devboxes: options.devboxesPerCaller ?? 1000, executions: options.executionsPerCaller ?? 5000 },
  streams: options.streams ?? 20_000,
  headerBytes: Number(bytes(options.headerSize, ByteSize.kibibytes(16))),
  headerTime: millis(options.headerTime ?? "15 seconds"),
  bodyStall: millis(options.bodyStall ?? "30 seconds"),
  idle: millis(options.idleTime ?? "75 seconds")
})

/** Requests whose body passes through without being held. */
const streamed = /\/upload_file$|^\/v1\/objects\/[^/]+\/content$/

/** Keeps the limits of bodies, which differ by what the body is. */
export const limitBodies = (options: LimitOptions = {}) => {
  const plain = bytes(options.bodySize, ByteSize.mebibytes(16))
  const text = bytes(options.textFileSize, ByteSize.mebibytes(128))
  const upload = options.uploadSize === undefined ? undefined : ByteSize.fromInputUnsafe(options.uploadSize)
  return <A, E, R>(handler: Effect.Effect<A, E, R>) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ url }) => {
      const [path = ""] = url.split("?")
      const limit = streamed.test(path) ? upload : path.endsWith("/write_file_contents") ? text : plain
      return Effect.provideService(handler, HttpIncomingMessage.MaxBodySize, limit)
    })
}

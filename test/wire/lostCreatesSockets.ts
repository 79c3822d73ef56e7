/** The lost creates of `lostCreates.ts` over real sockets: the handlers do what was asked, and the socket is reset in place of the answer. */
import { DevboxService } from "@effect-devbox/core/DevboxService"
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import * as RunloopNode from "@effect-devbox/node/RunloopNode"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { type Fate, layerLagging, lostCreates, makeFates, type Report } from "./lostCreates.ts"
import { apiKey, routes } from "./support.ts"

const cutInsteadOfAnswering = (response: ServerResponse): void => {
  response.writeHead = () => response
  response.write = () => true
  response.end = () => {
    response.socket?.resetAndDestroy()
    return response
  }
}

/** A server on which creates fare as the fates say. */
const createLossyServer = (fates: ReturnType<typeof makeFates>) => (): Server => {
  const server = createServer()
  const emit = server.emit.bind(server)
  server.emit = (event: string, ...args: ReadonlyArray<unknown>): boolean => {
    if (event !== "request") return emit(event, ...args)
    const [request, response] = args as [IncomingMessage, ServerResponse]
    const fate = request.method === "POST" && request.url === "/v1/devboxes" ? fates.next() : "answered"
    if (fate === "unreached") {
      request.socket.resetAndDestroy()
      return true
    }
    if (fate === "lost") cutInsteadOfAnswering(response)
    return emit(event, ...args)
  }
  return server
}

/** See above. */
export const lostCreatesOverSockets = (options: {
  readonly runs: number
  readonly concurrency: number
  readonly seed: number
  readonly lagMs: number
}): Effect.Effect<{ readonly report: Report; readonly fates: Readonly<Record<Fate, number>> }> =>
  Effect.suspend(() => {
    const fates = makeFates(options.seed)
    const server = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provideMerge(NodeHttpServer.layer(createLossyServer(fates), { port: 0 })),
      Layer.orDie
    )
    const client = Layer.unwrap(
      Effect.map(HttpServer.HttpServer, ({ address }) => {
        const baseUrl = `http://127.0.0.1:${"port" in address ? address.port : 0}`
        return RunloopBackend.layer({ apiKey, baseUrl }).pipe(Layer.provide(RunloopNode.layerClient(baseUrl)))
      })
    )
    return lostCreates({ ...options, patienceMs: options.lagMs }).pipe(
      Effect.provide(
        DevboxService.layer.pipe(
          Layer.provide(client),
          Layer.provide(server),
          Layer.provideMerge(layerLagging(options.seed, options.lagMs))
        )
      ),
      Effect.map((report) => ({ report, fates: fates.counts }))
    )
  })

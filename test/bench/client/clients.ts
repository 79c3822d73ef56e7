/** The two clients that are compared, each doing the same few things as its users would. Imported when asked for, so that it can be timed. */
import { createReadStream } from "node:fs"

/** See above. */
export interface Client {
  readonly look: () => Promise<unknown>
  readonly awaitRunning: (id: string) => Promise<unknown>
  readonly upload: (file: string, size: number) => Promise<unknown>
  /** Gives the number of bytes. */
  readonly download: (size: number) => Promise<number>
  /** Reads the output of a command that sent so many events; gives its length. */
  readonly output: (events: number) => Promise<number>
  readonly close: () => Promise<void>
}

const key = "a-key-of-the-bench"

const official = async (baseURL: string): Promise<Client> => {
  const { RunloopSDK } = await import("@runloop/api-client")
  const { api } = new RunloopSDK({ bearerToken: key, baseURL })
  return {
    look: () => api.devboxes.retrieve("dbx_1"),
    awaitRunning: (id) => api.devboxes.awaitRunning(id),
    upload: (file) =>
      api.devboxes.uploadFile("dbx_1", { path: "/x", file: createReadStream(file) }, { timeout: 600_000 }),
    download: async (size) => {
      const response = await api.devboxes.downloadFile("dbx_1", { path: `/${size}` }, { timeout: 600_000 })
      // Typed as the platform's response, whose body can be read piece by piece on Node.
      const body = response.body as unknown as AsyncIterable<Uint8Array>
      let bytes = 0
      for await (const piece of body) bytes += piece.length
      return bytes
    },
    output: async (events) => {
      const stream = await api.devboxes.executions.streamStdoutUpdates("dbx_1", `exec_${events}`)
      let length = 0
      for await (const { output } of stream) length += output.length
      return length
    },
    close: async () => {}
  }
}

const ours =
  (http2: boolean | "priorKnowledge") =>
  async (baseUrl: string): Promise<Client> => {
    // Modules, as the library itself imports them: the barrel would bring all of Effect.
    const [{ DevboxService }, { ExecutionId }, RunloopNode, Layer, ManagedRuntime, Redacted, Stream] =
      await Promise.all([
        import("@effect-devbox/core/DevboxService"),
        import("@effect-devbox/core/Execution"),
        import("@effect-devbox/node/RunloopNode"),
        import("effect/Layer"),
        import("effect/ManagedRuntime"),
        import("effect/Redacted"),
        import("effect/Stream")
      ])
    const layer = RunloopNode.layerNode({ apiKey: Redacted.make(key), baseUrl, http2 })
    const runtime = ManagedRuntime.make(DevboxService.layer.pipe(Layer.provide(layer)))
    const service = await runtime.runPromise(DevboxService)
    const devbox = service.attach("dbx_1")
    return {
      look: () => runtime.runPromise(devbox.getInfo),
      awaitRunning: (id) => runtime.runPromise(service.attach(id).awaitRunning()),
      upload: (file, size) =>
        runtime.runPromise(
          devbox.file.upload(
            "/x",
            Stream.fromAsyncIterable<Uint8Array, unknown>(createReadStream(file), (error) => error),
            { size }
          )
        ),
      download: (size) =>
        runtime.runPromise(
          Stream.runFold(
            devbox.file.downloadStream(`/${size}`),
            () => 0,
            (sum, piece: Uint8Array) => sum + piece.length
          )
        ),
      output: (events) =>
        runtime.runPromise(
          Stream.runFold(
            service.attachExecution(devbox.id, ExecutionId.make(`exec_${events}`)).stdout,
            () => 0,
            (sum, text: string) => sum + text.length
          )
        ),
      close: () => runtime.dispose()
    }
  }

/** By the name that the table has for each. */
export const clients: Readonly<Record<string, (baseUrl: string) => Promise<Client>>> = {
  "official 1.32.0": official,
  "ours, HTTP/1.1": ours(false),
  "ours, HTTP/2": ours("priorKnowledge")
}

/** Handles: the service with an id filled in. No logic of its own beyond the shapes of streams. */
import * as Effect from "effect/Effect"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as SecureRandom from "effect/crypto/SecureRandom"
import type { Shape } from "../DevboxBackend.ts"
import type { Cmd, Devbox, Execution, Shell, Snapshot } from "../DevboxHandle.ts"
import type { DevboxId, SnapshotId } from "../DevboxModel.ts"
import type { Interface } from "../DevboxService.ts"
import type { Channel, ExecutionId } from "../Execution.ts"
import { decodeText, makeDecoder } from "./decode.ts"
import { encode } from "./encode.ts"
import { once } from "./retry.ts"
import * as Executions from "./service/executions.ts"
import { tail } from "./tail.ts"

/** The handle of a devbox. */
export const bindDevbox = (service: Interface, backend: Shape, id: DevboxId): Devbox => {
  const cmd = (shell?: string): Cmd => {
    const within = <O extends { readonly shell?: string | undefined }>(options: O | undefined) =>
      shell === undefined ? options : ({ ...options, shell } as O)
    return {
      exec: (command, options) => service.exec(id, command, within(options)),
      execOrFail: (command, options) => service.execOrFail(id, command, within(options)),
      execAsync: (command, options) => service.execAsync(id, command, within(options)),
      execDetached: (command, options) => service.execDetached(id, command, within(options))
    }
  }
  const shell = (name: string = SecureRandom.uuidV7Unsafe()): Shell => ({ name, ...cmd(name) })
  return {
    id,
    getInfo: service.getInfo(id),
    awaitRunning: (options) => service.awaitRunning(id, options),
    awaitSuspended: (options) => service.awaitSuspended(id, options),
    suspend: service.suspend(id),
    resume: service.resume(id),
    keepAlive: service.keepAlive(id),
    keepAliveWhile: (effect, options) => service.keepAliveWhile(id, effect, options),
    notices: Stream.filter(service.notices, (notice) => notice.devboxId === id),
    update: (change) => service.update(id, change),
    usage: service.usage(id),
    logs: (filter) => service.logs(id, filter),
    snapshotDisk: (options) => service.snapshotDisk(id, options),
    snapshotDiskAsync: (options) => service.snapshotDiskAsync(id, options),
    fork: (count, options) => service.fork(id, count, options),
    shutdown: (options) => service.shutdown(id, options),
    close: Effect.asVoid(service.shutdown(id)),
    cmd: { ...cmd(), shell, pty: (options) => service.pty(id, options) },
    file: {
      read: (path) => service.readFile(id, path),
      write: (path, contents) => service.writeFile(id, path, contents),
      upload: (path, contents, options) => service.upload(id, path, contents, options),
      download: (path) => service.download(id, path),
      downloadStream: (path) => service.downloadStream(id, path)
    },
    net: {
      createSshKey: service.createSshKey(id),
      sshConfig: (options) => service.sshConfig(id, options),
      enableTunnel: (options) => service.enableTunnel(id, options),
      getTunnel: service.getTunnel(id),
      createTunnel: (port) => service.createTunnel(id, port),
      removeTunnel: (port) => service.removeTunnel(id, port),
      dial: (port) => service.dial(id, port),
      awaitPort: (port, options) => service.awaitPort(id, port, options),
      fetch: (port, request) => service.fetch(id, port, request)
    }
  }
}

/** The handle of a command. */
export const bindExecution = (service: Interface, backend: Shape, devboxId: DevboxId, id: ExecutionId): Execution => {
  const bytes = (channel: Channel) => Stream.map(tail(backend, devboxId, id, channel), (chunk) => chunk.bytes)
  // Sent once: a second copy of input after a lost answer would be a different input.
  const send = (input: string | Uint8Array) => once(backend.sendStdin(devboxId, id, { bytes: encode(input) }))
  const signal = (word: "EOF" | "INTERRUPT") => once(backend.sendStdin(devboxId, id, { signal: word }))
  return {
    id,
    devboxId,
    getState: service.getExecution(devboxId, id),
    result: Executions.result(backend, devboxId, id),
    stdout: decodeText(bytes("stdout")),
    stderr: decodeText(bytes("stderr")),
    stdoutLines: Stream.splitLines(decodeText(bytes("stdout"))),
    stderrLines: Stream.splitLines(decodeText(bytes("stderr"))),
    stdoutBytes: bytes("stdout"),
    stderrBytes: bytes("stderr"),
    output: Stream.suspend(() => {
      const decoders = { stdout: makeDecoder(), stderr: makeDecoder() }
      return tail(backend, devboxId, id, "both").pipe(
        Stream.map(({ channel, bytes }) => ({ channel, text: decoders[channel].decode(bytes, { stream: true }) })),
        Stream.concat(
          Stream.suspend(() =>
            Stream.make(
              { channel: "stdout" as const, text: decoders.stdout.decode() },
              { channel: "stderr" as const, text: decoders.stderr.decode() }
            )
          )
        ),
        Stream.filter(({ text }) => text !== "")
      )
    }),
    // Only input that is complete is ended: after a failure the command would take what it has for all there is.
    stdin: Sink.forEach((input: string | Uint8Array) => send(input)).pipe(
      Sink.mapEffect(() =>
        Effect.catch(signal("EOF"), (error) =>
          // A command that is over misses no end.
          Effect.flatMap(Executions.isOver(backend, devboxId, id), (over) => (over ? Effect.void : Effect.fail(error)))
        )
      )
    ),
    send,
    signal,
    kill: (options) => service.kill(devboxId, id, options)
  }
}

/** The handle of a snapshot. */
export const bindSnapshot = (service: Interface, id: SnapshotId): Snapshot => ({
  id,
  getInfo: service.getSnapshot(id),
  awaitCompleted: (options) => service.awaitSnapshot(id, options),
  update: (options) => service.updateSnapshot(id, options),
  delete: service.deleteSnapshot(id),
  createDevbox: (options) => service.create({ ...options, from: { snapshot: id } })
})

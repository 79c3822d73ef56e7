/** Files as the contract has them: whole bytes in, whole bytes out, paths from the home folder on. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { FileAccessError } from "../../DevboxError.ts"
import type { DevboxId } from "../../DevboxModel.ts"
import { ExecutionDetail } from "../../Execution.ts"
import { concat } from "./bytes.ts"
import { log, touch } from "./devbox.ts"
import { boxThatIs, orFileError } from "./errors.ts"
import * as Files from "./files.ts"
import type { World } from "./state.ts"

/** See `DevboxBackend`. */
export const download = (world: World, id: DevboxId, path: string): Stream.Stream<Uint8Array, FileAccessError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const box = yield* boxThatIs(world, id, "running")
      touch(world, box)
      const file = yield* orFileError(
        id,
        path,
        Result.flatMap(Files.resolve(path), (full) => Files.read(box.files, full))
      )
      return file.bytes.length === 0 ? Stream.empty : Stream.make(file.bytes.slice())
    })
  )

/** See `DevboxBackend`. Nothing is written until all bytes are there. */
export const upload = <E>(
  world: World,
  id: DevboxId,
  path: string,
  contents: Stream.Stream<Uint8Array, E>
): Effect.Effect<ExecutionDetail, FileAccessError | E> =>
  Effect.gen(function* () {
    yield* boxThatIs(world, id, "running")
    const full = yield* orFileError(id, path, Files.resolve(path))
    const chunks = yield* Stream.runCollect(Stream.map(contents, (chunk) => chunk.slice()))
    const bytes = concat(chunks)
    // The devbox may have ended while the bytes came in.
    const box = yield* boxThatIs(world, id, "running")
    touch(world, box)
    const before = Result.match(Files.read(box.files, full), {
      onFailure: () => 0,
      onSuccess: (file) => file.bytes.length
    })
    const fits = Files.size(box.files) - before + bytes.length <= world.settings.diskBytes
    const written = path.endsWith("/")
      ? Result.fail<Files.Problem>({ kind: "IsDirectory" })
      : fits
        ? Files.write(box.files, full, bytes)
        : Result.fail<Files.Problem>({ kind: "NoSpace" })
    yield* orFileError(id, path, written)
    log(world, box, { source: "files", message: `wrote ${bytes.length} bytes to ${full}` })
    return new ExecutionDetail({ devboxId: id, exitStatus: 0, stdout: "", stderr: "" })
  })

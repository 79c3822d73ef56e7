/**
 * A backend whose suspended devboxes are resumed by whoever needs them: a command, a file, the network. Being not ready means
 * that nothing was done, so the same call is made again; it is made again once.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Shape } from "../DevboxBackend.ts"
import type { DevboxNotReady, ReadyError } from "../DevboxError.ts"
import type { DevboxId } from "../DevboxModel.ts"
import { idempotent, keyed } from "./retry.ts"
import { awaitStatus, notReady } from "./service/waits.ts"

const asleep: ReadonlySet<string> = new Set(["suspending", "suspended", "resuming"])

/** Resumes a devbox and waits until it runs. One that is being suspended can be resumed when it is. */
const wake = (backend: Shape, id: DevboxId): Effect.Effect<void, ReadyError> =>
  Effect.gen(function* () {
    const { status } = yield* idempotent(backend.get(id))
    if (status === "suspending") yield* awaitStatus(backend, id, "suspended")
    if (status === "suspending" || status === "suspended") yield* keyed(backend.resume(id))
    yield* awaitStatus(backend, id, "running")
  }).pipe(
    Effect.catchTag("WaitTimeout", () =>
      Effect.flatMap(backend.get(id), (info) =>
        Effect.fail(notReady(info, "running", "It was resumed and does not run yet; wait with awaitRunning."))
      )
    )
  )

const isAsleep = (error: { readonly _tag: string }): boolean =>
  error._tag === "DevboxNotReady" && asleep.has((error as DevboxNotReady).status)

/** See above. What only looks, and what ends something, wakes nobody. */
export const waking = (backend: Shape): Shape => {
  const awake = <A, E extends { readonly _tag: string }, R>(id: DevboxId, call: Effect.Effect<A, E, R>) =>
    Effect.catch(call, (error): Effect.Effect<A, E | ReadyError, R> =>
      isAsleep(error) ? Effect.andThen(wake(backend, id), call) : Effect.fail(error)
    )
  const wakeFirst = (id: DevboxId) =>
    Effect.flatMap(idempotent(backend.get(id)), ({ status }) => (asleep.has(status) ? wake(backend, id) : Effect.void))
  return {
    ...backend,
    startExecution: (id, params) => awake(id, backend.startExecution(id, params)),
    openTerminal: (id, options) => awake(id, backend.openTerminal(id, options)),
    download: (id, path, options) =>
      Stream.catch(backend.download(id, path, options), (error) =>
        isAsleep(error)
          ? Stream.unwrap(Effect.as(wake(backend, id), backend.download(id, path, options)))
          : Stream.fail(error)
      ),
    // Contents and bodies may be read only once, so here it is seen to before they are.
    upload: (id, path, contents, options) => Effect.andThen(wakeFirst(id), backend.upload(id, path, contents, options)),
    createSshKey: (id) => awake(id, backend.createSshKey(id)),
    enableTunnel: (id, options) => awake(id, backend.enableTunnel(id, options)),
    removeTunnel: (id, options) => awake(id, backend.removeTunnel(id, options)),
    dial: (id, port) => awake(id, backend.dial(id, port)),
    fetch: (id, port, request) => Effect.andThen(wakeFirst(id), backend.fetch(id, port, request))
  }
}

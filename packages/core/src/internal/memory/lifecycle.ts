/** The life of a devbox: created, suspended, resumed, shut down, and freed. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Conflict } from "../../DevboxError.ts"
import type { DevboxId } from "../../DevboxModel.ts"
import { ExecutionId } from "../../Execution.ts"
import { become, infoNow, isOver, log, remember, touch } from "./devbox.ts"
import { boxThatIs, findBox } from "./errors.ts"
import { endAll, start } from "./run.ts"
import { type Reason, watch } from "./timeLimits.ts"
import type { Box, World } from "./state.ts"
import { pass } from "./world.ts"

/** Runs commands one after another, up to the first that fails or in spite of it; says whether all that ran succeeded. */
const runAll = (
  world: World,
  box: Box,
  commands: ReadonlyArray<string>,
  after: "stop" | "goOn" = "stop"
): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    let succeeded = true
    for (const command of commands) {
      const commandId = ExecutionId.make(`launch-${world.next()}`)
      const execution = start(world, box, { commandId, command }, "setup_commands")
      const { exit } = yield* execution.changed.until(() => execution.ended)
      succeeded &&= exit === 0
      if (!succeeded && after === "stop") break
    }
    return succeeded
  })

/** Launch commands, then running, then the entrypoint: at the first start and after every resume. */
export const launch = (world: World, box: Box): void => {
  const commands = box.params.launchParameters?.launchCommands ?? []
  const run = () => {
    if (isOver(box)) return
    box.aliveFromMs = world.now()
    touch(world, box)
    const stretch = box.transitions.length + 1
    const stillRuns = () => box.transitions.length === stretch
    become(world, box, "running")
    // Whoever waited for that may have moved it on by now, and so may an entrypoint that ends at once.
    if (stillRuns()) runEntrypoint(world, box)
    const acts = { suspend: () => startSuspend(world, box), shutdown: (reason: Reason) => shutDown(world, box, reason) }
    if (stillRuns()) world.fork(watch(world, box, acts))
  }
  if (commands.length === 0) return run()
  world.fork(
    Effect.map(runAll(world, box, commands), (succeeded) => {
      if (succeeded) return run()
      if (isOver(box)) return
      become(world, box, "failure", { failureReason: "execution_failed" })
      end(world, box)
    })
  )
}

const runEntrypoint = (world: World, box: Box): void => {
  const command = box.params.entrypoint
  if (command === undefined) return
  const execution = start(
    world,
    box,
    { commandId: ExecutionId.make(`entrypoint-${world.next()}`), command },
    "entrypoint"
  )
  box.executions.set(execution.params.commandId, execution)
  const ended = () => {
    if (execution.ended?.failureReason !== "devbox_ended") shutDown(world, box, "entrypoint_exit")
  }
  if (execution.ended === undefined) execution.atEnd.push(ended)
  else ended()
}

/** Begins a suspend: hooks, then the end of every process, then the disk is kept. */
export const startSuspend = (world: World, box: Box): void => {
  const hooks = box.params.launchParameters?.lifecycle?.lifecycleHooks
  const commands = hooks?.suspendCommands ?? []
  remember(world, box)
  become(world, box, "suspending")
  const save = () => {
    if (box.status !== "suspending") return
    endAll(world, box)
    pass(world, "suspending", () => {
      if (box.status === "suspending") become(world, box, "suspended")
    })
  }
  if (commands.length === 0) return save()
  const limit = Duration.millis(hooks?.suspendDeadlineMs ?? 30_000)
  world.fork(
    Effect.map(Effect.timeoutOption(runAll(world, box, commands, "goOn"), limit), (done) => {
      if (done._tag === "None") {
        log(world, box, {
          source: "setup_commands",
          level: "warn",
          message: "the suspend commands did not end in time"
        })
      }
      save()
    })
  )
}

/** See `DevboxBackend`. */
export const suspend = (world: World, id: DevboxId) =>
  Effect.map(boxThatIs(world, id, "running", "suspending", "suspended"), (box) => {
    if (box.status === "running") startSuspend(world, box)
    return infoNow(box)
  })

/** See `DevboxBackend`. */
export const resume = (world: World, id: DevboxId) =>
  Effect.map(boxThatIs(world, id, "suspended", "resuming", "running"), (box) => {
    if (box.status === "suspended") {
      remember(world, box)
      become(world, box, "resuming")
      pass(world, "resuming", () => {
        if (box.status === "resuming") launch(world, box)
      })
    }
    return infoNow(box)
  })

/** Ends a devbox for good and frees what it held. */
export const shutDown = (world: World, box: Box, reason: Reason): void => {
  // First the state, then the rest: whoever is woken by the end of a command looks at a devbox that is over.
  become(world, box, "shutdown", { shutdownReason: reason })
  end(world, box)
}

/** Frees everything that a devbox held which is over. It is remembered, until more are over than are remembered. */
export const end = (world: World, box: Box): void => {
  world.over.push(box.id)
  if (world.over.length > world.settings.remembered) world.boxes.delete(world.over.shift()!)
  for (const id of box.saving) {
    const held = world.snapshots.get(id)
    if (held !== undefined) held.fail("the devbox was shut down before the snapshot was complete")
  }
  box.saving.clear()
  endAll(world, box)
  box.files.clear()
  box.tunnel = undefined
  box.tunnelPorts = undefined
  for (const [key, notice] of Array.from(world.notices)) if (notice.devboxId === box.id) world.notices.delete(key)
}

/** See `DevboxBackend`. */
export const shutdown = (world: World, id: DevboxId, options: { readonly force?: boolean | undefined } = {}) =>
  Effect.flatMap(findBox(world, id), (box) => {
    if (isOver(box)) return Effect.succeed(infoNow(box))
    if (box.saving.size > 0 && options.force !== true) {
      const detail = `snapshot ${Array.from(box.saving).join(", ")} is in progress; wait for it, or shut down with force`
      return Effect.fail(new Conflict({ devboxId: id, detail }))
    }
    shutDown(world, box, "api_shutdown")
    return Effect.succeed(infoNow(box))
  })

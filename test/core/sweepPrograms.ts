/** The programs that are swept: what users do with devboxes, each cleaning up after itself. */
import { type Devbox, DevboxService, type Snapshot } from "@effect-devbox/core"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import * as DevboxFleet from "@effect-devbox/core/DevboxFleet"
import { DevboxPool, make as makePool } from "@effect-devbox/core/DevboxPool"
import { RateLimitError } from "@effect-devbox/core/DevboxError"
import { CreateParams, type DevboxId } from "@effect-devbox/core/DevboxModel"
import * as MemoryBackend from "@effect-devbox/core/MemoryBackend"
import { Context, Effect, Layer, type Scope, Stream } from "effect"

/** A devbox that was there before the program and stays. */
export class Box extends Context.Service<Box, { readonly id: DevboxId }>()("test/Box") {}

/** A memory backend of which the next call of an operation is carried out without an answer. */
const losing = (operation: MemoryBackend.Operation, options: MemoryBackend.Options = {}) =>
  Layer.tap(MemoryBackend.layerControl(options), (context) =>
    Context.get(context, MemoryBackend.Control).loseReply(operation)
  )

/** A backend with one devbox in it. */
export const withBox = <A>(backend: Layer.Layer<A | DevboxBackend>) =>
  Layer.provideMerge(
    Layer.effect(
      Box,
      DevboxBackend.use((memory) => memory.create(new CreateParams({}))).pipe(
        Effect.map(({ id }) => ({ id })),
        Effect.orDie
      )
    ),
    backend
  )

const slowly = {
  provisioningDelay: "3 seconds",
  suspendDelay: "2 seconds",
  resumeDelay: "2 seconds",
  snapshotDelay: "5 seconds"
} as const
const fast = MemoryBackend.layer()
const slow = MemoryBackend.layer(slowly)
const polled = MemoryBackend.layer({ provisioningDelay: "3 seconds", holds: false })
/** What is in here outlives the program, so that nothing but the program itself can end it. */
const inhabited = withBox(fast)

const create = DevboxService.use((devboxes) => devboxes.create())
const attached = Effect.gen(function* () {
  const { id } = yield* Box
  return (yield* DevboxService).attach(id)
})
const take = <A, E, R>(
  taken: Effect.Effect<A, E, R>,
  end: (value: A) => Effect.Effect<unknown, unknown>
): Effect.Effect<A, E, R | Scope.Scope> =>
  Effect.acquireRelease(taken, (value) => Effect.orDie(Effect.retry(end(value), { times: 5 })), { interruptible: true })
const ended = (snapshot: Snapshot) => snapshot.delete
const closed = (devbox: Devbox.Devbox) => devbox.close

/** Every program with the backend it runs on. */
export const programs = {
  create: { layer: fast, program: create },
  "create that takes time": { layer: slow, program: create },
  "create without holds": { layer: polled, program: create },
  "create whose answer is lost": { layer: losing("create", slowly), program: create },
  "create whose answer is lost, with lists that lag": {
    layer: losing("create", { ...slowly, without: ["consistentList"] }),
    program: create
  },
  "create that times out": {
    layer: slow,
    program: Effect.flip(Effect.scoped(DevboxService.use((devboxes) => devboxes.create({ timeout: "1 second" }))))
  },
  createDetached: {
    layer: slow,
    program: take(
      DevboxService.use((devboxes) => devboxes.createDetached()),
      closed
    )
  },
  exec: { layer: inhabited, program: Effect.flatMap(attached, (devbox) => devbox.cmd.exec("echo hello")) },
  "exec with listeners": {
    layer: inhabited,
    program: Effect.flatMap(attached, (devbox) =>
      devbox.cmd.execOrFail("echo one; sleep 2; echo two 2>&1", {
        onStdout: () => Effect.void,
        onStderr: () => Effect.void
      })
    )
  },
  "exec that times out": {
    layer: inhabited,
    program: Effect.flatMap(attached, (devbox) => Effect.flip(devbox.cmd.exec("sleep 30", { timeout: "1 second" })))
  },
  "exec that loses a race": {
    layer: inhabited,
    program: Effect.flatMap(attached, (devbox) => Effect.raceFirst(devbox.cmd.exec("sleep 30"), Effect.yieldNow))
  },
  "exec whose answer is lost": {
    layer: withBox(losing("startExecution")),
    program: Effect.flatMap(attached, (devbox) => devbox.cmd.exec("sleep 2"))
  },
  "exec that ignores the first signal": {
    layer: inhabited,
    program: Effect.flatMap(attached, (devbox) =>
      Effect.flip(devbox.cmd.exec("trap '' TERM; sleep 60", { timeout: "1 second" }))
    )
  },
  execAsync: {
    layer: inhabited,
    program: Effect.gen(function* () {
      const devbox = yield* attached
      const execution = yield* devbox.cmd.execAsync("cat", { attachStdin: true })
      yield* execution.send("one\n")
      yield* execution.signal("EOF")
      yield* Stream.runDrain(execution.output)
      yield* devbox.cmd.execAsync("sleep 100")
    })
  },
  execDetached: {
    layer: inhabited,
    program: Effect.flatMap(attached, (devbox) =>
      take(devbox.cmd.execDetached("sleep 100"), (execution) => execution.kill())
    )
  },
  shells: {
    layer: inhabited,
    program: Effect.gen(function* () {
      const shell = (yield* attached).cmd.shell("work")
      yield* shell.exec("cd /tmp")
      yield* shell.execAsync("sleep 50")
      yield* Effect.flip(shell.exec("pwd", { timeout: "1 second" }))
    })
  },
  files: {
    layer: fast,
    program: Effect.gen(function* () {
      const devbox = yield* create
      yield* devbox.file.write("a.txt", "hello")
      yield* devbox.file.upload("b.bin", Stream.make(new Uint8Array(10), new Uint8Array(20)))
      yield* devbox.file.read("a.txt")
      yield* Stream.runDrain(devbox.file.downloadStream("b.bin"))
      return yield* Effect.flip(devbox.file.download("c.txt"))
    })
  },
  tunnels: {
    layer: fast,
    program: Effect.gen(function* () {
      const devbox = yield* create
      yield* devbox.net.createTunnel(8080)
      yield* devbox.net.removeTunnel()
      yield* devbox.net.createTunnel(8081)
    })
  },
  "suspend and resume": {
    layer: slow,
    program: Effect.gen(function* () {
      const devbox = yield* create
      yield* devbox.suspend
      yield* devbox.awaitSuspended()
      yield* devbox.resume
      yield* devbox.awaitRunning()
    })
  },
  snapshot: {
    layer: slow,
    program: Effect.flatMap(create, (devbox) => Effect.scoped(take(devbox.snapshotDisk({ name: "s" }), ended)))
  },
  "snapshot whose answer is lost": {
    layer: losing("startSnapshot", slowly),
    program: Effect.flatMap(create, (devbox) => Effect.scoped(take(devbox.snapshotDisk(), ended)))
  },
  "snapshot that is not waited for": {
    layer: slow,
    program: Effect.flatMap(create, (devbox) => Effect.scoped(take(devbox.snapshotDiskAsync(), ended)))
  },
  fork: { layer: slow, program: Effect.flatMap(create, (devbox) => devbox.fork(2)) },
  "fork in which one fails": {
    layer: Layer.tap(MemoryBackend.layerControl(slowly), (context) =>
      Context.get(context, MemoryBackend.Control).loseReply("deleteSnapshot")
    ),
    program: Effect.flatMap(create, (devbox) => Effect.flip(devbox.fork(2, { launchCommands: ["sleep 2; exit 1"] })))
  },
  "fork whose answers are lost": {
    layer: Layer.tap(MemoryBackend.layerControl(slowly), (context) => {
      const { loseReply } = Context.get(context, MemoryBackend.Control)
      return Effect.all([loseReply("startSnapshot"), loseReply("create", { times: 2 })])
    }),
    program: Effect.flatMap(create, (devbox) => devbox.fork(2))
  },
  "resume by oneself": {
    layer: slow,
    program: Effect.gen(function* () {
      const devbox = yield* DevboxService.use((devboxes) => devboxes.create({ autoResume: true }))
      yield* devbox.suspend
      yield* devbox.cmd.exec("sleep 2")
      yield* devbox.suspend
      yield* devbox.file.write("a.txt", "hello")
    })
  },
  "keep alive while": {
    layer: slow,
    program: Effect.gen(function* () {
      const devbox = yield* DevboxService.use((devboxes) => devboxes.create({ keepAliveTime: "9 seconds" }))
      yield* devbox.keepAliveWhile(devbox.cmd.exec("sleep 20"))
    })
  },
  "create on a backend that does not end it with its owner": {
    layer: MemoryBackend.layer({ ...slowly, without: ["ownerBound"] }),
    program: Effect.flatMap(
      DevboxService.use((devboxes) => devboxes.create({ ownerTimeout: "9 seconds" })),
      (devbox) => devbox.cmd.exec("sleep 10")
    )
  },
  pool: {
    layer: slow,
    program: Effect.gen(function* () {
      const pool = yield* makePool({ size: 2 })
      yield* Effect.scoped(Effect.flatMap(pool.get, (devbox) => devbox.cmd.exec("true")))
      yield* pool.get
    })
  },
  "pool that loses answers and finds one unfit": {
    layer: losing("create", slowly),
    program: Effect.gen(function* () {
      let unfit = true
      const check = () => Effect.suspend(() => (unfit ? Effect.fail((unfit = false)) : Effect.void))
      yield* Effect.provide(Effect.scoped(DevboxPool.get), DevboxPool.layer({ size: 1, check }))
    })
  },
  "two at once": {
    layer: slow,
    program: Effect.all([create, Effect.scoped(create)], { concurrency: 2 })
  },
  "fleet for each": {
    layer: slow,
    program: DevboxFleet.forEach([1, 2, 3], { concurrency: 2 }, (devbox, n) => devbox.cmd.exec(`echo ${n}`))
  },
  "fleet in which one fails": {
    layer: slow,
    program: Effect.flip(
      DevboxFleet.forEach([1, 2, 3], { concurrency: 3 }, (devbox, n) =>
        Effect.andThen(n === 2 ? Effect.fail("no") : Effect.void, devbox.cmd.exec("sleep 20"))
      )
    )
  },
  "fleet that collects": {
    layer: slow,
    program: DevboxFleet.all([1, 2], {}, (devbox, n) =>
      Effect.andThen(n === 1 ? Effect.fail("no") : Effect.void, devbox.cmd.exec("true"))
    )
  },
  "fleet that lives": { layer: slow, program: DevboxFleet.make(3, { concurrency: 2 }) },
  "fleet that is slowed down": {
    layer: Layer.tap(MemoryBackend.layerControl(slowly), (context) =>
      Context.get(context, MemoryBackend.Control).failNext(
        "create",
        new RateLimitError({ detail: "slow", retryAfterMs: 700 }),
        {
          times: 2
        }
      )
    ),
    program: DevboxFleet.make(2)
  }
} as const

/** A program as the sweep takes it. */
export const subject = ({ layer, program }: (typeof programs)[keyof typeof programs]) => ({
  // Each program needs nothing but what its own layer has, which a union of them cannot say.
  program: program as Effect.Effect<unknown, unknown, DevboxService | Box | Scope.Scope>,
  layer: layer as Layer.Layer<DevboxBackend | Box>
})

/** The sweep over what users do, and services broken on purpose that it must find out. The long form is in the soak. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxService } from "@effect-devbox/core"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { CreateParams } from "@effect-devbox/core/DevboxModel"
import * as MemoryBackend from "@effect-devbox/core/MemoryBackend"
import { SnapshotParams } from "@effect-devbox/core/Snapshot"
import { Sweep } from "@effect-devbox/core/testing"
import { Effect, Layer } from "effect"
import { afterAll } from "vitest"
import { Box, programs, subject, withBox } from "./sweepPrograms.ts"

/** Swept at every point; of the others it is one in ten here, and all of them in the soak. */
const thorough: ReadonlySet<string> = new Set(["create", "createDetached"])

describe("nothing is left wherever a program is interrupted or its backend fails", () => {
  const reports: Array<Sweep.Report> = []
  afterAll(() => {
    const points = reports.reduce((sum, report) => sum + report.points, 0)
    const lines = reports.map(({ name, points }) => `${name} ${points}`).join(", ")
    console.log(`sweep: ${points} distinct (operation, point) pairs in ${reports.length} programs: ${lines}`)
    assert.isAbove(points, 2000)
  })

  for (const [name, each] of Object.entries(programs)) {
    it.live(name, () =>
      Effect.map(
        Sweep.sweep({
          name,
          ...subject(each),
          at: "everyPoint",
          stride: thorough.has(name) ? 1 : 10
        }),
        (report) => reports.push(report)
      )
    )
  }
})

describe("the sweep finds out", () => {
  type Shape = DevboxService["Service"]
  /** The service with something broken in it. */
  const broken = (mutate: (service: Shape, backend: DevboxBackend["Service"]) => Partial<Shape>) =>
    Layer.effect(
      DevboxService,
      Effect.gen(function* () {
        const service = yield* DevboxService
        return { ...service, ...mutate(service, yield* DevboxBackend) }
      })
    ).pipe(Layer.provide(DevboxService.layer))

  const slow = MemoryBackend.layer({ provisioningDelay: "3 seconds", snapshotDelay: "3 seconds" })
  const create = DevboxService.use((devboxes) => devboxes.create())
  const attached = withBox(MemoryBackend.layer({ snapshotDelay: "3 seconds" }))

  const problems = <A, E, R>(
    options: Omit<Sweep.Options<A, E, R, never>, "name">
  ): Effect.Effect<ReadonlyArray<Sweep.Problem>, Sweep.SweepFailed> =>
    Effect.map(
      Sweep.measure({ at: "everyPoint", stride: 2, ...options, name: "mutant", passes: ["interrupt"] }),
      (report) => report.problems
    )

  it.live("a finalizer that is registered after the wait", () =>
    Effect.gen(function* () {
      const service = broken((service, backend) => ({
        create: () =>
          Effect.gen(function* () {
            const { id } = yield* backend.create(new CreateParams({}))
            yield* service.awaitRunning(id)
            yield* Effect.addFinalizer(() => Effect.ignore(service.shutdown(id)))
            return service.attach(id)
          })
      }))
      const found = yield* problems({ program: create, layer: slow, service })
      assert.isAbove(found.length, 20)
      assert.isTrue(found.every(({ leftovers }) => leftovers[0]?.resource === "devbox"))
      const failure = yield* Effect.flip(
        Sweep.sweep({ name: "late", program: create, layer: slow, service, stride: 7 })
      )
      assert.include(failure.message, "left devbox dbx_000001 (provisioning)")
    })
  )

  it.live("an uninterruptible region that ends before the next begins", () =>
    Effect.gen(function* () {
      const service = broken((service, backend) => ({
        create: () =>
          Effect.uninterruptibleMask((restore) =>
            Effect.acquireRelease(
              restore(Effect.uninterruptible(Effect.orDie(backend.create(new CreateParams({}))))),
              ({ id }) => Effect.ignore(service.shutdown(id))
            ).pipe(Effect.map(({ id }) => service.attach(id)))
          )
      }))
      const found = yield* problems({ program: create, layer: slow, service })
      assert.isAbove(found.length, 0)
    })
  )

  it.live("a value that can be lost on its way to the caller", () =>
    Effect.gen(function* () {
      const service = broken((service) => ({
        // One step between the service and its caller is one too many.
        createDetached: (options) => Effect.tap(service.createDetached(options), () => Effect.yieldNow)
      }))
      const program = Effect.acquireRelease(
        DevboxService.use((devboxes) => devboxes.createDetached()),
        (devbox) => Effect.orDie(devbox.close),
        { interruptible: true }
      )
      assert.isAbove((yield* problems({ program, layer: slow, service })).length, 0)
      assert.deepStrictEqual(yield* problems({ program, layer: slow }), [])
    })
  )

  it.live("a command that nobody kills", () =>
    Effect.gen(function* () {
      const service = broken((service) => ({
        exec: (id, command) => Effect.flatMap(service.execDetached(id, command), (execution) => execution.result)
      }))
      const program = Effect.gen(function* () {
        const { id } = yield* Box
        yield* DevboxService.use((devboxes) => devboxes.exec(id, "sleep 5"))
      })
      const found = yield* problems({ program, layer: attached, service })
      assert.isAbove(found.length, 0)
      assert.isTrue(found.every(({ leftovers }) => leftovers[0]?.resource === "execution"))
      assert.deepStrictEqual(yield* problems({ program, layer: attached }), [])
    })
  )

  it.live("a snapshot that nobody deletes", () =>
    Effect.gen(function* () {
      const service = broken((service) => ({
        snapshotDisk: (id, options) =>
          Effect.tap(service.snapshotDiskAsync(id, options), (snapshot) => snapshot.awaitCompleted())
      }))
      const program = Effect.gen(function* () {
        const { id } = yield* Box
        const take = DevboxService.use((devboxes) => devboxes.snapshotDisk(id))
        yield* Effect.acquireRelease(take, (snapshot) => Effect.orDie(snapshot.delete), { interruptible: true })
      })
      const found = yield* problems({ program, layer: attached, service })
      assert.isAbove(found.length, 0)
      assert.isTrue(found.every(({ leftovers }) => leftovers[0]?.resource === "snapshot"))
      assert.deepStrictEqual(yield* problems({ program, layer: attached }), [])
    })
  )

  it.live("a tunnel that stays open", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        const { id } = yield* Box
        const devboxes = yield* DevboxService
        yield* devboxes.createTunnel(id, 80)
        yield* Effect.ignore(devboxes.removeTunnel(id))
      })
      const found = yield* problems({ program, layer: attached })
      assert.isTrue(found.length > 0 && found.every(({ leftovers }) => leftovers[0]?.resource === "tunnel"))
    })
  )

  it.live("a program that does not end when it is interrupted", () =>
    Effect.gen(function* () {
      const program = Effect.onInterrupt(create, () => Effect.never)
      const found = yield* problems({ program, layer: slow, stride: 20 })
      assert.isTrue(found.length > 0 && found.every(({ outcome }) => outcome === "hung"))
    })
  )

  it.live("a lost answer that nobody looks after", () =>
    Effect.gen(function* () {
      const service = broken((service, backend) => ({
        snapshotDiskAsync: (id) =>
          Effect.map(backend.startSnapshot(id, new SnapshotParams({})), (info) => service.attachSnapshot(info.id))
      }))
      const program = Effect.gen(function* () {
        const { id } = yield* Box
        const snapshot = yield* DevboxService.use((devboxes) => devboxes.snapshotDiskAsync(id))
        yield* DevboxService.use((devboxes) => Effect.orDie(devboxes.deleteSnapshot(snapshot.id)))
      })
      const report = yield* Sweep.measure({ name: "lost", program, layer: attached, service, passes: ["fail"] })
      const deeds = report.problems.map(({ deed, point }) => `${deed}: ${point}`)
      assert.isTrue(deeds.some((deed) => deed.startsWith("failed by loseReply")))
    })
  )

  it.live("that a program fails, or leaves something, before anything was done to it", () =>
    Effect.gen(function* () {
      const failing = Sweep.measure({ name: "failing", program: Effect.fail("no"), layer: slow })
      assert.include((yield* Effect.flip(failing)).message, "undisturbed, it fails")
      const leaving = Sweep.measure({
        name: "leaving",
        program: DevboxService.use((devboxes) => devboxes.createDetached()),
        layer: slow
      })
      assert.include((yield* Effect.flip(leaving)).message, "undisturbed, it leaves devbox")
    })
  )

  it.live("that a program is not the same every time", () =>
    Effect.gen(function* () {
      let runs = 0
      const program = Effect.suspend(() => (runs++ % 2 === 0 ? Effect.andThen(create, create) : Effect.void))
      const failure = yield* Effect.flip(Sweep.measure({ name: "moody", program, layer: slow }))
      assert.include(failure.message, "not the same every time")
    })
  )

  it.live("nothing in a program that keeps what it says it keeps, until it has been given it", () =>
    Effect.gen(function* () {
      const program = DevboxService.use((devboxes) => devboxes.createDetached())
      const sweep = Sweep.sweep({
        name: "keeping",
        program,
        layer: slow,
        keeps: (devbox) => [devbox.id],
        at: "everyPoint"
      })
      // Interrupted at its very last step the program has been given the devbox and nobody else knows of it.
      const found = yield* Effect.match(sweep, { onSuccess: () => "", onFailure: (failed) => failed.message })
      const left = found.split("\n").filter((line) => line.includes(": left "))
      assert.deepStrictEqual(
        left.filter((line) => !line.includes("after DevboxService.createDetached")),
        []
      )
      assert.isAtMost(left.length, 2)
    })
  )
})

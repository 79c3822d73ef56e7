/** Does a random life to a real service, and compares each step with the model. Judges nothing itself: it says where they differ. */
import { DevboxService, type Snapshot } from "@effect-devbox/core"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import type { CreateOptions, Devbox } from "@effect-devbox/core/DevboxHandle"
import {
  AfterIdle,
  CreateParams,
  type DevboxId,
  LaunchParameters,
  type SnapshotId
} from "@effect-devbox/core/DevboxModel"
import { Cause, Effect, Exit, Scope } from "effect"
import { type Delays, Model, type Outcome } from "./model.ts"
import type { Limit, Operation } from "./operations.ts"

/** Where lives are led. */
export interface Setting {
  /** Operations that wait are waited for; otherwise they are only asked for. */
  readonly waits: boolean
  readonly delays: Delays
  /** What every devbox is created with. */
  readonly create: Pick<CreateOptions, "minimumIsolation" | "network">
  /** Lets time go by. */
  readonly pass: (millis: number) => Effect.Effect<void>
}

/** Where the model and the real thing part. */
export interface Divergence {
  /** The step, from 0. */
  readonly step: number
  readonly expected: string
  readonly actual: string
}

const launch = (limit: Limit): LaunchParameters => {
  if (limit === "default") return new LaunchParameters({})
  return "keepAliveSeconds" in limit
    ? new LaunchParameters({ keepAliveTimeSeconds: limit.keepAliveSeconds })
    : new LaunchParameters({ afterIdle: new AfterIdle({ idleTimeSeconds: limit.idleSeconds, onIdle: limit.onIdle }) })
}

interface Failed {
  readonly _tag: string
  readonly status?: string
  readonly kind?: string
}

/** States that last, as the model tells a story; what is between them is each backend's own. */
const lasting: ReadonlySet<string> = new Set(["running", "suspended", "shutdown", "failure"])
const known = (status: string): string => (status === "initializing" || status === "queued" ? "provisioning" : status)

const outcomeOf = (exit: Exit.Exit<string | void, unknown>): Outcome => {
  if (Exit.isSuccess(exit)) return exit.value ?? "ok"
  const failed = exit.cause.reasons.find(Cause.isFailReason)?.error as Failed | undefined
  if (failed === undefined) return `defect ${Cause.pretty(exit.cause)}`
  const { _tag, kind, status } = failed
  return [_tag, ...(status === undefined ? [] : [known(status)]), ...(kind === undefined ? [] : [kind])].join(" ")
}

/** An outcome that was not expected, with what the error says. */
const inDetail = (exit: Exit.Exit<unknown, unknown>, outcome: Outcome): string =>
  Exit.isSuccess(exit) ? outcome : `${outcome}: ${Cause.pretty(exit.cause).split("\n")[0] ?? ""}`

/** Everything is looked at after so many steps, and at the end: each look is as long as several operations. */
const lookEvery = 4

/** Leads a life; gives the first divergence. Everything made in it is ended with it. */
export const live = (
  operations: ReadonlyArray<Operation>,
  setting: Setting
): Effect.Effect<Divergence | undefined, never, DevboxService | DevboxBackend> =>
  Effect.gen(function* () {
    const service = yield* DevboxService
    const backend = yield* DevboxBackend
    const model = new Model(setting.delays)
    const boxes: Array<Devbox> = []
    const snapshots: Array<Snapshot> = []
    const forks: Array<Scope.Closeable> = []
    const own = yield* Scope.Scope

    const make = (limit: Limit, snapshot?: SnapshotId) => {
      const launchParameters = launch(limit)
      const made = setting.waits
        ? Effect.provideService(
            service.create({
              ...setting.create,
              launchParameters,
              from: snapshot === undefined ? undefined : { snapshot }
            }),
            Scope.Scope,
            own
          )
        : Effect.map(
            backend.create(
              new CreateParams({ launchParameters, ...(snapshot === undefined ? {} : { snapshotId: snapshot }) })
            ),
            ({ id }) => service.attach(id)
          )
      return Effect.map(made, (devbox) => void boxes.push(devbox))
    }
    const awaited = <E>(asked: Effect.Effect<unknown, E>, end: Effect.Effect<unknown, E>) =>
      Effect.asVoid(setting.waits ? Effect.andThen(asked, end) : asked)
    const run = (box: Devbox, command: string) =>
      Effect.map(box.cmd.exec(command), ({ exitCode, stdout }) =>
        exitCode !== 0 ? `exit ${exitCode}` : stdout === "" ? "ok" : `ok ${stdout}`
      )

    const withBox = (
      operation: Extract<Operation, { readonly box: number }>,
      box: Devbox
    ): Effect.Effect<string | void, unknown> => {
      switch (operation.do) {
        case "write":
          return Effect.asVoid(box.file.write(`f${operation.file}`, String(operation.text)))
        case "run":
          return run(box, `printf %s ${operation.text} > f${operation.file}`)
        case "runAwake":
          return run(service.attach(box.id, { autoResume: true }), `printf %s ${operation.text} > f${operation.file}`)
        case "read":
          return Effect.map(box.file.read(`f${operation.file}`), (text) => `ok ${text}`)
        case "cat":
          return run(box, `cat f${operation.file}`)
        case "look":
          return Effect.map(box.getInfo, ({ status }) => `ok ${known(status)}`)
        case "keepAlive":
          return box.keepAlive
        case "suspend":
          return awaited<unknown>(box.suspend, box.awaitSuspended())
        case "resume":
          return awaited<unknown>(box.resume, box.awaitRunning())
        case "update":
          return Effect.asVoid(box.update({ metadata: { mark: String(operation.mark) } }))
        case "shutdown":
          return Effect.asVoid(box.shutdown({ force: operation.force }))
        case "snapshot":
          return Effect.map(
            setting.waits ? box.snapshotDisk() : (box.snapshotDiskAsync() as ReturnType<Devbox["snapshotDisk"]>),
            (taken) => void snapshots.push(taken)
          )
        case "fork":
          return Effect.flatMap(Scope.fork(own), (scope) =>
            Effect.map(Scope.provide(box.fork(operation.count, setting.create), scope), (made) => {
              forks.push(scope)
              boxes.push(...made)
            })
          )
      }
    }

    const withSnapshot = (
      operation: Extract<Operation, { readonly snapshot: number }>,
      snapshot: Snapshot
    ): Effect.Effect<string | void, unknown> => {
      switch (operation.do) {
        case "restore":
          return make("default", snapshot.id)
        case "deleteSnapshot":
          return snapshot.delete
        case "lookAtSnapshot":
          return Effect.map(snapshot.getInfo, ({ status }) => `ok ${status}`)
        case "updateSnapshot":
          return Effect.asVoid(snapshot.update({ metadata: { mark: String(operation.mark) } }))
      }
    }

    const perform = (operation: Operation): Effect.Effect<string | void, unknown> => {
      switch (operation.do) {
        case "create":
          return make(operation.limit)
        case "pass":
          return setting.pass(operation.millis)
        case "endFork": {
          const scope = Model.at(forks, operation.fork)
          return scope === undefined ? Effect.succeed("none") : Scope.close(scope, Exit.void)
        }
        default: {
          if ("box" in operation) {
            const box = Model.at(boxes, operation.box)
            return box === undefined ? Effect.succeed("none") : withBox(operation, box)
          }
          const snapshot = Model.at(snapshots, operation.snapshot)
          return snapshot === undefined ? Effect.succeed("none") : withSnapshot(operation, snapshot)
        }
      }
    }

    const seen = Effect.gen(function* () {
      const lines: Array<string> = []
      for (const { id } of boxes) {
        const info = yield* backend.get(id)
        const story = info.stateTransitions.map((each) => each.status ?? "?").filter((each) => lasting.has(each))
        const mark = info.metadata["mark"] ?? ""
        lines.push([known(info.status), info.shutdownReason ?? "", mark, ...story].join(" "))
      }
      const mine = new Set<DevboxId>(boxes.map(({ id }) => id))
      const running = yield* backend.list({ limit: 1000, status: "running" })
      lines.push(`running ${running.items.filter(({ id }) => mine.has(id)).length}`)
      const ids = new Set<SnapshotId>(snapshots.map(({ id }) => id))
      const listed = (yield* backend.listSnapshots({ limit: 1000 })).items.filter(({ sourceDevboxId }) =>
        mine.has(sourceDevboxId)
      )
      lines.push(
        ...snapshots.flatMap(({ id }, index) => {
          const info = listed.find((each) => each.id === id)
          return info === undefined ? [] : [`snapshot ${index} ${info.metadata["mark"] ?? ""}`]
        }),
        `of forks ${listed.filter(({ id }) => !ids.has(id)).length}`
      )
      return lines.join("\n")
    })
    const expected = () =>
      [
        ...model.boxes.map(({ mark, reason, status, story }) => [status, reason ?? "", mark, ...story].join(" ")),
        `running ${model.boxes.filter(({ status }) => status === "running").length}`,
        ...model.snapshots.flatMap(({ mark, status }, index) =>
          status === "complete" || status === "in_progress" ? [`snapshot ${index} ${mark}`] : []
        ),
        `of forks ${model.forks.filter(({ open }) => open).length}`
      ].join("\n")

    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        for (const each of snapshots) yield* Effect.ignore(each.delete)
        if (!setting.waits) for (const each of boxes) yield* Effect.ignore(each.shutdown({ force: true }))
      })
    )
    for (const [step, operation] of operations.entries()) {
      const wanted = model.apply(operation)
      const exit = yield* Effect.exit(perform(operation))
      const actual = outcomeOf(exit)
      if (actual !== wanted) return { step, expected: wanted, actual: inDetail(exit, actual) }
      if (step % lookEvery !== lookEvery - 1 && step !== operations.length - 1) continue
      const state = yield* Effect.orDie(seen)
      if (state !== expected()) return { step, expected: expected(), actual: state }
    }
    return undefined
  }).pipe(Effect.scoped)

/** One run of a program in a world of its own: disturbed as told, and what was left afterwards. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { DevboxBackend } from "../../DevboxBackend.ts"
import { DevboxLeaks, type Leak } from "../../DevboxLeaks.ts"
import type { DevboxService } from "../../DevboxService.ts"
import { type Fault, makePlan } from "../chaos/plan.ts"
import { strike } from "../chaos/strike.ts"
import { type Interceptor, intercept, type Operation } from "../intercept.ts"
import { leftovers, type Living, look, type Started } from "../leftovers.ts"
import { makeMeter, marking, type Meter, type Target } from "./points.ts"
import { makeWorld } from "./world.ts"

/** What is run, and in what. */
export interface Subject<A, E, ROut, LE> {
  readonly program: Effect.Effect<A, E, ROut | DevboxService | Scope.Scope>
  readonly layer: Layer.Layer<ROut | DevboxBackend, LE>
  readonly service: Layer.Layer<DevboxService, never, DevboxBackend>
  readonly keeps: (value: A) => ReadonlyArray<string>
}

/** A call of the backend that was made. */
export interface Seen {
  readonly operation: Operation
  /** The how-manieth of the operation, from 1 on. */
  readonly call: number
  /** The operation of the service that made it. */
  readonly span: string
  /** At which step of the program. */
  readonly step: number
}

/** What came of a run. */
export interface Outcome<A, E> {
  readonly exit: Exit.Exit<A, E> | "stuck"
  readonly meter: Meter
  readonly left: ReadonlyArray<Living>
  readonly leaks: ReadonlyArray<Leak>
  readonly calls: ReadonlyArray<Seen>
}

/** Points and calls are named by spans, which are made only when there is a tracer. */
const tracer = Tracer.make({ span: (options) => new Tracer.NativeSpan(options) })

const must = <A, E>(exit: Exit.Exit<A, E> | "stuck", doing: string): A => {
  if (exit !== "stuck" && Exit.isSuccess(exit)) return exit.value
  throw new Error(`${doing} failed: ${exit === "stuck" ? "it did not end" : Cause.pretty(exit.cause)}`)
}

/** Writes down the calls as they are made. */
const recording = (calls: Array<Seen>, started: Map<string, Started>, meter: Meter): Interceptor => {
  const counts = new Map<Operation, number>()
  const note = (operation: Operation, args: ReadonlyArray<unknown>) =>
    Effect.withFiber((fiber) => {
      const { span } = fiber.cache
      const call = (counts.get(operation) ?? 0) + 1
      counts.set(operation, call)
      calls.push({ operation, call, span: span?._tag === "Span" ? span.name : "program", step: meter.steps() })
      if (operation === "startExecution") {
        const [devboxId, params] = args as Parameters<DevboxBackend["Service"]["startExecution"]>
        started.set(params.commandId, { devboxId, executionId: params.commandId })
      }
      return Effect.void
    })
  return {
    effect: ({ args, operation }, run) => Effect.andThen(note(operation, args), run),
    stream: ({ args, operation }, run) => Stream.unwrap(Effect.as(note(operation, args), run))
  }
}

/** Runs the program once; `target` interrupts it, `script` makes calls fail. */
export const runOnce = async <A, E, ROut, LE>(
  subject: Subject<A, E, ROut, LE>,
  target?: Target,
  script: ReadonlyArray<Fault> = []
): Promise<Outcome<A, E>> => {
  // The default keep-alive time of a devbox is shorter. Thousands of runs would each log what the first one did.
  const world = makeWorld({ limit: "2 hours", seed: 1, logs: false })
  const scope = Scope.makeUnsafe()
  const leaks: Array<Leak> = []
  const base = Context.make(DevboxLeaks, { report: (leak) => Effect.sync(() => void leaks.push(leak)) })
  const build = <I, E2, O>(layer: Layer.Layer<O, E2, I>, context: Context.Context<I>) =>
    world.run(Layer.buildWithMemoMap(layer, Layer.makeMemoMapUnsafe(), scope), context)

  const given: Context.Context<ROut | DevboxBackend> = must(await build(subject.layer, base), "building the layer")
  const bare = Context.get(given, DevboxBackend)
  const before = must(await world.run(look(bare), base), "looking at the backend")

  const meter = makeMeter(world, target)
  const calls: Array<Seen> = []
  const started = new Map<string, Started>()
  const faulty = intercept(
    bare,
    strike({ name: bare.name, plan: makePlan({ script }), active: () => script.length > 0, struck: () => Effect.void })
  )
  const watched = intercept(intercept(faulty, recording(calls, started, meter)), marking)
  const withBackend = Context.add(base, DevboxBackend, watched)
  const service = must(await build(subject.service, withBackend), "building the service")
  const inside = Context.add(Context.mergeAll(given, withBackend, service), Tracer.Tracer, tracer)
  const exit = await world.run(Effect.scoped(subject.program), inside, meter)
  // What hangs may hold on to anything, so there is nothing to be learnt from a look.
  if (exit === "stuck") return { exit, meter, left: [], leaks, calls }

  const now = must(await world.run(look(bare, Array.from(started.values())), base), "looking at the backend")
  const kept = new Set(Exit.isSuccess(exit) ? subject.keeps(exit.value) : [])
  const left = leftovers(before, now).filter(({ id }) => !kept.has(id))
  must(await world.run(Scope.close(scope, Exit.void), base), "closing the layer")
  return { exit, meter, left, leaks, calls }
}

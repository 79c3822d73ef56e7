/** `devbox doctor`: what this machine, or another backend, can do, and how to get more. It finds out by trying. */
import type { Capabilities } from "@effect-devbox/core/Capabilities"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { HostReport } from "../sandbox/types.ts"
import { type Devboxes, withDevboxes } from "./backend.ts"
import { HostError } from "./errors.ts"
import { exitWith } from "./execute.ts"
import type { Settings } from "./flags.ts"
import { harmless, print, printJson, styles, table } from "./out.ts"
import { exitCodes } from "./renderError.ts"

/** What people expect in a devbox. */
const wanted = "bash git node npm npx python3 pip gcc make curl ssh tar rg jq".split(" ")

/** What a devbox of this machine really is: made, looked at, gone. */
const trial = (devboxes: Devboxes) =>
  Effect.scoped(
    Effect.gen(function* () {
      const began = performance.now()
      const devbox = yield* devboxes.create({ name: "doctor" })
      const createMs = Math.round(performance.now() - began)
      const info = yield* devbox.getInfo
      const script = `for tool in ${wanted.join(" ")}; do command -v "$tool" >/dev/null && echo "$tool"; done`
      const { stdout } = yield* devbox.cmd.execOrFail(script)
      const present = stdout.split("\n").filter((tool) => tool !== "")
      return { createMs, isolation: info.isolation, limits: info.limits, network: info.network, present }
    })
  )

const featuresOf = ({ features, limits, networks }: Capabilities) => ({
  features: [...features].sort(),
  limits,
  networks: [...networks].sort()
})

const mark = (ok: boolean): string => {
  const { green, red } = styles("stdout")
  return ok ? green("yes") : red("no")
}

const probeRows = (report: HostReport) => {
  const { dim } = styles("stdout")
  return report.probes.map(({ detail, name, ok }) => [
    `  ${name}`,
    mark(ok),
    dim(harmless(detail.split("\n")[0] ?? "").slice(0, 80))
  ])
}

/** This machine. */
const local = (devboxes: Devboxes, { json, stateDir }: Settings) =>
  Effect.gen(function* () {
    const [{ probeHost }, { defaultStateDir }] = yield* Effect.promise(() =>
      Promise.all([import("../sandbox/probe.ts"), import("../store/store.ts")])
    )
    const place = stateDir ?? defaultStateDir()
    const report = yield* Effect.tryPromise({
      try: () => probeHost({ stateDir: place }),
      catch: (error) => new HostError({ what: "looking at this machine", detail: String(error) })
    })
    const isolates = report.tier === "isolated"
    const tried = isolates ? yield* trial(devboxes) : undefined
    const cures = report.probes.flatMap(({ cure, name, ok }) =>
      ok || cure === undefined ? [] : [{ probe: name, cure }]
    )
    const can = featuresOf(devboxes.capabilities)
    if (json) {
      yield* printJson({
        backend: "local",
        state_dir: place,
        isolated: isolates,
        launcher: report.launcher,
        uid: report.uid,
        probes: report.probes.map(({ cure, detail, ms, name, ok }) => ({ name, ok, ms, detail, cure: cure ?? null })),
        create_ms: tried?.createMs ?? null,
        tools: Object.fromEntries(wanted.map((tool) => [tool, tried?.present.includes(tool) ?? null])),
        ...can,
        limits: tried?.limits ?? can.limits
      })
    } else {
      const { bold, dim, yellow } = styles("stdout")
      const limits = tried?.limits ?? can.limits
      const missing = wanted.filter((tool) => tried?.present.includes(tool) !== true)
      yield* print(
        [
          `${bold("isolation")}  ${isolates ? `isolated, built by ${report.launcher}` : "none: devboxes can only be ordinary processes here"}`,
          table(probeRows(report)),
          ...(tried === undefined ? [] : [`${bold("creation")}   ${tried.createMs} ms, tried just now`]),
          ...(tried === undefined
            ? []
            : [
                `${bold("tools")}      ${tried.present.join(" ")}${dim(`  (not there: ${missing.join(" ") || "none"})`)}`
              ]),
          `${bold("limits")}     memory ${limits.memory}, cpu ${limits.cpu}, processes ${limits.pids}, disk ${limits.disk}`,
          `${bold("networks")}   ${can.networks.join(" ")}`,
          `${bold("features")}   ${can.features.join(" ")}`,
          `${bold("state")}      ${place}`,
          ...cures.map(({ cure, probe }) => `${yellow("to get more")} (${probe}): ${harmless(cure)}`)
        ].join("\n")
      )
    }
    yield* exitWith(isolates ? 0 : exitCodes.unsupported)
  })

/** A backend elsewhere: reached, and asked for what it has. */
const remote = (devboxes: Devboxes, { backend, json }: Settings) =>
  Effect.gen(function* () {
    const began = performance.now()
    yield* Stream.runDrain(Stream.take(devboxes.list(), 1))
    const answerMs = Math.round(performance.now() - began)
    const can = featuresOf(devboxes.capabilities)
    if (json) return yield* printJson({ backend, answer_ms: answerMs, ...can })
    const { bold } = styles("stdout")
    yield* print(
      [
        `${bold("backend")}   ${backend}: answers, and takes the key`,
        `${bold("answer")}    ${answerMs} ms`,
        `${bold("limits")}    memory ${can.limits.memory}, cpu ${can.limits.cpu}, processes ${can.limits.pids}, disk ${can.limits.disk}`,
        `${bold("networks")}  ${can.networks.join(" ") || "as the backend does"}`,
        `${bold("features")}  ${can.features.join(" ")}`
      ].join("\n")
    )
  })

/** The command. */
export const doctor = Command.make("doctor", {}, () =>
  withDevboxes((devboxes, settings) =>
    Effect.gen(function* () {
      yield* settings.backend === "local" ? local(devboxes, settings) : remote(devboxes, settings)
    })
  )
).pipe(
  Command.withShortDescription("Say what can be done here, and how to get more"),
  Command.withDescription(
    "Tries what this machine can do: each way to isolate, a devbox made and removed, the tools that are seen inside, limits and network modes, with what to install or set to get more. Exit status 6 when it cannot isolate. With --backend it tries another backend."
  ),
  Command.withExamples([
    { command: "devbox doctor", description: "This machine" },
    { command: "devbox doctor --backend http://localhost:4800", description: "A server" }
  ])
)

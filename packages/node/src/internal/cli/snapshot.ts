/** `devbox snapshot` and `devbox fork`: disks that are kept, and devboxes made from them. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { attach, find, withDevboxes } from "./backend.ts"
import { boxFlags, boxOptions } from "./create.ts"
import { UsageError } from "./errors.ts"
import * as Flags from "./flags.ts"
import { devboxJson, snapshotJson } from "./json.ts"
import { age, bytes, harmless, print, printJson, say, styles, table } from "./out.ts"

const create = Command.make(
  "create",
  {
    name: Flags.text("name", "NAME", "A name for it"),
    message: Flags.text("message", "TEXT", "What it is, at most 1000 characters").pipe(Flag.withAlias("m")),
    metadata: Flags.pairs("metadata", undefined, "A label. Can stand several times"),
    timeout: Flags.duration("timeout", "How long to wait; default 2m"),
    devbox: Flags.devbox
  },
  (input) =>
    withDevboxes((devboxes, { json }) =>
      Effect.gen(function* () {
        const { message, metadata, name, timeout } = Flags.given(input)
        const devbox = yield* attach(devboxes, input.devbox)
        const snapshot = yield* devbox.snapshotDisk({ name, metadata, commitMessage: message, timeout })
        if (!json) return yield* print(snapshot.id)
        yield* printJson(snapshotJson(yield* snapshot.awaitCompleted()))
      })
    )
).pipe(
  Command.withShortDescription("Keep the disk of a devbox"),
  Command.withDescription("Takes a snapshot of the disk of a devbox, waits until it is complete and prints its id."),
  Command.withExamples([
    { command: "devbox snapshot create my-box --name dependencies-installed", description: "With a name" },
    { command: "devbox create --snapshot $(devbox snapshot create my-box)", description: "A devbox with that disk" }
  ])
)

const list = Command.make(
  "list",
  {
    devbox: Flags.text("devbox", "DEVBOX", "Only those of this devbox"),
    metadata: Flags.pairs("metadata", "m", "Only those with this label. Can stand several times"),
    quiet: Flags.toggle("quiet", "Ids only, one a line", "q")
  },
  (input) =>
    withDevboxes((devboxes, { json }) =>
      Effect.gen(function* () {
        const { devbox, metadata, quiet } = Flags.given(input)
        const devboxId = devbox === undefined ? undefined : (yield* find(devboxes, devbox)).id
        const found = yield* Stream.runCollect(devboxes.listSnapshots({ devboxId, metadata }))
        if (json) return yield* printJson(found.map(snapshotJson))
        if (quiet) return yield* Effect.forEach(found, (snapshot) => print(snapshot.id), { discard: true })
        const { bold } = styles("stdout")
        yield* print(
          table([
            ["ID", "NAME", "AGE", "SIZE", "DEVBOX"].map(bold),
            ...found.map((snapshot) => [
              snapshot.id,
              harmless(snapshot.name ?? "-"),
              age(snapshot.createTimeMs),
              snapshot.sizeBytes === undefined ? "-" : bytes(snapshot.sizeBytes),
              snapshot.sourceDevboxId
            ])
          ])
        )
      })
    )
).pipe(
  Command.withAlias("ls"),
  Command.withShortDescription("List snapshots"),
  Command.withDescription("Lists snapshots, newest first."),
  Command.withExamples([{ command: "devbox snapshot list --devbox my-box", description: "Those of a devbox" }])
)

const rm = Command.make(
  "rm",
  { snapshots: Argument.String("snapshot").pipe(Argument.withDescription("Its id"), Argument.atLeast(1)) },
  ({ snapshots }) =>
    withDevboxes((devboxes, { json }) =>
      Effect.gen(function* () {
        yield* Effect.forEach(snapshots, (id) => devboxes.attachSnapshot(id).delete, { discard: true })
        if (json) return yield* printJson(snapshots.map((id) => ({ id, deleted: true })))
        yield* Effect.forEach(snapshots, print, { discard: true })
      })
    )
).pipe(
  Command.withShortDescription("Delete snapshots"),
  Command.withDescription("Deletes snapshots. Devboxes that were made from them keep their disks."),
  Command.withExamples([{ command: "devbox snapshot rm snp_…", description: "One" }])
)

/** The command. */
export const snapshot = Command.make("snapshot").pipe(
  Command.withShortDescription("Keep disks: create, list, rm"),
  Command.withDescription("Snapshots keep the disk of a devbox as it is at one instant."),
  Command.withSubcommands([create, list, rm])
)

const forkFlags = {
  ...boxFlags,
  count: Flag.Int("count").pipe(Flag.withAlias("c"), Flag.withDescription("How many; default 1"), Flag.withDefault(1)),
  devbox: Flags.devbox
}

/** The command. */
export const fork = Command.make("fork", forkFlags, (input) =>
  withDevboxes((devboxes, { json }) =>
    Effect.gen(function* () {
      const { count } = input
      if (count < 1) return yield* new UsageError({ detail: `--count is ${count}; it is 1 or more` })
      const devbox = yield* attach(devboxes, input.devbox)
      const { isolation } = yield* devbox.getInfo
      const options = boxOptions(input)
      const disk = yield* devbox.snapshotDisk({ name: `fork of ${devbox.id}` })
      // A devbox that was accepted without isolation is forked into such.
      const minimumIsolation = options.minimumIsolation ?? (isolation === "process" ? isolation : undefined)
      const made = yield* Effect.replicateEffect(
        devboxes.createDetached({ ...options, minimumIsolation, from: { snapshot: disk.id } }),
        count,
        { concurrency: 8 }
      ).pipe(Effect.onError(() => Effect.ignore(disk.delete)))
      if (json) {
        const infos = yield* Effect.forEach(made, (one) => one.getInfo)
        return yield* printJson({ snapshot_id: disk.id, devboxes: infos.map(devboxJson) })
      }
      yield* Effect.forEach(made, ({ id }) => print(id), { discard: true })
      yield* say(styles("stderr").dim(`from snapshot ${disk.id}, which stays until \`devbox snapshot rm ${disk.id}\``))
    })
  )
).pipe(
  Command.withShortDescription("Make copies of a devbox as it is now"),
  Command.withDescription(
    "Takes a snapshot of the disk of a devbox and creates devboxes from it; prints their ids. Processes are not copied."
  ),
  Command.withExamples([{ command: "devbox fork my-box --count 3", description: "Three ways to go on" }])
)

/**
 * What should come of a random life: the table of states and operations (PROTOCOL P18) as a program of plain values. It knows no
 * Effect and no backend, and is short enough to be believed.
 */
import type { Limit, Operation } from "./operations.ts"

/** How an operation ends, as far as it is compared. */
export type Outcome = string

type Status = "provisioning" | "running" | "suspending" | "suspended" | "resuming" | "shutdown"

/** A devbox as it should be. */
export interface Box {
  status: Status
  files: Map<number, string>
  mark: string
  limit: Limit
  reason: string | undefined
  /** When the present phase ends, and what comes then. */
  phase: { readonly at: number; readonly next: Status } | undefined
  aliveFrom: number
  activeAt: number
  /** The lasting states it came through. */
  story: Array<Status>
}

/** A snapshot as it should be. */
export interface Snapshot {
  status: "in_progress" | "complete" | "error" | "deleted"
  readonly files: Map<number, string>
  readonly of: Box
  at: number
  mark: string
}

/** How long each phase takes, in milliseconds. */
export interface Delays {
  readonly provisioning: number
  readonly suspending: number
  readonly resuming: number
  readonly snapshot: number
}

const lasting: ReadonlySet<Status> = new Set(["running", "suspended", "shutdown"])

/** The world as it should be. */
export class Model {
  readonly boxes: Array<Box> = []
  readonly snapshots: Array<Snapshot> = []
  readonly forks: Array<{ readonly boxes: ReadonlyArray<Box>; open: boolean }> = []
  private now = 0
  private readonly delays: Delays

  constructor(delays: Delays) {
    this.delays = delays
  }

  /** The target of a number, when there is any. */
  static at<A>(all: ReadonlyArray<A>, number: number): A | undefined {
    return all[number % Math.max(1, all.length)]
  }

  private become(box: Box, status: Status, reason?: string): void {
    box.status = status
    box.reason = reason
    box.phase = undefined
    if (lasting.has(status)) box.story.push(status)
    if (status === "running") box.aliveFrom = box.activeAt = this.now
    if (status === "shutdown") {
      box.files = new Map()
      for (const snapshot of this.snapshots) {
        if (snapshot.of === box && snapshot.status === "in_progress") snapshot.status = "error"
      }
    }
  }

  private enter(box: Box, phase: Status, delay: number, next: Status): void {
    box.status = phase
    box.phase = { at: this.now + delay, next }
    if (delay === 0) this.become(box, next)
  }

  private add(files: ReadonlyMap<number, string>, limit: Limit): Box {
    const box: Box = {
      status: "provisioning",
      files: new Map(files),
      mark: "",
      limit,
      reason: undefined,
      phase: undefined,
      aliveFrom: this.now,
      activeAt: this.now,
      story: []
    }
    this.boxes.push(box)
    this.enter(box, "provisioning", this.delays.provisioning, "running")
    return box
  }

  private take(of: Box): Snapshot {
    const snapshot: Snapshot = {
      status: "in_progress",
      files: new Map(of.files),
      of,
      at: this.now + this.delays.snapshot,
      mark: ""
    }
    if (this.delays.snapshot === 0) snapshot.status = "complete"
    return snapshot
  }

  private saving(box: Box): boolean {
    return this.snapshots.some((each) => each.of === box && each.status === "in_progress")
  }

  /** When a devbox ends or is suspended if nothing more is done. */
  private deadline({ activeAt, aliveFrom, limit, status }: Box): number {
    if (status !== "running") return Infinity
    if (limit === "default") return aliveFrom + 3_600_000
    return "keepAliveSeconds" in limit ? aliveFrom + limit.keepAliveSeconds * 1000 : activeAt + limit.idleSeconds * 1000
  }

  private expire(box: Box): void {
    const { limit } = box
    if (limit === "default" || "keepAliveSeconds" in limit) this.become(box, "shutdown", "keep_alive_timeout")
    else if (limit.onIdle === "shutdown") this.become(box, "shutdown", "idle")
    else this.enter(box, "suspending", this.delays.suspending, "suspended")
  }

  private pass(ms: number): void {
    const until = this.now + ms
    while (true) {
      const events = [
        ...this.boxes.flatMap((box) => [
          ...(box.phase === undefined ? [] : [{ at: box.phase.at, run: () => this.become(box, box.phase!.next) }]),
          { at: this.deadline(box), run: () => this.expire(box) }
        ]),
        ...this.snapshots.flatMap((snapshot) =>
          snapshot.status === "in_progress" ? [{ at: snapshot.at, run: () => void (snapshot.status = "complete") }] : []
        )
      ]
      const next = events.reduce((first, each) => (each.at < first.at ? each : first), { at: Infinity, run: () => {} })
      if (next.at > until) break
      this.now = next.at
      next.run()
    }
    this.now = until
  }

  private touch(box: Box): void {
    box.activeAt = this.now
  }

  /** Does an operation; says how it should end. `none` when it has no target. */
  apply(operation: Operation): Outcome {
    const no = (box: Box): Outcome => `DevboxNotReady ${box.status}`
    switch (operation.do) {
      case "create":
        this.add(new Map(), operation.limit)
        return "ok"
      case "pass":
        this.pass(operation.millis)
        return "ok"
      case "endFork": {
        const fork = Model.at(this.forks, operation.fork)
        if (fork === undefined) return "none"
        for (const box of fork.boxes) if (box.status !== "shutdown") this.become(box, "shutdown", "api_shutdown")
        fork.open = false
        return "ok"
      }
      case "restore":
      case "deleteSnapshot":
      case "lookAtSnapshot":
      case "updateSnapshot": {
        const snapshot = Model.at(this.snapshots, operation.snapshot)
        return snapshot === undefined ? "none" : this.withSnapshot(operation, snapshot)
      }
      default: {
        const box = Model.at(this.boxes, operation.box)
        return box === undefined ? "none" : this.withBox(operation, box, no)
      }
    }
  }

  private withSnapshot(operation: Extract<Operation, { readonly snapshot: number }>, snapshot: Snapshot): Outcome {
    if (operation.do === "lookAtSnapshot") return `ok ${snapshot.status}`
    if (operation.do === "deleteSnapshot") {
      snapshot.status = "deleted"
      return "ok"
    }
    if (snapshot.status === "deleted") return "ResourceNotFound"
    if (operation.do === "updateSnapshot") {
      snapshot.mark = String(operation.mark)
      return "ok"
    }
    if (snapshot.status !== "complete") return "BackendError"
    this.add(snapshot.files, "default")
    return "ok"
  }

  private withBox(
    operation: Extract<Operation, { readonly box: number }>,
    box: Box,
    no: (box: Box) => Outcome
  ): Outcome {
    switch (operation.do) {
      case "look":
        return `ok ${box.status}`
      case "update":
        box.mark = String(operation.mark)
        return "ok"
      case "keepAlive":
        if (box.status === "shutdown") return no(box)
        box.aliveFrom = this.now
        this.touch(box)
        return "ok"
      case "suspend":
        if (box.status === "running") this.enter(box, "suspending", this.delays.suspending, "suspended")
        else if (box.status !== "suspending" && box.status !== "suspended") return no(box)
        return "ok"
      case "resume":
        if (box.status === "suspended") this.enter(box, "resuming", this.delays.resuming, "running")
        else if (box.status !== "resuming" && box.status !== "running") return no(box)
        return "ok"
      case "shutdown":
        if (box.status === "shutdown") return "ok"
        if (this.saving(box) && !operation.force) return "Conflict"
        this.become(box, "shutdown", "api_shutdown")
        return "ok"
      case "snapshot":
        if (box.status !== "running" && box.status !== "suspended") return no(box)
        if (this.saving(box)) return "Conflict"
        this.snapshots.push(this.take(box))
        return "ok"
      case "fork": {
        if (box.status !== "running" && box.status !== "suspended") return no(box)
        const { files } = this.take(box)
        // How it is launched a fork takes over, how long it lives it does not.
        const limit: Limit = box.limit !== "default" && "idleSeconds" in box.limit ? box.limit : "default"
        const boxes = Array.from({ length: operation.count }, () => this.add(files, limit))
        this.forks.push({ boxes, open: true })
        return "ok"
      }
      case "runAwake":
        if (box.status === "suspended") this.become(box, "running")
        return this.work({ ...operation, do: "run" }, box, no)
      default:
        return this.work(operation, box, no)
    }
  }

  private work(
    operation: Extract<Operation, { readonly do: "write" | "run" | "runAwake" | "read" | "cat" }>,
    box: Box,
    no: (box: Box) => Outcome
  ): Outcome {
    if (box.status !== "running") return no(box)
    this.touch(box)
    const { file } = operation
    if ("text" in operation) {
      box.files.set(file, String(operation.text))
      return "ok"
    }
    const found = box.files.get(file)
    if (found !== undefined) return `ok ${found}`
    return operation.do === "read" ? "FileError NotFound" : "exit 1"
  }
}

/** Clients that work with a server which is killed again and again, and keep book of what they were told. */
import assert from "node:assert/strict"
import { Redacted } from "effect"
import { ask1, type Answered, keys } from "../support.ts"
import type { ServerProcess } from "./process.ts"

/** What one client was told, to be held against what is there at the end. */
export interface Book {
  readonly caller: keyof typeof keys
  /** Devboxes by id, with the name that each was given; closed ones are shut down. */
  readonly boxes: Map<string, { readonly name: string; closed: boolean; metadata: Record<string, string> }>
  readonly executions: Array<{
    readonly box: string
    readonly id: string
    readonly tag: string
    readonly lines: number
  }>
  readonly files: Map<string, { readonly box: string; readonly contents: string }>
  readonly secrets: Set<string>
  readonly objects: Map<string, string>
  readonly problems: Array<string>
  acknowledged: number
  repeated: number
}

/** An empty one. */
export const emptyBook = (caller: keyof typeof keys): Book => ({
  caller,
  boxes: new Map(),
  executions: [],
  files: new Map(),
  secrets: new Set(),
  objects: new Map(),
  problems: [],
  acknowledged: 0,
  repeated: 0
})

/** Random numbers that a seed repeats. */
export const random = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
}

/** What a command prints, given its tag. */
export const printed = (tag: string, lines: number): string =>
  Array.from({ length: lines }, (_, index) => `${tag} ${index}\n`).join("")

/** One client; see above. */
export class Client {
  readonly book: Book
  readonly #server: ServerProcess
  #made = 0

  constructor(server: ServerProcess, book: Book) {
    this.#server = server
    this.book = book
  }

  /** Asks until there is an answer, as official clients do: every attempt of one request has the same id. */
  async ask(path: string, body?: unknown): Promise<Answered> {
    const id = `${this.book.caller}-${crypto.randomUUID()}`
    for (;;) {
      await this.#server.up()
      try {
        const answer = await ask1(this.#server.url, {
          path,
          key: Redacted.value(keys[this.book.caller]),
          headers: { "x-request-id": id },
          body: body === undefined ? undefined : JSON.stringify(body)
        })
        if (answer.status === 408) continue
        this.book.acknowledged++
        return answer
      } catch {
        // Killed under the request. The next attempt waits for the next server.
        this.book.repeated++
      }
    }
  }

  async expect<A = Record<string, unknown>>(path: string, body?: unknown): Promise<A> {
    const { body: text, status } = await this.ask(path, body)
    if (status !== 200) this.book.problems.push(`${path} ${JSON.stringify(body)}: ${status} ${text}`)
    return JSON.parse(text) as A
  }

  #name(kind: string): string {
    return `${kind}_${this.book.caller}_${process.pid}_${this.#made++}`
  }

  open(): ReadonlyArray<string> {
    return [...this.book.boxes].filter(([, { closed }]) => !closed).map(([id]) => id)
  }

  async create(): Promise<void> {
    const name = this.#name("box")
    const { id, status } = await this.expect<{ id: string; status: string }>("/v1/devboxes/create_and_await_running", {
      name,
      metadata: { name }
    })
    if (status !== "running") this.book.problems.push(`devbox ${id} (${name}) is ${status} when its create returns`)
    this.book.boxes.set(id, { name, closed: status !== "running", metadata: { name } })
  }

  async execute(box: string, held: boolean): Promise<void> {
    const tag = this.#name("tag")
    const lines = 20
    const command = `echo ${tag} >> ~/runs; for i in $(seq 0 ${lines - 1}); do echo "${tag} $i"; sleep 0.01; done`
    const body = held ? { command, command_id: crypto.randomUUID() } : { command }
    const { execution_id } = await this.expect<{ execution_id: string }>(
      `/v1/devboxes/${box}/${held ? "execute" : "execute_async"}`,
      body
    )
    this.book.executions.push({ box, id: execution_id, tag, lines })
  }

  async write(box: string): Promise<void> {
    const path = `/home/user/${this.#name("file")}`
    const contents = `${path}\n`.repeat(50)
    await this.expect(`/v1/devboxes/${box}/write_file_contents`, { file_path: path, contents })
    this.book.files.set(path, { box, contents })
  }

  async rename(box: string): Promise<void> {
    const known = this.book.boxes.get(box)
    assert(known)
    const metadata = { name: known.name, mark: this.#name("mark") }
    await this.expect(`/v1/devboxes/${box}`, { metadata })
    known.metadata = metadata
  }

  async secret(): Promise<void> {
    const name = this.#name("SECRET")
    await this.expect("/v1/secrets", { name, value: "v" })
    this.book.secrets.add(name)
  }

  async object(): Promise<void> {
    const name = this.#name("object")
    const { id, upload_url } = await this.expect<{ id: string; upload_url: string }>("/v1/objects", {
      name,
      content_type: "text"
    })
    for (;;) {
      await this.#server.up()
      const sent = await fetch(upload_url, { method: "PUT", body: name }).catch(() => undefined)
      if (sent?.status === 200) break
    }
    await this.expect(`/v1/objects/${id}/complete`, {})
    this.book.objects.set(id, name)
  }

  async close(box: string): Promise<void> {
    await this.verify(box)
    await this.expect(`/v1/devboxes/${box}/shutdown`, {})
    const known = this.book.boxes.get(box)
    if (known !== undefined) known.closed = true
  }

  /** Works until it is told to stop. */
  async work(next: () => number, stopped: () => boolean): Promise<void> {
    while (!stopped()) {
      const open = this.open()
      const dice = next()
      const box = open[Math.floor(next() * open.length)]
      if (box === undefined || (open.length < 2 && dice < 0.2)) await this.create()
      else if (dice < 0.45) await this.execute(box, true)
      else if (dice < 0.7) await this.execute(box, false)
      else if (dice < 0.8) await this.write(box)
      else if (dice < 0.87) await this.rename(box)
      else if (dice < 0.92) await this.secret()
      else if (dice < 0.97) await this.object()
      else await this.close(box)
    }
  }

  /** Holds what a devbox has against the book: each acknowledged command ran once, and printed what it prints. */
  async verify(box: string): Promise<void> {
    const mine = this.book.executions.filter((execution) => execution.box === box)
    for (const { id, lines, tag } of mine) {
      const path = `/v1/devboxes/${box}/executions/${id}`
      const { exit_status } = await this.expect<{ exit_status: number | null }>(`${path}/wait_for_status`, {
        statuses: ["completed"]
      })
      const { body } = await this.ask(`${path}/stream_stdout_updates`)
      const output = [...body.matchAll(/^data: (\{.*\})$/gm)]
        .map(([, data = "{}"]) => (JSON.parse(data) as { readonly output?: string }).output ?? "")
        .join("")
      if (exit_status !== 0 || output !== printed(tag, lines)) {
        this.book.problems.push(
          `execution ${id} (${tag}) of ${box}: status ${exit_status}, output ${JSON.stringify(output)}`
        )
      }
    }
    if (mine.length === 0) return
    const { body: runs } = await this.ask(`/v1/devboxes/${box}/read_file_contents`, { file_path: "/home/user/runs" })
    for (const { tag } of mine) {
      const times = runs.split("\n").filter((line) => line === tag).length
      if (times !== 1) this.book.problems.push(`the command ${tag} of ${box} was run ${times} times`)
    }
    for (const [path, file] of this.book.files) {
      if (file.box !== box) continue
      const { body } = await this.ask(`/v1/devboxes/${box}/read_file_contents`, { file_path: path })
      if (body !== file.contents) this.book.problems.push(`${path} of ${box} has ${body.length} characters`)
    }
  }

  /** Holds everything against the book; and the book against the lists, in which nothing may be twice. */
  async verifyAll(): Promise<void> {
    for (const box of this.open()) await this.verify(box)
    for (const [id, { closed, metadata }] of this.book.boxes) {
      const seen = await this.expect<{ status: string; metadata: object }>(`/v1/devboxes/${id}`)
      if (seen.status !== (closed ? "shutdown" : "running")) this.book.problems.push(`devbox ${id} is ${seen.status}`)
      if (JSON.stringify(seen.metadata) !== JSON.stringify(metadata)) {
        this.book.problems.push(`devbox ${id} has the metadata ${JSON.stringify(seen.metadata)}`)
      }
    }
    const { devboxes } = await this.expect<{ devboxes: ReadonlyArray<{ id: string; name: string; status: string }> }>(
      "/v1/devboxes?limit=5000"
    )
    for (const { id, name, status } of devboxes) {
      const over = status === "shutdown" || status === "failure"
      if (!this.book.boxes.has(id) && !over)
        this.book.problems.push(`devbox ${id} (${name}) is nobody's, and ${status}`)
    }
    for (const id of this.book.boxes.keys()) {
      if (!devboxes.some((one) => one.id === id)) this.book.problems.push(`devbox ${id} is not in the list`)
    }
    for (const name of this.book.secrets) await this.expect(`/v1/secrets/${name}`)
    for (const [id, contents] of this.book.objects) {
      const { download_url } = await this.expect<{ download_url: string }>(`/v1/objects/${id}/download`)
      const got = await fetch(download_url).then((response) => response.text())
      if (got !== contents) this.book.problems.push(`object ${id} has the contents ${JSON.stringify(got)}`)
    }
  }
}

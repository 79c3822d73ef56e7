import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { openJournal } from "../../../packages/node/src/internal/journal/journal.ts"
import {
  type Channel,
  type Journal,
  type JournalReadOptions,
  OutputLostError
} from "../../../packages/node/src/internal/journal/types.ts"

const bytes = (text: string): Uint8Array => Buffer.from(text)

const collect = async (
  journal: Journal,
  id: string,
  channel: Channel,
  options: JournalReadOptions = {}
): Promise<string> => {
  const parts: Array<Uint8Array> = []
  let end = options.fromByte ?? 0
  for await (const chunk of journal.read(id, channel, options)) {
    end += chunk.bytes.length
    expect(chunk.end).toBe(end)
    expect(chunk.bytes.length).toBeLessThanOrEqual(65536)
    parts.push(chunk.bytes)
  }
  return Buffer.concat(parts).toString()
}

describe("a journal", () => {
  let dir: string
  let journal: Journal
  beforeEach(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), "devbox-journal-"))
    journal = openJournal(dir, { owner: true })
  })
  afterEach(() => {
    journal.close()
    fs.rmSync(dir, { recursive: true, force: true })
  })

  it("gives each channel from any byte", async () => {
    const writer = journal.create("a")
    void writer.write("stdout", bytes("hello "))
    void writer.write("stderr", bytes("oops"))
    void writer.write("stdout", bytes("world"))
    expect(writer.complete()).toEqual({ stdout: 11, stderr: 4 })
    expect(await collect(journal, "a", "stdout")).toBe("hello world")
    expect(await collect(journal, "a", "stdout", { fromByte: 6 })).toBe("world")
    expect(await collect(journal, "a", "stdout", { fromByte: 11 })).toBe("")
    expect(await collect(journal, "a", "stderr", { follow: true })).toBe("oops")
  })

  it("follows a writer to its end, for any number of readers at any pace", async () => {
    const writer = journal.create("a")
    const readers = Array.from({ length: 10 }, (_, i) => collect(journal, "a", "stdout", { follow: true, fromByte: i }))
    const slow = journal.read("a", "stdout", { follow: true })[Symbol.asyncIterator]()
    let expected = ""
    for (let i = 0; i < 2000; i++) {
      const line = `line ${i} ${"x".repeat(i)}\n`
      expected += line
      await writer.write("stdout", bytes(line))
      if (i % 100 === 0) await slow.next()
    }
    writer.complete()
    expect(await Promise.all(readers)).toEqual(readers.map((_, i) => expected.slice(i)))
    await slow.return?.()
  })

  it("drops what comes after the end", async () => {
    const writer = journal.create("a")
    void writer.write("stdout", bytes("in"))
    writer.complete()
    expect(writer.write("stdout", bytes("late"))).toBeUndefined()
    expect(await collect(journal, "a", "stdout", { follow: true })).toBe("in")
  })

  it("wakes a reader in another process's place by the file system alone", async () => {
    const other = openJournal(dir)
    const reading = collect(other, "a", "stdout", { follow: true })
    const writer = journal.create("a")
    void writer.write("stdout", bytes("one "))
    const first = other.read("a", "stdout", { follow: true })[Symbol.asyncIterator]()
    expect(Buffer.from((await first.next()).value!.bytes).toString()).toBe("one ")
    const next = first.next()
    void writer.write("stdout", bytes("two"))
    expect(Buffer.from((await next).value!.bytes).toString()).toBe("two")
    other.complete("a", writer.complete())
    expect(await reading).toBe("one two")
    expect((await first.next()).done).toBe(true)
    other.close()
  })

  it("reads what an earlier process left", async () => {
    void journal.create("a").write("stdout", bytes("old news"))
    journal.close()
    const later = openJournal(dir, { owner: true })
    expect(later.lengths("a")).toEqual({ stdout: 8, stderr: 0 })
    expect(await collect(later, "a", "stdout", { follow: true, promised: 8 })).toBe("old news")
    expect(later.lengths("b")).toBeUndefined()
    expect(() => later.create("a")).toThrow(/EEXIST/)
  })

  it("fails with OutputLostError when less is there than was promised", async () => {
    const writer = journal.create("a")
    void writer.write("stdout", bytes("0123456789"))
    writer.complete()
    // Four bytes before a head, and an id of one.
    fs.truncateSync(path.join(dir, "a.log"), 5 + 4)
    const reading = collect(journal, "a", "stdout", { promised: 10 })
    await expect(reading).rejects.toBeInstanceOf(OutputLostError)
    await expect(reading).rejects.toMatchObject({ promised: 10, found: 4, channel: "stdout", executionId: "a" })
    const long = journal.create("b")
    void long.write("stdout", new Uint8Array(5000))
    long.complete()
    fs.truncateSync(path.join(dir, "b.out"), 4)
    await expect(collect(journal, "b", "stdout", { promised: 5000 })).rejects.toMatchObject({ found: 4 })
    await expect(collect(journal, "gone", "stderr", { promised: 1 })).rejects.toMatchObject({ found: 0 })
  })

  it("does not follow links or wait for FIFOs in a file's place", async () => {
    for (const name of ["a.out", "b.log"]) fs.symlinkSync("/etc/hostname", path.join(dir, name))
    for (const id of ["a", "b"]) await expect(collect(journal, id, "stdout")).rejects.toThrow(/ELOOP/)
  })

  it("packs what small commands print into one file, and keeps it apart", async () => {
    const ids = Array.from({ length: 50 }, (_, i) => `e-${i}`)
    const writers = ids.map((id) => journal.create(id))
    for (const round of [1, 2]) {
      for (const [i, writer] of writers.entries()) {
        void writer.write("stdout", bytes(`${round} of ${i}\n`))
        if (i % 3 === 0) void writer.write("stderr", bytes(`e-${i + 1} stdout 9\n`))
      }
    }
    for (const writer of writers) writer.complete()
    expect(new Set(ids.map((id) => fs.statSync(path.join(dir, `${id}.log`)).ino)).size).toBe(1)
    expect(fs.readdirSync(dir).filter((name) => !name.endsWith(".log"))).toEqual([])
    for (const reader of [journal, openJournal(dir)]) {
      for (const [i, id] of ids.entries()) {
        const stderr = i % 3 === 0 ? `e-${i + 1} stdout 9\n`.repeat(2) : ""
        expect(await collect(reader, id, "stdout")).toBe(`1 of ${i}\n2 of ${i}\n`)
        expect(await collect(reader, id, "stderr")).toBe(stderr)
        expect(reader.lengths(id)).toEqual({ stdout: `1 of ${i}\n`.length * 2, stderr: stderr.length })
      }
    }
  })

  it("takes another file when one is full, and removes an execution from it without the others", async () => {
    const text = "x".repeat(1500)
    const ids = Array.from({ length: 40 }, (_, i) => `e${i}`)
    for (const id of ids) {
      const writer = journal.create(id)
      void writer.write("stdout", bytes(id + text))
      writer.complete()
    }
    const files = new Set(ids.map((id) => fs.statSync(path.join(dir, `${id}.log`)).ino))
    expect(files.size).toBeGreaterThan(2)
    expect(files.size).toBeLessThan(10)
    for (const id of ids.slice(1)) journal.remove(id)
    expect(await collect(journal, "e0", "stdout")).toBe(`e0${text}`)
    expect(journal.lengths("e1")).toBeUndefined()
  })

  it("gives an execution a file of its own when it prints more, under the eyes of its readers", async () => {
    const other = openJournal(dir)
    const writer = journal.create("a")
    let expected = ""
    const followers = [journal, other].map((reader) =>
      reader.read("a", "stdout", { follow: true })[Symbol.asyncIterator]()
    )
    for (let i = 0; i < 12; i++) {
      const line = `line ${i} ${"x".repeat(400)}\n`
      expected += line
      void writer.write("stdout", bytes(line))
      // What others print meanwhile fills the file that is shared, so that another takes its place.
      const neighbour = journal.create(`n${i}`)
      void neighbour.write("stdout", bytes("y".repeat(2000)))
      neighbour.complete()
      for (const follower of followers) expect(Buffer.from((await follower.next()).value!.bytes).toString()).toBe(line)
    }
    expect(await collect(other, "a", "stdout", { fromByte: 10 })).toBe(expected.slice(10))
    expect(fs.readFileSync(path.join(dir, "a.out"), "utf8")).toBe(expected)
    other.complete("a", writer.complete())
    for (const follower of followers) expect((await follower.next()).done).toBe(true)
    expect(journal.lengths("a")).toEqual({ stdout: expected.length, stderr: 0 })
    other.close()
  })

  it("goes on in a new file where a dead owner's may end in the middle of something", async () => {
    void journal.create("a").write("stdout", bytes("before"))
    fs.appendFileSync(path.join(dir, ".log"), new Uint8Array([1, 1, 0]))
    const later = openJournal(dir, { owner: true })
    const writer = later.create("b")
    void writer.write("stdout", bytes("after"))
    writer.complete()
    expect(await collect(later, "a", "stdout", { promised: 6 })).toBe("before")
    expect(await collect(later, "b", "stdout")).toBe("after")
    later.close()
  })

  it("wakes a reader elsewhere of a file that has been replaced", async () => {
    const other = openJournal(dir)
    const writer = journal.create("a")
    const follower = other.read("a", "stdout", { follow: true })[Symbol.asyncIterator]()
    for (let i = 0; i < 9; i++) void journal.create(`n${i}`).write("stdout", bytes("y".repeat(1100)))
    expect(fs.statSync(path.join(dir, "a.log")).ino).not.toBe(fs.statSync(path.join(dir, ".log")).ino)
    const next = follower.next()
    // The reader has looked and found nothing before it is written.
    await new Promise((resolve) => setImmediate(resolve))
    void writer.write("stdout", bytes("late"))
    expect(Buffer.from((await next).value!.bytes).toString()).toBe("late")
    other.complete("a", writer.complete())
    expect((await follower.next()).done).toBe(true)
    other.close()
  })

  it("ends a follower on abort and on close", async () => {
    void journal.create("a").write("stdout", bytes("x"))
    const controller = new AbortController()
    const aborted = collect(journal, "a", "stdout", { follow: true, signal: controller.signal })
    const closed = collect(journal, "a", "stdout", { follow: true })
    controller.abort()
    expect(await aborted).toBe("x")
    journal.close()
    expect(await closed).toBe("x")
  })

  it("holds a flood of 50 MB without holding it in memory", async () => {
    const writer = journal.create("a")
    let seen = 0
    const reading = (async () => {
      for await (const chunk of journal.read("a", "stdout", { follow: true })) seen += chunk.bytes.length
    })()
    const block = new Uint8Array(65536)
    for (let i = 0; i < 800; i++) await writer.write("stdout", block)
    writer.complete()
    await reading
    expect(seen).toBe(800 * 65536)
  })

  it("watches a directory only while somebody follows", async () => {
    const other = openJournal(dir)
    const watching = (): number => process.getActiveResourcesInfo().filter((name) => name === "FSEventWrap").length
    const before = watching()
    expect(await collect(other, "none", "stdout")).toBe("")
    expect(watching()).toBe(before)
    const controller = new AbortController()
    const readers = ["a", "b", "c"].map((id) =>
      collect(other, id, "stdout", { follow: true, signal: controller.signal })
    )
    expect(watching()).toBe(before + 1)
    controller.abort()
    await Promise.all(readers)
    // A closed handle is listed until the event loop comes round.
    await vi.waitFor(() => expect(watching()).toBe(before))
    other.close()
  })
})

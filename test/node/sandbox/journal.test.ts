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
    fs.truncateSync(path.join(dir, "a.out"), 4)
    const reading = collect(journal, "a", "stdout", { promised: 10 })
    await expect(reading).rejects.toBeInstanceOf(OutputLostError)
    await expect(reading).rejects.toMatchObject({ promised: 10, found: 4, channel: "stdout", executionId: "a" })
    await expect(collect(journal, "gone", "stderr", { promised: 1 })).rejects.toMatchObject({ found: 0 })
  })

  it("does not follow links or wait for FIFOs in a file's place", async () => {
    fs.symlinkSync("/etc/hostname", path.join(dir, "a.out"))
    await expect(collect(journal, "a", "stdout")).rejects.toThrow(/ELOOP/)
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

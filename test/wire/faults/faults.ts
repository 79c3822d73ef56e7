/** The ways in which a server or the way to it can fail, each as an answer to any request. */
import type { Asked, Reply } from "../canned.ts"
import { answerTo } from "../answers.ts"

const right = (asked: Asked) => answerTo(asked.path, asked.body, "http://storage.test")

const status =
  (code: number, headers: Readonly<Record<string, string>> = {}) =>
  (): Reply => ({
    status: code,
    headers,
    body: { message: "no" }
  })

/** What a request gets that goes well. */
export const answered = (asked: Asked): Reply => {
  const { contentType, text } = right(asked)
  return { headers: { "content-type": contentType }, body: text }
}

const pieces = (asked: Asked, cut: (text: string) => object): Reply => {
  const { contentType, text } = right(asked)
  return { headers: { "content-type": contentType }, body: cut(text) }
}

/** Each with the word that the table has for it. */
export const faults: ReadonlyArray<readonly [word: string, reply: (asked: Asked) => Reply]> = [
  ["refused", () => ({ failure: { code: "ECONNREFUSED" } })],
  ["reset", () => ({ failure: { code: "ECONNRESET" } })],
  ["cut", (asked) => pieces(asked, (text) => ({ pieces: [text.slice(0, text.length / 2)], then: "reset" }))],
  ...[400, 401, 403, 404, 408, 409, 422, 429].map((code) => [String(code), status(code)] as const),
  ["429 after 7 s", status(429, { "retry-after": "7" })],
  ["500", status(500)],
  ["503 never", status(503, { "x-should-retry": "false" })],
  [
    "malformed",
    (asked) =>
      right(asked).contentType === "text/event-stream"
        ? { headers: { "content-type": "text/event-stream" }, body: `data: {"output":\n\n` }
        : { headers: { "content-type": "application/json" }, body: `{"id":` }
  ],
  ["wrong type", () => ({ headers: { "content-type": "text/html" }, body: "<html>Sign in</html>" })],
  ["empty", () => ({ headers: { "content-type": "application/json" }, body: "" })],
  ["trickle", (asked) => pieces(asked, (text) => ({ pieces: text.match(/[^]{1,8}/g) ?? [], every: "5 seconds" }))]
]

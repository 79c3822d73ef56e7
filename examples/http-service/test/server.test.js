import assert from "node:assert/strict"
import { test } from "node:test"
import { start } from "../src/server.js"

const post = (url, body) =>
  fetch(`${url}/links`, { method: "POST", headers: { "content-type": "application/json" }, body })

test("creates a link and redirects to it", async () => {
  await using service = await start()
  const created = await post(service.url, JSON.stringify({ target: "https://effect.website/docs", name: "docs" }))
  assert.equal(created.status, 201)
  const visited = await fetch(`${service.url}/docs`, { redirect: "manual" })
  assert.equal(visited.status, 302)
  assert.equal(visited.headers.get("location"), "https://effect.website/docs")
})

test("answers 400 to what is not a link and 409 to a name that is taken", async () => {
  await using service = await start()
  assert.equal((await post(service.url, "{")).status, 400)
  assert.equal((await post(service.url, JSON.stringify({ target: "ftp://x" }))).status, 400)
  const link = JSON.stringify({ target: "https://a.example", name: "a" })
  assert.equal((await post(service.url, link)).status, 201)
  assert.equal((await post(service.url, link)).status, 409)
})

test("answers 404 with what was asked for", async () => {
  await using service = await start()
  const missing = await fetch(`${service.url}/nowhere`)
  assert.equal(missing.status, 404)
  assert.match((await missing.json()).error, /GET \/nowhere/)
})

test("serves a hundred clients at once", async () => {
  await using service = await start()
  await post(service.url, JSON.stringify({ target: "https://a.example", name: "a" }))
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => fetch(`${service.url}/a`, { redirect: "manual" }))
  )
  assert.ok(answers.every((answer) => answer.status === 302))
  const [link] = await (await fetch(`${service.url}/links`)).json()
  assert.equal(link.visits, 100)
})

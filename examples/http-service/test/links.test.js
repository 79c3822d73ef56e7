import assert from "node:assert/strict"
import { test } from "node:test"
import { Links } from "../src/links.js"

test("gives a link the name that was asked for", () => {
  const links = new Links()
  assert.deepEqual(links.add("https://effect.website", "effect"), {
    name: "effect",
    target: "https://effect.website/",
    visits: 0
  })
})

test("finds a free name when none was asked for", () => {
  const links = new Links()
  links.add("https://a.example", "1")
  const names = [links.add("https://b.example").name, links.add("https://c.example").name]
  assert.equal(new Set(["1", ...names]).size, 3)
})

test("refuses a target that is not a web address", () => {
  for (const target of ["javascript:alert(1)", "file:///etc/passwd", "no address", undefined]) {
    assert.throws(() => new Links().add(target), RangeError)
  }
})

test("refuses a name that is taken", () => {
  const links = new Links()
  links.add("https://a.example", "a")
  assert.throws(() => links.add("https://b.example", "a"), /taken/)
})

test("counts visits", () => {
  const links = new Links()
  links.add("https://a.example", "a")
  links.visit("a")
  links.visit("a")
  assert.equal(links.visit("b"), undefined)
  assert.equal(links.list()[0].visits, 2)
})

/** Links in memory: a target for each short name. */
const allowed = new Set(["http:", "https:"])

export class Links {
  #targets = new Map()
  #visits = new Map()

  add(target, name = this.#freeName()) {
    const url = URL.parse(String(target))
    if (url === null || !allowed.has(url.protocol)) throw new RangeError("target must be an http or https URL")
    if (!/^[a-z0-9-]{1,32}$/.test(name)) throw new RangeError("name must be 1 to 32 of a-z, 0-9 and -")
    if (this.#targets.has(name)) throw new Error(`name ${name} is taken`)
    this.#targets.set(name, url.href)
    this.#visits.set(name, 0)
    return { name, target: url.href, visits: 0 }
  }

  visit(name) {
    const target = this.#targets.get(name)
    if (target !== undefined) this.#visits.set(name, this.#visits.get(name) + 1)
    return target
  }

  list() {
    return [...this.#targets].map(([name, target]) => ({ name, target, visits: this.#visits.get(name) }))
  }

  #freeName() {
    let next = this.#targets.size
    while (this.#targets.has(next.toString(36))) next++
    return next.toString(36)
  }
}

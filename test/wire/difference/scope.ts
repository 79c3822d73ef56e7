/** What must be on the list of operations: every method of the official client for these resources, and every path of `DevboxApi`. */
import { DevboxApi } from "@effect-devbox/core/DevboxApi"
import type { Runloop } from "@runloop/api-client"

/** Methods without an operation, and why. */
export const withoutOperation: Readonly<Record<string, string>> = {
  "devboxes.createGatewayToken":
    "answered with a typed refusal by our server and not offered by our client (PROTOCOL P14.2)",
  "devboxes.createMcpToken": "as the gateway token",
  "pty.connect":
    "spoken to a devbox's own tunnel and not to the interface; RunloopTerminals has it, and terminals.test.ts tries it",
  "pty.control": "as connect"
}

/** Paths that the official client does not have, and why. */
export const withoutOfficial: Readonly<Record<string, string>> = {
  "POST /v1/devboxes/:id/create_tunnel": "the tunnel of one port, which official clients had until 1.12 (PROTOCOL P8)",
  "GET /v1/effect-devbox/facts": "ours (PROTOCOL P19)"
}

const resources = (api: Runloop): Readonly<Record<string, object>> => ({
  devboxes: api.devboxes,
  "devboxes.executions": api.devboxes.executions,
  "devboxes.diskSnapshots": api.devboxes.diskSnapshots,
  "devboxes.logs": api.devboxes.logs,
  blueprints: api.blueprints,
  objects: api.objects,
  secrets: api.secrets,
  networkPolicies: api.networkPolicies,
  pty: api.pty
})

/** Notes which methods of a client are called, also by other methods and objects. */
export const noteCalls = (api: Runloop, called: Set<string>): ReadonlyArray<string> =>
  Object.entries(resources(api)).flatMap(([resource, instance]) => {
    const prototype = Object.getPrototypeOf(instance) as Record<string, unknown>
    return Object.getOwnPropertyNames(prototype).flatMap((method) => {
      const { value } = Object.getOwnPropertyDescriptor(prototype, method) ?? {}
      if (method === "constructor" || typeof value !== "function") return []
      const name = `${resource}.${method}`
      // On the instance, so that nobody else's client is touched.
      Object.defineProperty(instance, method, {
        configurable: true,
        value: (...args: ReadonlyArray<unknown>): unknown => {
          called.add(name)
          return Reflect.apply(value as (...args: ReadonlyArray<unknown>) => unknown, instance, args)
        }
      })
      return [name]
    })
  })

/** Method and path of everything that `DevboxApi` describes. */
export const described: ReadonlyArray<string> = Object.values(DevboxApi.groups).flatMap(({ endpoints }) =>
  Object.values(endpoints as Readonly<Record<string, { readonly method: string; readonly path: string }>>).map(
    ({ method, path }) => `${method} ${path}`
  )
)

/** Which of those a request is: paths without parameters win. */
export const endpointOf = (method: string, path: string): string | undefined =>
  described
    .filter((endpoint) => {
      const [verb, pattern = ""] = endpoint.split(" ")
      return verb === method && new RegExp(`^${pattern.replaceAll(/:\w+/g, "[^/]+")}$`).test(path)
    })
    .toSorted((a, b) => a.split(":").length - b.split(":").length)[0]

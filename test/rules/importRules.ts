/**
 * Which way the rooms look: the import rules of the house as data, each with its reason. `check.ts` applies them to the
 * real tree and `importRules.test.ts` to planted violations; nothing here reads a file.
 */
import { chain, type Edge, type Graph, importGraph } from "./importGraph.ts"
import type { Sources, Violation } from "./sources.ts"

/** A rule: a name, the reason it exists, and what breaks it. */
export interface ImportRule {
  readonly name: string
  readonly why: string
  readonly check: (
    graph: Graph
  ) => ReadonlyArray<{ readonly edge: Pick<Edge, "from" | "line">; readonly detail: string }>
}

type Found = ReturnType<ImportRule["check"]>

/** Files matching `inside` (and not `except`) may not import what matches `banned`. */
const forbid =
  (inside: RegExp, banned: (edge: Edge) => boolean, except = /^$/) =>
  (graph: Graph): Found =>
    graph.edges
      .filter((edge) => inside.test(edge.from) && !except.test(edge.from) && banned(edge))
      .map((edge) => ({ edge, detail: `imports ${edge.specifier}` }))

/** Files matching `inside` may not reach what matches `target`, over any number of imports. */
const unreachable =
  (inside: RegExp, target: RegExp) =>
  (graph: Graph): Found =>
    [...graph.files]
      .filter((path) => inside.test(path))
      .flatMap((path) => {
        const found = chain(graph, path, (to) => target.test(to) && to !== path)
        return found === undefined ? [] : [{ edge: { from: path, line: 1 }, detail: `reaches ${found.join(" → ")}` }]
      })

/** Types may refer to each other over files, as an interface and what implements it do; they are gone before anything loads. */
const noCycles = ({ edges, files }: Graph): Found =>
  [...files].flatMap((path) => {
    const found = chain({ files, edges: edges.filter((edge) => !edge.typeOnly) }, path, (to) => to === path)
    // A cycle is reported once, by the first of its files.
    return found === undefined || found.some((other) => other < path)
      ? []
      : [{ edge: { from: path, line: 1 }, detail: found.join(" → ") }]
  })

const to = (pattern: RegExp) => (edge: Edge) => pattern.test(edge.to)
const spelled = (pattern: RegExp) => (edge: Edge) => pattern.test(edge.specifier)
const packageOf = (path: string): string => /^(packages\/[^/]+|examples|test)\//.exec(path)?.[1] ?? ""

const service = /^packages\/core\/src\/DevboxService\.ts$/
const backend = /^packages\/[^/]+\/src\/(?!Devbox)\w+Backend\.ts$/
const wire =
  /^packages\/core\/src\/(DevboxApi\w*\.ts|RunloopBackend\.ts|internal\/(api|wire|handlers|runloop)\w*(\/.*)?|internal\/wireError\.ts)/

/** The rules, in the order in which they are explained in AGENTS.md. */
export const importRules: ReadonlyArray<ImportRule> = [
  {
    name: "service-knows-no-backend",
    why: "waiting, retrying and releasing are derived from any backend; a service that knows one would favour it",
    check: unreachable(service, backend)
  },
  {
    name: "backend-knows-no-service",
    why: "a backend does one request and nothing clever; cleverness has one home",
    check: unreachable(backend, service)
  },
  {
    name: "models-are-values",
    why: "models and errors are read by everything, so they may depend on nothing but each other",
    check: forbid(
      /^packages\/core\/src\/(DevboxModel|DevboxError|Execution|ExecResult|Snapshot|Network|Capabilities)\.ts$/,
      to(
        /^packages\/(?!core\/src\/(DevboxModel|DevboxError|Execution|ExecResult|Snapshot|Network|Capabilities|internal\/snakeCase)\.ts)/
      )
    )
  },
  {
    name: "only-the-wire-knows-the-wire",
    why: "paths and statuses live in one description of the wire; anything else that knew them would be a second one",
    check: forbid(
      /^packages\//,
      to(/^effect\/http-api|^packages\/core\/src\/DevboxApi/),
      new RegExp(`${wire.source}|^packages/core/src/index\\.ts$|^packages/node/src/\\w*Server\\.ts$`)
    )
  },
  {
    name: "core-is-platform-neutral",
    why: "core runs in a browser, on Deno and on Bun; what needs Node lives in packages/node",
    check: forbid(
      /^packages\/core\//,
      spelled(
        /^node:|^@effect\/platform|^@effect-devbox\/|^(fs|path|os|net|http|https|child_process|crypto|stream|util|url|buffer|events)(\/|$)/
      )
    )
  },
  {
    name: "core-sources-do-not-test",
    why: "what users install must not pull a test runner in; only the suites may",
    check: forbid(/^packages\//, to(/^(@effect\/)?vitest(\/|$)/), /^packages\/core\/src\/testing\/vitest\//)
  },
  {
    name: "sources-do-not-use-the-testing-room",
    why: "the testing room is built on the library, not the other way round",
    check: forbid(/^packages\/[^/]+\/src\/(?!testing\/)/, to(/^packages\/core\/src\/testing\//))
  },
  {
    name: "internal-stays-inside",
    why: "what is internal may change without notice; the tests of a room may look into it, other packages and examples may not",
    check: forbid(
      /^(packages|examples)\//,
      (edge) =>
        (/\/internal\//.test(edge.to) && packageOf(edge.from) !== packageOf(edge.to)) ||
        /^@effect-devbox\/\w+\/internal\//.test(edge.specifier)
    )
  },
  {
    name: "packages-meet-by-name",
    why: "a relative path into another package would not exist in what users install",
    check: forbid(
      /^(packages|examples)\//,
      (edge) => edge.specifier.startsWith(".") && packageOf(edge.from) !== packageOf(edge.to)
    )
  },
  {
    name: "deep-imports-of-effect",
    why: "barrels cost 300 ms at start-up and twice the bundle; the modules themselves do not",
    check: forbid(
      /^packages\//,
      spelled(
        /^effect(\/(http|http-api|cli|process|cluster|ai|sql|encoding|observability|socket|persistence|testing))?$|^@effect\/platform-node$/
      )
    )
  },
  {
    name: "unstable-effect-in-quarantine",
    why: "effect/cli and effect/process may change in a minor release; few files may have to follow",
    check: (graph) => [
      ...forbid(
        /^packages\//,
        to(/^effect\/cli/),
        /^packages\/node\/src\/(Cli\.ts|bin\.ts|internal\/(cli\/|flags\.ts))/
      )(graph),
      ...forbid(
        /^packages\//,
        to(/^effect\/process(?!\/CommandLine$)/),
        /^packages\/(node\/src\/(LocalBackend\.ts|internal\/)|core\/src\/DevboxSpawner\.ts)/
      )(graph)
    ]
  },
  {
    name: "no-cycles",
    why: "which of the two is undefined while the other loads depends on who was asked first",
    check: noCycles
  }
]

/** Every violation of every rule. */
export const checkImports = (
  sources: Sources,
  rules: ReadonlyArray<ImportRule> = importRules
): ReadonlyArray<Violation> => {
  const graph = importGraph(sources)
  return rules.flatMap((rule) =>
    rule.check(graph).map(({ edge, detail }) => ({
      rule: rule.name,
      path: edge.from,
      line: edge.line,
      detail: `${detail}: ${rule.why}`
    }))
  )
}

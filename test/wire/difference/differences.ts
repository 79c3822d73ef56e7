/** The differences there are, official client first, with the operations that show each, and why each is as it is. */

/** One of them. */
export interface Difference {
  readonly what: string
  readonly operations: ReadonlyArray<string> | "all"
  readonly why: string
}

/** All of them. */
export const differences: ReadonlyArray<Difference> = [
  {
    what: "path: /v1/devboxes/create_and_await_running → /v1/devboxes",
    operations: ["create as an object"],
    why: "a held answer can be lost with the connection; ours asks for the devbox, knows its id at once, and then waits by holds, which any version of the service has"
  },
  {
    what: "path: /v1/devboxes/a%20b+c → /v1/devboxes/a%20b%2Bc",
    operations: ["retrieve an id with odd characters"],
    why: "the same path: ours encodes each id as one segment, as Python's client does; TypeScript's leaves it to the URL (PROTOCOL P1.6)"
  },
  {
    what: "query include_total_count: (none) → false",
    operations: [
      "list",
      "list a page of a status",
      "list snapshots",
      "list snapshots of a devbox",
      "list blueprints",
      "list everybody's blueprints",
      "list objects",
      "list everybody's objects",
      "list policies"
    ],
    why: "counting is work for the server, and no operation of ours gives the count"
  },
  {
    what: "body.timeout_seconds: (none) → 30",
    operations: ["wait until running", "wait until suspended"],
    why: "ours says how long the hold may last, as Python's client does, so that its own deadline is kept"
  },
  {
    what: "body.timeout_seconds: (none) → 25",
    operations: ["wait for an execution"],
    why: "ours says how long the hold may last, as Python's client does, so that its own deadline is kept"
  },
  {
    what: "query offset: 0 → (none)",
    operations: ["stream stdout", "stream stderr"],
    why: "the beginning is the default, and Python's client sends none either (PROTOCOL P3.4)"
  },
  {
    what: "further request: (none) → GET /v1/devboxes/dbx_1/executions/exec_1",
    operations: ["stream stdout", "stream stderr", "stream stdout from an offset"],
    why: "a stream that ends in order while its command runs was cut; only the command can say which it is"
  },
  {
    what: "body.metadata: null → (none)",
    operations: ["upload an object"],
    why: "null means absent (PROTOCOL P1.5), and ours leaves out what is absent"
  },
  {
    what: "body: {} → ",
    operations: ["upload an object"],
    why: "completing has no arguments; the generated method sends nothing, as ours does, and only the official object adds an empty one"
  },
  {
    what: "header accept: */* → (none)",
    operations: ["upload an object", "download an object"],
    why: "the address of the contents is outside the interface, and anything is accepted with and without the header"
  },
  {
    what: "header accept-encoding: gzip,deflate → (none)",
    operations: ["upload an object", "download an object"],
    why: "the bytes of an object are wanted as they are stored"
  },
  {
    what: "query duration_seconds: (none) → 3600",
    operations: ["download an object"],
    why: "the default, said"
  }
]

/** The endpoints in groups, as Effect's own description of an interface has them. */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import { blueprints } from "./blueprints.ts"
import type { Describe } from "./describe.ts"
import { devboxes } from "./devboxes.ts"
import { executions } from "./executions.ts"
import { extensions } from "./extensions.ts"
import { failures } from "./failures.ts"
import { files } from "./files.ts"
import { network } from "./network.ts"
import { networkPolicies } from "./networkPolicies.ts"
import { objects } from "./objects.ts"
import { secrets } from "./secrets.ts"
import { snapshots } from "./snapshots.ts"

const describe: Describe = { ...HttpApiEndpoint, ...HttpApiSchema, failures }

/** Blueprints. */
export class BlueprintsApi extends HttpApiGroup.make("blueprints").add(...blueprints(describe)) {}
/** Devboxes' lives. */
export class DevboxesApi extends HttpApiGroup.make("devboxes").add(...devboxes(describe)) {}
/** Commands. */
export class ExecutionsApi extends HttpApiGroup.make("executions").add(...executions(describe)) {}
/** What is ours alone. */
export class ExtensionsApi extends HttpApiGroup.make("extensions").add(...extensions(describe)) {}
/** Files. */
export class FilesApi extends HttpApiGroup.make("files").add(...files(describe)) {}
/** SSH keys, tunnels and terminals. */
export class NetworkApi extends HttpApiGroup.make("network").add(...network(describe)) {}
/** Network policies. */
export class NetworkPoliciesApi extends HttpApiGroup.make("networkPolicies").add(...networkPolicies(describe)) {}
/** Storage objects. */
export class ObjectsApi extends HttpApiGroup.make("objects").add(...objects(describe)) {}
/** Secrets. */
export class SecretsApi extends HttpApiGroup.make("secrets").add(...secrets(describe)) {}
/** Disk snapshots. */
export class SnapshotsApi extends HttpApiGroup.make("snapshots").add(...snapshots(describe)) {}

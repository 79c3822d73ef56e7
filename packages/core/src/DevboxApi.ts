/**
 * The wire as one value: every path, request, answer and status of the devbox REST interface, from which the client
 * (`RunloopBackend`), the server (`DevboxApiHandlers`) and the OpenAPI document come. It describes and does nothing. Bodies are
 * the derived JSON forms of the models; fields of ours are optional. What a refusal means is `internal/wireError.ts`.
 */
import * as HttpApi from "effect/http-api/HttpApi"
import * as OpenApi from "effect/http-api/OpenApi"
import {
  BlueprintsApi,
  DevboxesApi,
  ExecutionsApi,
  ExtensionsApi,
  FilesApi,
  NetworkApi,
  NetworkPoliciesApi,
  ObjectsApi,
  SecretsApi,
  SnapshotsApi
} from "./internal/api/groups.ts"
import { Authorization, Door } from "./internal/api/security.ts"

/** The devbox REST interface. */
export class DevboxApi extends HttpApi.make("devbox")
  .add(DevboxesApi, ExecutionsApi, FilesApi, NetworkApi, SnapshotsApi)
  .add(BlueprintsApi, ObjectsApi, SecretsApi, NetworkPoliciesApi)
  .add(ExtensionsApi)
  // The later one is the outer one: nobody learns anything before the key is checked.
  .middleware(Door)
  .middleware(Authorization)
  .annotate(OpenApi.Title, "Devboxes")
  .annotate(
    OpenApi.Description,
    "The devbox REST interface. Errors are JSON with a message; lists are paged by `limit` and `starting_after`; a hold that ends answers 408."
  ) {}

/** The door of `@effect-devbox/node`: modules as namespaces. No code of its own. */
export * as DevboxDirectory from "./DevboxDirectory.ts"
export * as DevboxServer from "./DevboxServer.ts"
export * as SshFiles from "./SshFiles.ts"
export * as LocalBackend from "./LocalBackend.ts"
export * as LocalNetworkPolicies from "./LocalNetworkPolicies.ts"

/** The door of `@effect-devbox/core/testing/vitest`: what needs `@effect/vitest` to run. */
export * as Fixtures from "./fixtures.ts"
export * from "./suites.ts"

/** The door of `@effect-devbox/core/testing`: backends and checks for tests, of ours and yours. Needs no test runner. */
export * as ChaosBackend from "../ChaosBackend.ts"
export * as Exchanges from "./exchanges.ts"
export * as Laws from "./laws/index.ts"
export * as Leaks from "./leaks.ts"
export * as MemoryBackend from "../MemoryBackend.ts"
export * as Sweep from "./sweep.ts"
export * as VirtualTime from "./virtualTime.ts"

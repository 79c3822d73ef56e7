/** Which engine a backend of this package works with, for what is quicker with it than through the contract. */
import type { Shape } from "@effect-devbox/core/DevboxBackend"
import type { Engine } from "../local/engine.ts"

const engines = new WeakMap<Shape, Engine>()

/** Remembers the engine of a backend. */
export const withEngine = (backend: Shape, engine: Engine): Shape => {
  engines.set(backend, engine)
  return backend
}

/** The engine, unless the backend is another's, or somebody has put something before it. */
export const engineOf = (backend: Shape): Engine | undefined => engines.get(backend)

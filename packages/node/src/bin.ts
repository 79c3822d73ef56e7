#!/usr/bin/env node
/** The program `devbox`. What the machine compiled of it last time is kept, so that it starts at once. */
import { enableCompileCache } from "node:module"
import { homedir } from "node:os"
import { join } from "node:path"

// Not in the folder for temporary files, where others could have put something.
enableCompileCache(
  process.env["NODE_COMPILE_CACHE"] ??
    join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "effect-devbox", "compiled")
)
const { main } = await import("./Cli.ts")
main(process.argv.slice(2))

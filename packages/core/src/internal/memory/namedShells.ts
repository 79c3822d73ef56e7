/** Named shells: one command at a time, in the order they were asked for, each with the folder and variables of the last. */
import type { Box } from "./state.ts"
import type { Execution } from "./execution.ts"
import type { ShellState } from "./builtins.ts"

/** Runs a command in a named shell when its turn comes. */
export const inShell = (
  box: Box,
  name: string,
  execution: Execution,
  start: () => ShellState,
  run: (state: ShellState, done: () => void) => void
): void => {
  const shell = box.shells.get(name) ?? { state: start(), restarted: false, waiting: [], busy: false, draining: false }
  box.shells.set(name, shell)
  const drain = () => {
    // A loop rather than each command starting the next, so that a long queue of short commands is no deep stack.
    if (shell.draining) return
    shell.draining = true
    // After a suspend or shutdown nothing of the shell runs on.
    while (!shell.busy && box.shells.get(name) === shell && shell.waiting.length > 0) shell.waiting.shift()!()
    shell.draining = false
  }
  shell.waiting.push(() => {
    if (execution.ended !== undefined) return
    shell.busy = true
    execution.shellRestarted = shell.restarted
    shell.restarted = false
    run(shell.state, () => {
      shell.busy = false
      const killed = typeof execution.ended?.exit === "string"
      if (shell.state.over || killed) {
        shell.state = start()
        shell.restarted = true
      }
      drain()
    })
  })
  drain()
}

/** Lays variables and a folder over a shell for one command; gives what takes them away again. */
export const overlay = (
  state: ShellState,
  env: Readonly<Record<string, string>>,
  cwd: string | undefined
): (() => void) => {
  const before = new Map(Object.keys(env).map((name) => [name, state.exported.get(name)] as const))
  const folder = state.cwd
  for (const [name, value] of Object.entries(env)) state.exported.set(name, value)
  if (cwd !== undefined) state.cwd = cwd
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) state.exported.delete(name)
      else state.exported.set(name, value)
    }
    if (cwd !== undefined) state.cwd = folder
  }
}

/** What a victim does until it is killed, and how it says so: a line before and after each phase. */

/** What a victim can be killed in. */
export const phases = ["create", "exec", "snapshot", "fork", "suspend", "delete"] as const
export type Phase = (typeof phases)[number]

/** A line of a victim. */
export type Line =
  | { readonly begin: Phase }
  | { readonly end: Phase; readonly ms: number }
  /** The snapshot was acknowledged and holds this word in the file `word`. */
  | { readonly kept: string; readonly word: string }
  /** From now on nobody may count on this snapshot. */
  | { readonly deleting: string }

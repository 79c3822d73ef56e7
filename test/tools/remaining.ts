/** Waiting for the end of what was ended: what goes a moment after whoever ended it is no leak. */

/** How long what was ended may take to be gone, in milliseconds. */
const patience = 5000

/** Looks again and again until nothing is left, or for as long as one can wait; gives what is left. */
export const remaining = async (look: () => ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const until = performance.now() + patience
  for (let left = look(); ; left = look()) {
    if (left.length === 0 || performance.now() > until) return left
    // The end of a process is seen in real time and announced by nobody.
    await new Promise((resolve) => setTimeout(resolve, 20)) // real time
  }
}

/** A path inside as a command sees it: commands start in the home folder, where `~/x` is `x`. */
export const inHome = (path: string): string => (path === "~" ? "." : path.startsWith("~/") ? path.slice(2) : path)

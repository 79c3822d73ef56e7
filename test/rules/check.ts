/**
 * `pnpm check`'s last step: the rules of this folder applied to the real tree. Prints what breaks them and exits 1; it
 * knows no rule itself.
 */
import { checkImports, importRules } from "./importRules.ts"
import { readSources, render } from "./sources.ts"
import { checkText, textRules } from "./textRules.ts"

const sources = readSources()
const violations = [...checkImports(sources), ...checkText(sources)]
if (violations.length > 0) console.error(render(violations))
console.log(
  `rules: ${importRules.length} for imports, ${textRules.length} for text, ${sources.size} files, ${violations.length} violations`
)
process.exitCode = violations.length === 0 ? 0 : 1

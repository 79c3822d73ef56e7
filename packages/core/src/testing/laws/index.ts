/** The laws of backends and of the service, and how to judge them without a test runner. */
export * as Claim from "./claim.ts"
export { backendLaws } from "./backend/index.ts"
export { serviceLaws } from "./service/index.ts"
export { LawViolation } from "./claim.ts"
export { judge, judgeVirtually, skipReason, type Verdict } from "./judge.ts"
export { type BackendLaw, type Law, law, type Need, type ServiceLaw, Surroundings } from "./law.ts"

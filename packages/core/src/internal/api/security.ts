/** Who may call, as part of the description. How keys are checked and failures answered is the server's business. */
import * as Context from "effect/Context"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"

/** Whose request is being answered. */
export class Caller extends Context.Service<Caller, { readonly id: string }>()("effect-devbox/Caller") {}

/** A bearer key with every request. */
export class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: Caller }>()(
  "effect-devbox/Authorization",
  { security: { bearer: HttpApiSecurity.bearer } }
) {}

/** What stands around every request: requests that cannot be read, defects and repeated requests are answered here. */
export class Door extends HttpApiMiddleware.Service<Door, { requires: Caller }>()("effect-devbox/Door") {}

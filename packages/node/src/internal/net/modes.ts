// What a network mode means for the box itself: what the sandbox gives it, and what its programs are told.
import type { NetworkMode } from "@effect-devbox/core/DevboxModel"

/** Where a box finds the way out, on its own loopback. */
export const proxyPort = 3128

/** What programs are told. Those that ask nobody, and everything that is not HTTP or a tunnel through it, stay inside. */
export const environmentOf = (mode: NetworkMode): Readonly<Record<string, string>> => {
  if (mode !== "proxy") return {}
  const proxy = `http://127.0.0.1:${proxyPort}`
  const inside = "localhost,127.0.0.1,::1"
  return {
    http_proxy: proxy,
    https_proxy: proxy,
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    no_proxy: inside,
    NO_PROXY: inside,
    // Node's own fetch and http look at the variables only when told so.
    NODE_USE_ENV_PROXY: "1"
  }
}

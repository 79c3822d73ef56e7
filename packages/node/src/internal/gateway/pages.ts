// What somebody sees when no server inside answered: one sentence, for people and for programs.
import type { GatewayError } from "./target.ts"

const titles: Readonly<Record<GatewayError["status"], string>> = {
  401: "This tunnel is not open to everybody",
  404: "No such tunnel",
  502: "Nothing answers",
  503: "The devbox is not running"
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

/** A page, for a browser or for a terminal. */
export const page = (
  { message, status }: Pick<GatewayError, "message" | "status">,
  accept: string | undefined
): { readonly body: string; readonly headers: Readonly<Record<string, string>> } => {
  const html = accept?.includes("text/html") === true
  const title = titles[status]
  const body = html
    ? `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><body style="font:16px/1.5 system-ui;margin:15vh auto;max-width:36rem;padding:0 1rem"><h1>${title}</h1><p>${escaped(message)}</p></body></html>\n`
    : `${title}. ${message}\n`
  return {
    body,
    headers: {
      "content-type": `${html ? "text/html" : "text/plain"}; charset=utf-8`,
      "content-length": String(Buffer.byteLength(body)),
      "cache-control": "no-store",
      ...(status === 401 ? { "www-authenticate": 'Bearer realm="devbox tunnel"' } : {})
    }
  }
}

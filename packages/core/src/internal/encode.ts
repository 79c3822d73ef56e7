/** Text or bytes as bytes, for everything that takes either. */

const encoder = new TextEncoder()

/** Text as UTF-8; bytes as they are. */
export const encode = (data: string | Uint8Array): Uint8Array =>
  typeof data === "string" ? encoder.encode(data) : data

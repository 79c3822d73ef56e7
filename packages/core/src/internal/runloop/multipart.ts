/** A `multipart/form-data` body with a path and a file, as a stream, so that a file of any size passes in constant memory. */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as HttpBody from "effect/http/HttpBody"
import * as Stream from "effect/Stream"

const encoder = new TextEncoder()

/** A file name as a quoted string of a header: what would end it, or may not be in a header, is percent-encoded. */
const quoted = (name: string): string =>
  `"${name.replace(/["\u0000-\u001f\u007f]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`)}"`

const basename = (path: string): string => path.slice(path.lastIndexOf("/") + 1) || "file"

/** The body; its length is sent where `size` says it. */
export const uploadBody = (
  path: string,
  contents: Stream.Stream<Uint8Array, unknown>,
  size: number | undefined
): HttpBody.Stream => {
  const boundary = `effect-devbox-${SecureRandom.uuidV7Unsafe()}`
  const before = encoder.encode(
    [
      `--${boundary}`,
      `Content-Disposition: form-data; name="path"`,
      "",
      path,
      `--${boundary}`,
      `Content-Disposition: form-data; name="file"; filename=${quoted(basename(path))}`,
      "Content-Type: application/octet-stream",
      "",
      ""
    ].join("\r\n")
  )
  const after = encoder.encode(`\r\n--${boundary}--\r\n`)
  return HttpBody.stream(
    Stream.make(before).pipe(Stream.concat(contents), Stream.concat(Stream.make(after))),
    `multipart/form-data; boundary=${boundary}`,
    size === undefined ? undefined : before.length + size + after.length
  )
}

/** The endpoints of files (PROTOCOL P7). Contents are streams of bytes; the keys of the paths differ, as they do on Runloop. */
import * as Schema from "effect/Schema"
import { ExecutionDetailJson } from "../../Execution.ts"
import { snakeCase } from "../snakeCase.ts"
import { accept, byId, Opaque } from "./common.ts"
import type { Describe } from "./describe.ts"

/** The request to read a file as text. */
export const ReadFile = snakeCase(Schema.Struct({ filePath: Schema.String }))

/** The request to write a text. */
export const WriteFile = snakeCase(Schema.Struct({ filePath: Schema.String, contents: Schema.String }))

/** The request for the bytes of a file. */
export const DownloadFile = Schema.Struct({ path: Schema.String })

/** The parts of an upload: the path first, as every client sends it; `file` may be missing, which is an empty file. */
export const UploadFile = Schema.Struct({ path: Schema.String, file: Schema.Unknown })

/** The endpoints. */
export const files = ({ asMultipartStream, failures, post, StreamUint8Array }: Describe) => {
  return [
    post("read", "/v1/devboxes/:id/read_file_contents", {
      params: byId,
      headers: accept,
      payload: ReadFile,
      success: StreamUint8Array({ contentType: "text/plain" }),
      error: failures
    }),
    post("write", "/v1/devboxes/:id/write_file_contents", {
      params: byId,
      payload: WriteFile,
      success: ExecutionDetailJson,
      error: failures
    }),
    post("upload", "/v1/devboxes/:id/upload_file", {
      params: byId,
      payload: UploadFile.pipe(asMultipartStream()),
      success: Opaque,
      error: failures
    }),
    post("download", "/v1/devboxes/:id/download_file", {
      params: byId,
      headers: accept,
      payload: DownloadFile,
      success: StreamUint8Array(),
      error: failures
    })
  ] as const
}

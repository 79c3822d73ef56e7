/** Attempts by way of the SDK: names that lead out of the devbox, given to every operation that takes a path. */
import { Effect, Stream } from "effect"
import { type FileTrial, files, type Place } from "./fileTrial.ts"

/** Enough to be above any root. */
const up = "../".repeat(24)
const out = (path: string): string => `${up}${path.slice(1)}`

const secretOf = ({ target }: Place): string => `${target}/${files.secret}`
const plantedOf = ({ target }: Place): string => `${target}/${files.planted}`
const bytes = new TextEncoder().encode("planted")

const linkTo = (path: (place: Place) => string) => (place: Place) => `ln -s '${path(place)}' ~/link`
const linkToTarget = linkTo(({ target }) => target)

const read: FileTrial["operation"] = ({ devbox }, name) => devbox.file.read(name)
const write: FileTrial["operation"] = ({ devbox }, name) => devbox.file.write(name, "planted").pipe(Effect.asVoid)
const upload: FileTrial["operation"] = ({ devbox }, name) => devbox.file.upload(name, bytes)
const download: FileTrial["operation"] = ({ devbox }, name) => devbox.file.download(name)
const downloadStream: FileTrial["operation"] = ({ devbox }, name) =>
  devbox.file.downloadStream(name).pipe(Stream.decodeText, Stream.mkString)
const uploadStream: FileTrial["operation"] = ({ devbox }, name) => devbox.file.upload(name, Stream.make(bytes))
const inFolder =
  (command: string): FileTrial["operation"] =>
  ({ devbox }, name) =>
    devbox.cmd
      .execOrFail(command, { cwd: name.slice(0, name.lastIndexOf("/")) })
      .pipe(Effect.map(({ stdout }) => stdout))

/** An operation with a name that climbs, one with a link to a file, and one with a link to a folder. */
const threeWays = (
  id: string,
  call: string,
  kind: FileTrial["kind"],
  operation: FileTrial["operation"]
): ReadonlyArray<FileTrial> => {
  const goal = kind === "read" ? secretOf : plantedOf
  const file = kind === "read" ? files.secret : files.planted
  return [
    {
      id: `${id}-parent`,
      title: `gives ${call} a name that climbs out with ..`,
      kind,
      operation,
      name: (place) => out(goal(place))
    },
    {
      id: `${id}-link`,
      title: `gives ${call} a link that it planted`,
      kind,
      operation,
      prepare: linkTo(goal),
      name: () => "link"
    },
    {
      id: `${id}-folder-link`,
      title: `gives ${call} a name below a folder that it planted as a link`,
      kind,
      operation,
      prepare: linkToTarget,
      name: () => `~/link/${file}`
    }
  ]
}

/** Every operation with a path, each in every way. */
export const fileApiAttempts: ReadonlyArray<FileTrial> = [
  ...threeWays("read", "file.read", "read", read),
  ...threeWays("download", "file.download", "read", download),
  ...threeWays("download-stream", "file.downloadStream", "read", downloadStream),
  ...threeWays("write", "file.write", "write", write),
  ...threeWays("upload", "file.upload", "write", upload),
  ...threeWays("upload-stream", "file.upload of a stream", "write", uploadStream),
  {
    id: "read-absolute",
    title: "gives file.read an absolute name of the host",
    kind: "read",
    operation: read,
    name: secretOf
  },
  {
    id: "upload-absolute",
    title: "gives file.upload an absolute name of the host",
    kind: "write",
    operation: upload,
    name: plantedOf
  },
  {
    id: "read-self-root",
    title: "gives file.read a name below /proc/self/root",
    kind: "read",
    operation: read,
    name: (place) => `/proc/self/root${secretOf(place)}`
  },
  {
    id: "download-cwd",
    title: "gives file.download a name below /proc/self/cwd",
    kind: "read",
    operation: download,
    name: (place) => `/proc/self/cwd/${out(secretOf(place))}`
  },
  {
    id: "cwd-parent",
    title: "gives a command a working folder that climbs out with ..",
    kind: "read",
    operation: inFolder(`cat ${files.secret}`),
    name: (place) => out(secretOf(place))
  },
  {
    id: "cwd-link",
    title: "gives a command a working folder that it planted as a link",
    kind: "read",
    operation: inFolder(`cat ${files.secret}`),
    prepare: linkToTarget,
    name: () => `link/${files.secret}`
  },
  {
    id: "cwd-write",
    title: "gives a command that writes a working folder of the host",
    kind: "write",
    operation: inFolder(`echo planted > ${files.planted}`),
    name: plantedOf
  }
]

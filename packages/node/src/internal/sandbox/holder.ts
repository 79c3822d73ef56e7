// Keeps a detached box: the process that runs this owns the box, and clients come and go over a socket. It ends when
// the box ends, and the box ends when it does. Nothing in here reads what clients and box say to each other; orders are for the host program.
import { chmodSync, rmSync } from "node:fs"
import * as net from "node:net"
import { doneOf, drive } from "./box.ts"
import { BoxOwner } from "./owner.ts"
import { onLines, withShortPath } from "./socketLink.ts"
import type { Holder, HolderOptions } from "./types.ts"

/** Starts the box and serves its socket. Resolves when both are ready. */
export const runHolder = async (options: HolderOptions): Promise<Holder> => {
  const owner = await BoxOwner.start(options.spec)
  const box = drive(options.spec, owner)
  const clients = new Set<net.Socket>()
  owner.onLine((line) => {
    record(options, line)
    for (const client of clients) client.write(`${line}\n`)
  })
  const server = net.createServer((client) => {
    clients.add(client)
    client.on("error", () => client.destroy())
    client.on("close", () => {
      clients.delete(client)
      options.onLeave?.()
    })
    client.write(owner.hello().join("\n") + "\n")
    onLines(client, (line) => {
      if (!line.startsWith("O ")) return owner.send(line)
      const [, nonce = "", words = ""] = line.split(" ")
      void (options.onOrder?.(Buffer.from(words, "base64").toString()) ?? Promise.resolve("")).then((answer) =>
        client.write(`O ${nonce} ${Buffer.from(answer).toString("base64")}\n`)
      )
    })
  })
  rmSync(options.socketPath, { force: true })
  const mask = process.umask(0o177)
  try {
    await withShortPath(
      options.socketPath,
      (short) =>
        new Promise<void>((resolve, reject) => {
          server.once("error", reject)
          server.listen(short, () => resolve())
        })
    )
    chmodSync(options.socketPath, 0o600)
  } catch (error) {
    await owner.close()
    throw error
  } finally {
    process.umask(mask)
  }
  const closed = owner.closed.then((result) => {
    // The connections stay, without keeping this process: who waits for its end sees it by theirs.
    for (const client of clients) {
      client.write(`C ${JSON.stringify(result)}\n`)
      client.unref()
    }
    server.close()
    rmSync(options.socketPath, { force: true })
    return result
  })
  return {
    box,
    closed,
    has: (executionId) => owner.has(executionId),
    stop: async () => {
      await owner.close()
      await closed
    }
  }
}

const record = (options: HolderOptions, line: string): void => {
  const [op, id = "", ...words] = line.split(" ")
  if (op === "S") options.onStart?.(id, Number(words[0]))
  else if (op === "F") options.onFailed?.(id, words[0] ?? "")
  else if (op === "D") options.onExit?.(id, doneOf(words))
}

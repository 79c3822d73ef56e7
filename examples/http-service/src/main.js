import { start } from "./server.js"

const { url } = await start(Number(process.env.PORT ?? 8080))
console.log(`listening on ${url}`)

import { Devbox, DevboxService, DevboxBackend } from "@effect-devbox/core"
import { CreateParams } from "@effect-devbox/core/DevboxModel"
import { ExecutionId } from "@effect-devbox/core/Execution"
import { LocalBackend } from "@effect-devbox/node"
import { Effect, Layer, Duration } from "effect"
import { randomUUID } from "node:crypto"
import { makeHost } from "./node/sandbox/helpers.ts"
const n=300
const stat=(l:string,ts:number[],c:NodeJS.CpuUsage)=>{ts.sort((a,b)=>a-b);const u=process.cpuUsage(c);console.log(l.padEnd(10),"p50",ts[n/2]!.toFixed(2),"p95",ts[Math.floor(n*.95)]!.toFixed(2),"cpu/exec ms",((u.user+u.system)/1000/n).toFixed(3))}
const h = await makeHost("bubblewrap"); const b = await h.start()
const prog = Effect.gen(function*(){
  const backend = yield* DevboxBackend.DevboxBackend
  const box = yield* Devbox.create({})
  for (let round=0; round<3; round++) {
    let ts:number[]=[]; let c=process.cpuUsage()
    yield* Effect.promise(async()=>{for(let i=0;i<n;i++){const t=performance.now(); await b.exec({id:randomUUID(),command:"echo hi"}).done; ts.push(performance.now()-t)}})
    stat("raw",ts,c)
    ts=[]; c=process.cpuUsage()
    for(let i=0;i<n;i++){const t=performance.now(); const {executionId}=yield* backend.startExecution(box.id,{commandId:ExecutionId.make(randomUUID()),command:"echo hi"}); yield* backend.waitForExecution!(box.id,executionId,Duration.seconds(25)); ts.push(performance.now()-t)}
    stat("backend",ts,c)
    ts=[]; c=process.cpuUsage()
    for(let i=0;i<n;i++){const t=performance.now(); yield* box.cmd.exec("echo hi"); ts.push(performance.now()-t)}
    stat("service",ts,c)
  }
})
const L = DevboxService.layer.pipe(Layer.provideMerge(LocalBackend.layer({stateDir:"/var/tmp/devbox-smoke3"})))
await Effect.runPromise(prog.pipe(Effect.scoped, Effect.provide(L)))
await h.close()

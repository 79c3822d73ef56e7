/**
 * A devbox as tools for an agent. As it stands this is an MCP server on stdio, which any MCP client can start; the same
 * toolkit goes to `LanguageModel.generateText({ toolkit, … })`, and the devbox is gone when the client leaves.
 *
 *     node 10-agent-tools.ts
 */
import { Devbox, DevboxService } from "@effect-devbox/core"
import * as DevboxToolkit from "@effect-devbox/core/DevboxToolkit"
import { LocalBackend } from "@effect-devbox/node"
import { NodeRuntime, NodeStdio } from "@effect/platform-node"
import { Effect, Layer, Logger } from "effect"
import { McpProtocol, McpServer } from "effect/ai"

/** The tools, each working in one devbox that lives as long as the layer. */
const Tools = McpServer.toolkit(DevboxToolkit.toolkit).pipe(
  Layer.provide(Layer.unwrap(Effect.map(Devbox.create({ name: "agent" }), (devbox) => DevboxToolkit.layer(devbox))))
)

const Server = McpServer.layerStdio({
  name: "devbox",
  version: "1.0.0",
  instructions: "Runs commands and keeps files in an isolated machine. Nothing outside of it can be reached or harmed.",
  protocols: [McpProtocol.v2025_11_25, McpProtocol.v2025_06_18],
  registrations: Tools
}).pipe(
  Layer.provide(DevboxService.layer),
  Layer.provide(LocalBackend.layerConfig()),
  Layer.provide(NodeStdio.layer),
  // Stdout belongs to the protocol.
  Layer.provide(Layer.succeed(Logger.LogToStderr, true))
)

Layer.launch(Server).pipe(NodeRuntime.runMain)

/** What a program on Effect that speaks HTTP, streams and decodes has before it knows a devbox: the ground that our client stands on. */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Sse from "effect/encoding/Sse"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

class Thing extends Schema.Class<Thing>("Thing")({ id: Schema.String, size: Schema.optionalKey(Schema.Int) }) {}
class Failed extends Schema.TaggedError<Failed>()("Failed", { why: Schema.String }) {}
class Things extends Context.Service<Things, { readonly get: Effect.Effect<Thing, Failed> }>()("Things") {}

const counted = Metric.counter("things")
const parser = Sse.makeParser(() => {})

const layer = Layer.effect(
  Things,
  Effect.map(Effect.all([HttpClient.HttpClient, Config.String("URL")]), ([client, url]) => ({
    get: client.get(url).pipe(
      Effect.flatMap((response) =>
        Stream.runForEach(Stream.decodeText(response.stream), (text) => Effect.sync(() => parser.feed(text)))
      ),
      Effect.andThen(Schema.decodeUnknownEffect(Thing)({ id: "x" })),
      Effect.mapError((cause) => new Failed({ why: String(cause) })),
      Effect.retry(Schedule.exponential("1 second").pipe(Schedule.jittered, Schedule.upTo({ times: 3 }))),
      Effect.timeoutOrElse({ duration: "30 seconds", orElse: () => Effect.fail(new Failed({ why: "late" })) }),
      Effect.tap(() => Metric.update(counted, 1)),
      Effect.withSpan("get")
    )
  }))
)

export const main = (): Promise<Thing> =>
  Things.use((things) => things.get).pipe(
    Effect.provide(Layer.provide(layer, FetchHttpClient.layer)),
    Effect.scoped,
    Effect.runPromise
  )

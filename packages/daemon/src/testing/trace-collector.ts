/** A collector of traces: takes OTLP in JSON over HTTP, as the specification has it, and keeps what came. */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: number;
  /** 2: it failed. */
  readonly status: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

interface Value {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
}

interface Attribute {
  readonly key: string;
  readonly value: Value;
}

interface Body {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<CollectedSpan, "attributes" | "status"> & {
        readonly attributes: readonly Attribute[];
        readonly status: { readonly code?: number };
      })[];
    }[];
  }[];
}

type Answering = (answer: ServerResponse) => void;

export class TraceCollector implements AsyncDisposable {
  readonly url: string;
  readonly spans: CollectedSpan[] = [];
  readonly resources: Readonly<Record<string, unknown>>[] = [];
  /** All bytes that came, to look for what must not. */
  text = "";
  requests = 0;
  answering: Answering = (answer) =>
    void answer.writeHead(200, { "content-type": "application/json" }).end("{}");
  readonly #close: () => Promise<void>;

  static async start(port = 0): Promise<TraceCollector> {
    const server = createServer((request, answer) => {
      void request.toArray().then((parts) => {
        const bytes = Buffer.concat(parts as Buffer[]);
        const isPacked = request.headers["content-encoding"] === "gzip";
        collector.#take(request.url ?? "", (isPacked ? gunzipSync(bytes) : bytes).toString());
        collector.text += JSON.stringify(request.headers);
        collector.answering(answer);
      });
    });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    const { port: taken } = server.address() as AddressInfo;
    const collector: TraceCollector = new TraceCollector(`http://127.0.0.1:${taken}`, async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    });
    return collector;
  }

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  /** As settings have it. */
  get endpoint(): string {
    return `${this.url}/v1/traces`;
  }

  named(name: string): readonly CollectedSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }

  #take(path: string, body: string): void {
    if (path !== "/v1/traces") throw new Error(`a collector was asked for ${path}`);
    this.requests += 1;
    this.text += body;
    for (const { resource, scopeSpans } of (JSON.parse(body) as Body).resourceSpans) {
      this.resources.push(valuesOf(resource.attributes));
      for (const { spans } of scopeSpans) {
        for (const span of spans) {
          const { traceId, spanId, name, kind, parentSpanId, attributes, status } = span;
          const parent = parentSpanId === "" ? undefined : parentSpanId;
          this.spans.push({
            traceId,
            spanId,
            parentSpanId: parent,
            name,
            kind,
            status: status.code ?? 0,
            attributes: valuesOf(attributes),
          });
        }
      }
    }
  }
}

function valuesOf(attributes: readonly Attribute[]): Record<string, string | number | boolean> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.stringValue ?? value.boolValue ?? value.doubleValue ?? Number(value.intValue),
    ]),
  );
}

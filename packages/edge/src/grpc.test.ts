/** A real gRPC client and server on either side of the proxy: unary, streams each way, status, metadata, cancellation, deadlines. */
import {
  credentials,
  makeGenericClientConstructor,
  Metadata,
  Server,
  ServerCredentials,
  status,
  type Client,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestEdge } from "./testing/test-edge.ts";

const text = {
  serialize: (value: string) => Buffer.from(value),
  deserialize: (bytes: Buffer) => bytes.toString(),
};

function method(path: string, requestStream: boolean, responseStream: boolean) {
  return {
    path: `/test.Echo/${path}`,
    requestStream,
    responseStream,
    requestSerialize: text.serialize,
    requestDeserialize: text.deserialize,
    responseSerialize: text.serialize,
    responseDeserialize: text.deserialize,
  };
}

const DEFINITION: ServiceDefinition = {
  unary: method("Unary", false, false),
  count: method("Count", false, true),
  join: method("Join", true, false),
  chat: method("Chat", true, true),
};

type Call = {
  readonly request: string;
  readonly metadata: Metadata;
  write(value: string): void;
  end(trailers?: Metadata): void;
  on(event: string, listener: (value: string) => void): void;
  sendMetadata(metadata: Metadata): void;
};
type Answer = (error: object | null, value?: string, trailers?: Metadata) => void;

const cancelled = Promise.withResolvers<void>();

const ECHO: UntypedServiceImplementation = {
  unary: ((call: Call, answer: Answer) => {
    if (call.request === "fail") return answer({ code: status.NOT_FOUND, details: "no such thing" });
    const trailers = new Metadata();
    trailers.set("x-seen", String(call.metadata.get("x-sent")[0] ?? ""));
    answer(null, `echo ${call.request}`, trailers);
  }) as never,
  count: ((call: Call) => {
    if (call.request === "forever") return call.on("cancelled", () => cancelled.resolve());
    for (let index = 0; index < Number(call.request); index += 1) call.write(`${index}`);
    call.end();
  }) as never,
  join: ((call: Call, answer: Answer) => {
    const words: string[] = [];
    call.on("data", (word) => words.push(word));
    call.on("end", () => answer(null, words.join(" ")));
  }) as never,
  chat: ((call: Call) => {
    call.on("data", (word) => call.write(`re: ${word}`));
    call.on("end", () => call.end());
  }) as never,
};

interface EchoClient extends Client {
  unary(
    request: string,
    metadata: Metadata,
    answer: (error: { code: number; details: string } | null, value: string) => void,
  ): {
    on(event: "status", listener: (status: { metadata: Metadata }) => void): void;
  };
  count(
    request: string,
    options?: object,
  ): AsyncIterable<string> & {
    cancel(): void;
    on(event: string, listener: (error: { code: number }) => void): void;
  };
  join(answer: (error: Error | null, value: string) => void): { write(word: string): void; end(): void };
  chat(): AsyncIterable<string> & { write(word: string): void; end(): void };
}

let proxy: TestEdge;
let server: Server;
let client: EchoClient;

beforeAll(async () => {
  proxy = await TestEdge.start();
  server = new Server();
  server.addService(DEFINITION, ECHO);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const vmId = proxy.vms.add({ port, h2c: true });
  const Echo = makeGenericClientConstructor(DEFINITION, "Echo");
  client = new Echo(`127.0.0.1:${proxy.http2Port}`, credentials.createInsecure(), {
    "grpc.default_authority": proxy.host(vmId),
  }) as unknown as EchoClient;
});

afterAll(async () => {
  client.close();
  server.forceShutdown();
  expect(proxy.errors).toEqual([]);
  await proxy[Symbol.asyncDispose]();
});

test("a unary call, with metadata there and back", async () => {
  const sent = new Metadata();
  sent.set("x-sent", "meta");
  const { promise, resolve } = Promise.withResolvers<{ value: string; seen: unknown }>();
  let value = "";
  client
    .unary("hello", sent, (_error, answer) => {
      value = answer;
    })
    .on("status", ({ metadata }) => resolve({ value, seen: metadata.get("x-seen")[0] }));
  expect(await promise).toEqual({ value: "echo hello", seen: "meta" });
});

test("an error's status and text", async () => {
  const error = await new Promise((resolve) => client.unary("fail", new Metadata(), resolve));
  expect(error).toMatchObject({ code: status.NOT_FOUND, details: "no such thing" });
});

test("a stream of answers, a stream of requests, and both at once", async () => {
  const counted = await Array.fromAsync(client.count("1000"));
  expect(counted).toEqual(Array.from({ length: 1000 }, (_, index) => `${index}`));
  const joined = await new Promise((resolve, reject) => {
    const call = client.join((error, value) => (error === null ? resolve(value) : reject(error)));
    for (const word of ["a", "b", "c"]) call.write(word);
    call.end();
  });
  expect(joined).toBe("a b c");
  const chat = client.chat();
  const heard: string[] = [];
  chat.write("one");
  for await (const word of chat) {
    heard.push(word);
    if (heard.length === 1) chat.write("two");
    else chat.end();
  }
  expect(heard).toEqual(["re: one", "re: two"]);
});

test("a call that its client cancels is cancelled in the service, and one past its deadline fails", async () => {
  const call = client.count("forever");
  call.on("error", () => undefined);
  setTimeout(() => call.cancel(), 50);
  await cancelled.promise;
  const late = client.count("forever", { deadline: Date.now() + 100 });
  const error = await new Promise<{ code: number }>((resolve) => late.on("error", resolve));
  expect(error.code).toBe(status.DEADLINE_EXCEEDED);
  await expect.poll(() => proxy.edge.metrics().openConnections).toBe(0);
});

test("a VM that does not run is UNAVAILABLE", async () => {
  const Echo = makeGenericClientConstructor(DEFINITION, "Echo");
  const vmId = proxy.vms.add({ port: 1, h2c: true }, { status: "paused" });
  const other = new Echo(`127.0.0.1:${proxy.http2Port}`, credentials.createInsecure(), {
    "grpc.default_authority": proxy.host(vmId),
  }) as unknown as EchoClient;
  const error = await new Promise((resolve) => other.unary("hello", new Metadata(), resolve));
  expect(error).toMatchObject({ code: status.UNAVAILABLE });
  other.close();
});

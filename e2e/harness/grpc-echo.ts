/**
 * A gRPC service that says everything again, for tests: its definition, and as a program `grpc-echo.ts <port> [<address> [<certificate>
 * <key>]]` its server. Runs in a VM, so it needs nothing but Node and @grpc/grpc-js.
 */
import { readFileSync } from "node:fs";
import { Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";
import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";

function method(name: string, requestStream: boolean, responseStream: boolean) {
  return {
    path: `/test.Echo/${name}`,
    ...{ requestStream, responseStream },
    requestSerialize: (value: string) => Buffer.from(value),
    requestDeserialize: (bytes: Buffer) => bytes.toString(),
    responseSerialize: (value: string) => Buffer.from(value),
    responseDeserialize: (bytes: Buffer) => bytes.toString(),
  };
}

export const ECHO_DEFINITION: ServiceDefinition = {
  unary: method("Unary", false, false),
  count: method("Count", false, true),
  join: method("Join", true, false),
  chat: method("Chat", true, true),
};

interface Call {
  readonly request: string;
  readonly metadata: Metadata;
  write(value: string): void;
  end(): void;
  on(event: string, listener: (value: string) => void): void;
}
type Answer = (error: object | null, value?: string, trailers?: Metadata) => void;

const ECHO = {
  unary: ({ request, metadata }: Call, answer: Answer) => {
    if (request === "fail") return answer({ code: status.NOT_FOUND, details: "no such thing" });
    const trailers = new Metadata();
    trailers.set("x-seen", String(metadata.get("x-sent")[0] ?? ""));
    answer(null, `echo ${request}`, trailers);
  },
  count: (call: Call) => {
    for (let at = 0; at < Number(call.request); at++) call.write(String(at));
    call.end();
  },
  join: (call: Call, answer: Answer) => {
    const words: string[] = [];
    call.on("data", (word) => words.push(word));
    call.on("end", () => answer(null, words.join(" ")));
  },
  chat: (call: Call) => {
    call.on("data", (word) => call.write(`re: ${word}`));
    call.on("end", () => call.end());
  },
};

const [, , port, address = "127.0.0.1", certificate, key] = process.argv;
if (port !== undefined && import.meta.filename === process.argv[1]) {
  const server = new Server();
  server.addService(ECHO_DEFINITION, ECHO as unknown as UntypedServiceImplementation);
  const credentials =
    certificate === undefined || key === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [
          { cert_chain: readFileSync(certificate), private_key: readFileSync(key) },
        ]);
  server.bindAsync(`${address}:${port}`, credentials, (error) => {
    if (error !== null) throw error;
    process.stdout.write("ready\n");
  });
  // Of a test that ends.
  if (certificate !== undefined) process.stdin.on("end", () => process.exit(0)).resume();
}

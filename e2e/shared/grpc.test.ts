/** gRPC through the proxy into a real VM: a server and a client as people use them, on either side of the guest link. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials, makeGenericClientConstructor, Metadata, status } from "@grpc/grpc-js";
import type { Client } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { SharedDaemon } from "../harness/shared-daemon.ts";
import { ECHO_DEFINITION } from "../harness/grpc-echo.ts";
import { sh } from "../harness/guest.ts";

interface Failure {
  readonly code: number;
  readonly details: string;
}

interface EchoClient extends Client {
  unary(
    request: string,
    metadata: Metadata,
    answer: (error: Failure | null, value: string) => void,
  ): { on(event: "status", listener: (status: { metadata: Metadata }) => void): void };
  count(request: string): AsyncIterable<string>;
  join(answer: (error: Error | null, value: string) => void): { write(word: string): void; end(): void };
  chat(): AsyncIterable<string> & { write(word: string): void; end(): void };
}

const PORT = 50_051;
/** All that the server needs besides Node. */
const PACKAGES = ["@grpc/grpc-js", "@js-sdsl/ordered-map"];

let daemon: SharedDaemon;
let client: FastvmClient;
let vm: Vm;
let echo: EchoClient;

beforeAll(async () => {
  daemon = await SharedDaemon.join();
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c1m2" });
  await installServer();
  await sh(
    client,
    vm,
    `cd /srv/grpc && chmod +x node && nohup ./node grpc-echo.mjs ${PORT} >log 2>&1 & until grep -q ready /srv/grpc/log; do sleep 0.2; done`,
  );
  const service = await client.vms.services.register(vm, { name: "echo", port: PORT, h2c: true });
  const Echo = makeGenericClientConstructor(ECHO_DEFINITION, "Echo");
  echo = new Echo(new URL(daemon.url).host, credentials.createInsecure(), {
    "grpc.default_authority": new URL(service.url ?? "").host,
  }) as unknown as EchoClient;
});

afterAll(async () => {
  echo?.close();
  await daemon[Symbol.asyncDispose]();
});

async function installServer(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "fastvm-grpc-"));
  try {
    // Without its types: what strips them takes an emulated guest seconds to compile.
    const program = stripTypeScriptTypes(await readFile("e2e/harness/grpc-echo.ts", "utf8"));
    await writeFile(join(folder, "grpc-echo.mjs"), program);
    for (const name of PACKAGES) {
      const to = join(folder, "node_modules", name);
      await mkdir(to, { recursive: true });
      await cp(join("node_modules", name), to, { recursive: true });
    }
    await client.upload(vm, folder, "/srv/grpc");
    // By itself: packing it with the others would take an emulated guest half a minute.
    await client.upload(vm, process.execPath, "/srv/grpc/node");
  } finally {
    await rm(folder, { recursive: true });
  }
}

function unary(word: string, metadata = new Metadata()): Promise<{ value: string; trailers: Metadata }> {
  return new Promise((resolve, reject) => {
    let value = "";
    const call = echo.unary(word, metadata, (error, answer) => {
      if (error !== null) reject(error);
      value = answer;
    });
    call.on("status", ({ metadata: trailers }) => resolve({ value, trailers }));
  });
}

test("a unary call, with metadata there and trailers back", async () => {
  const metadata = new Metadata();
  metadata.set("x-sent", "across");
  const { value, trailers } = await unary("hello", metadata);
  expect(value).toBe("echo hello");
  expect(trailers.get("x-seen")).toEqual(["across"]);
});

test("a large message both ways, and an error's status and text", async () => {
  const word = "x".repeat(2_000_000);
  expect((await unary(word)).value).toBe(`echo ${word}`);
  await expect(unary("fail")).rejects.toMatchObject({ code: status.NOT_FOUND, details: "no such thing" });
});

test("streams of answers, of requests, and of both at once", async () => {
  expect(await Array.fromAsync(echo.count("500"))).toHaveLength(500);
  const joined = await new Promise((resolve, reject) => {
    const call = echo.join((error, value) => (error === null ? resolve(value) : reject(error)));
    for (const word of ["one", "two", "three"]) call.write(word);
    call.end();
  });
  expect(joined).toBe("one two three");
  const call = echo.chat();
  const heard: string[] = [];
  call.write("first");
  for await (const word of call) {
    heard.push(word);
    if (heard.length < 5) call.write(`after ${word}`);
    else call.end();
  }
  expect(heard).toHaveLength(5);
  expect(heard[1]).toBe("re: after re: first");
});

test("fifty calls at once each get their own answer", async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, (_, at) => unary(`call ${at}`)));
  expect(answers.map(({ value }) => value)).toEqual(answers.map((_, at) => `echo call ${at}`));
});

test("a VM that is paused is UNAVAILABLE", async () => {
  await client.vms.pause(vm);
  await expect(unary("anybody")).rejects.toMatchObject({ code: status.UNAVAILABLE });
});

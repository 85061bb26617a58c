import { describe, expect, it } from "vitest";
import FastvmClient, { ConflictError, NotFoundError } from "../index.ts";
import type { PublishedExecEvent } from "../index.ts";
import { json, VM, WireServer } from "../testing/wire-server.ts";
import type { WireHandler } from "../testing/wire-server.ts";

const QUICK = { "retry-after-ms": "1" };

function clientOf(server: WireServer, options = {}): FastvmClient {
  return new FastvmClient({ apiKey: "My API Key", baseURL: server.url, ...options });
}

describe("a call's promise", () => {
  it("gives the result, the answer, or both", async () => {
    await using server = await WireServer.start(json(200, VM, { "x-request-id": "r" }));
    const { vms } = clientOf(server);
    expect(await vms.retrieve(VM.id)).toEqual(VM);
    const { data, response } = await vms.retrieve(VM.id).withResponse();
    expect([data, response.status, response.headers.get("x-request-id")]).toEqual([VM, 200, "r"]);
    const answer = await vms.retrieve(VM.id).asResponse();
    expect([await answer.json(), answer.url]).toEqual([VM, `${server.url}/v1/vms/${VM.id}`]);
    expect(server.requests).toHaveLength(3);
  });

  it("is made once, however it is asked", async () => {
    await using server = await WireServer.start(json(200, VM));
    const call = clientOf(server).vms.retrieve(VM.id);
    await Promise.all([call, call.withResponse(), call.asResponse(), call.then((vm) => vm.id)]);
    expect(server.requests).toHaveLength(1);
  });

  it("has the answer that the retries led to, and what became of the result", async () => {
    const waiting = { ...VM, status: "provisioning" };
    await using server = await WireServer.start(json(503, {}, QUICK), json(202, waiting), json(200, VM));
    const launch = clientOf(server).vms.launch({ machineType: "c1m2" }, { maxRetries: 1 });
    const { data, response } = await launch.withResponse();
    expect([data.status, response.status]).toEqual(["running", 202]);
  });

  it("fails where it is listened to, and nowhere else", async () => {
    await using server = await WireServer.start(json(404, { error: "no", code: "not_found" }));
    const { vms } = clientOf(server);
    await expect(vms.retrieve("x").asResponse()).rejects.toBeInstanceOf(NotFoundError);
    await expect(vms.retrieve("x").withResponse()).rejects.toMatchObject({ error: { code: "not_found" } });
    await expect(vms.run("x", "true").withResponse()).rejects.toBeInstanceOf(NotFoundError);
  });

  it("has an answer without a body, too", async () => {
    await using server = await WireServer.start((_request, response) => void response.writeHead(204).end());
    expect((await clientOf(server).vms.services.delete("web", { id: VM.id }).asResponse()).status).toBe(204);
  });
});

describe("calls in the shapes of the published package", () => {
  it("go to the same routes", async () => {
    await using server = await WireServer.start(json(200, { exitCode: 0 }));
    const client = clientOf(server);
    await client.vms.run(VM.id, { command: ["cat"], stdin: "aGk=", timeoutSec: 5 }, { timeout: 5000 });
    await client.vms.services.update(
      "web",
      { id: VM.id, port: 8081, h2c: true },
      { headers: { "x-a": "b" } },
    );
    await client.vms.services.delete("web", { id: VM.id });
    await client.vms.sshKeys.delete("SHA256:ab+c/d=", { id: VM.id });
    await client.post("/v1/later", { body: { a: 1 }, query: { b: "c" } });
    const prefix = `/v1/vms/${VM.id}`;
    expect(server.requests.map(({ method, url, body }) => `${method} ${url} ${body}`.trim())).toEqual([
      `POST ${prefix}/exec {"command":["cat"],"timeoutSec":5,"stdin":"aGk="}`,
      `PUT ${prefix}/services/web {"port":8081,"h2c":true}`,
      `DELETE ${prefix}/services/web`,
      `DELETE ${prefix}/ssh-keys/SHA256:ab+c%2Fd=`,
      'POST /v1/later?b=c {"a":1}',
    ]);
    expect(server.requests[1]?.headers["x-a"]).toBe("b");
  });

  it("stream in its words", async () => {
    const lines = [
      { t: "o", d: "b3V0" },
      { t: "e", d: "ZXJy" },
      { t: "x", c: 2, ms: 7 },
    ];
    await using server = await WireServer.start((_request, response) => {
      response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    });
    const events: PublishedExecEvent[] = [];
    for await (const event of clientOf(server).vms.stream(VM.id, { command: ["x"] })) events.push(event);
    expect(events).toEqual([
      { type: "o", data: new TextEncoder().encode("out") },
      { type: "e", data: new TextEncoder().encode("err") },
      { type: "x", exitCode: 2, timedOut: false, durationMs: 7 },
    ]);
  });

  it("end with their stream when its loop is left", async () => {
    const closed = Promise.withResolvers<void>();
    const endless: WireHandler = (_request, response) => {
      response.on("close", () => closed.resolve());
      response.write('{"t":"o","d":"eA=="}\n');
    };
    await using server = await WireServer.start(endless);
    for await (const event of clientOf(server).vms.stream(VM.id, { command: ["yes"] })) {
      expect(event.type).toBe("o");
      break;
    }
    await closed.promise;
  });
});

describe("settings of the published package", () => {
  it("are taken under its names, for one call and for all", async () => {
    await using server = await WireServer.start(() => undefined);
    const client = clientOf(server, { timeout: 50, maxRetries: 0 });
    await expect(client.vms.list()).rejects.toThrow("No answer within 50 ms");
    await expect(client.vms.list({}, { timeout: 40 })).rejects.toThrow("No answer within 40 ms");
    const patient = client.withOptions({ timeout: 60 });
    await expect(patient.vms.list()).rejects.toThrow("No answer within 60 ms");
  });

  it("tell the logger as much as was asked for, and no key", async () => {
    const told: string[] = [];
    const tell = (message: string): void => void told.push(message);
    const logger = { error: tell, warn: tell, info: tell, debug: tell };
    await using server = await WireServer.start(json(409, { error: "no" }, QUICK));
    await expect(clientOf(server, { logger }).vms.list()).rejects.toBeInstanceOf(ConflictError);
    expect(told).toEqual([]);
    const loud = clientOf(server, { logger, logLevel: "info", maxRetries: 1 });
    await expect(loud.vms.list()).rejects.toBeInstanceOf(ConflictError);
    expect(told.map((line) => line.replaceAll(/\d+ ms/g, "n ms"))).toEqual([
      `fastvm: GET ${server.url}/v1/vms answered 409 in n ms`,
      "fastvm: GET /v1/vms: retry 1 of 1 in n ms: ConflictError: 409 no",
      `fastvm: GET ${server.url}/v1/vms answered 409 in n ms`,
    ]);
    expect(told.join("")).not.toContain("My API Key");
  });
});

/** What ends a sandbox where the answer to it is lost, and commands whose socket is not opened: over a wire that a test scripts. */
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { APIConnectionTimeoutError, ConflictError } from "../index.ts";
import { SandboxesClient } from "../sandboxes.ts";
import { json, NEVER, WireServer } from "../testing/wire-server.ts";
import type { WireHandler } from "../testing/wire-server.ts";

const FOUND = { id: "sb-1", name: "one", status: "running" };
const LOST: WireHandler = (_request, response) => void response.socket?.destroy();
const NONE = json(404, { code: "sandbox_not_found", message: "no such sandbox" });

it.each(["delete", "stop"] as const)(
  "a %s by name is repeated by id, and done when nothing is there any more",
  async (verb) => {
    await using server = await WireServer.start(json(200, FOUND), LOST, NONE);
    const client = new SandboxesClient({ apiKey: "msb_key", baseUrl: server.url });
    const done = await client[verb]("one");
    expect(done).toMatchObject(
      verb === "stop" ? { ...FOUND, status: "stopped" } : { message: expect.any(String) },
    );
    const end = verb === "stop" ? "POST /v1/sandboxes/sb-1/stop" : "DELETE /v1/sandboxes/sb-1";
    const asked = server.requests.map(({ method, url }) => `${method} ${url}`);
    expect(asked).toEqual(["GET /v1/sandboxes/by-name/one", end, end]);
  },
);

const EXEC = "/v1/sandboxes/sb-1/exec.cbor";

it("a socket that is refused is asked about once", async () => {
  const wrong = json(409, { code: "vm_wrong_state", message: "no running sandbox" });
  await using server = await WireServer.start(wrong);
  const client = new SandboxesClient({ apiKey: "msb_key", baseUrl: server.url });
  await expect(client.exec({ id: "sb-1" }, ["true"])).rejects.toBeInstanceOf(ConflictError);
  await delay(50);
  expect(server.requests.map(({ url, headers }) => [url, headers["upgrade"]])).toEqual([
    [EXEC, "websocket"],
    [EXEC, undefined],
  ]);
});

it("a socket that is given up is not asked about", async () => {
  await using server = await WireServer.start(NEVER);
  const client = new SandboxesClient({ apiKey: "msb_key", baseUrl: server.url });
  const call = client.exec({ id: "sb-1" }, ["true"], { timeoutMs: 1_000 });
  await expect(call).rejects.toBeInstanceOf(APIConnectionTimeoutError);
  await delay(50);
  expect(server.requests.map(({ headers }) => headers["upgrade"])).toEqual(["websocket"]);
});

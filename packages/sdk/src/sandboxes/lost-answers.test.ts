/** What ends a sandbox, where the answer to it is lost: over a wire that a test scripts. */
import { expect, it } from "vitest";
import { SandboxesClient } from "../sandboxes.ts";
import { json, WireServer } from "../testing/wire-server.ts";
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

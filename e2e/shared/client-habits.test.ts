import { connect, constants } from "node:http2";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Vm } from "fastvm";
import { SharedDaemon } from "../harness/shared-daemon.ts";

/** What public clients of every generation do, against a real daemon. */
describe("a client that", () => {
  let daemon: SharedDaemon;
  let vm: Vm;

  beforeAll(async () => {
    daemon = await SharedDaemon.join();
    vm = await daemon.client.vms.launch({ machineType: "c1m2", name: "habits" });
  });

  afterAll(() => daemon[Symbol.asyncDispose]());

  async function call(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return await fetch(`${daemon.url}${path}`, {
      method,
      headers: { "x-api-key": daemon.apiKey, "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  test("retries is told when that cannot help", async () => {
    for (const path of [`/v1/vms/${vm.id}/ttl/refresh`, "/v1/vms/vm_does_not_exist_000000/pause"]) {
      const answer = await call("POST", path);
      expect([404, 409]).toContain(answer.status);
      expect(answer.headers.get("x-should-retry")).toBe("false");
    }
  });

  test("sends a launch again gets the VM that its first attempt made", async () => {
    const body = { machineType: "c1m2", name: "once" };
    const ids = new Set<unknown>();
    for (const attempt of ["0", "1", "2"]) {
      const answer = await call("POST", "/v1/vms", body, { "x-stainless-retry-count": attempt });
      ids.add(((await answer.json()) as { id: string }).id);
    }
    expect(ids.size).toBe(1);
    expect((await daemon.client.vms.list()).filter(({ name }) => name === "once")).toHaveLength(1);
  });

  test("sends a JSON content type without a body, and accepts anything, is served by name and id prefix", async () => {
    expect((await call("POST", "/v1/vms/habits/pause", undefined, { accept: "*/*" })).status).toBe(200);
    expect((await call("POST", `/v1/vms/${vm.id.slice(0, 12)}/resume`)).status).toBe(200);
    const deleted = await call("DELETE", "/v1/vms/once", undefined, { accept: "*/*" });
    expect(await deleted.json()).toMatchObject({ deleted: true });
    expect((await call("DELETE", "/v1/vms/habits/services/none", undefined, { accept: "*/*" })).status).toBe(
      204,
    );
  });

  test("speaks HTTP/2 without asking is answered in it", async () => {
    const session = connect(daemon.url);
    try {
      const stream = session.request({ ":path": "/v1/vms/habits", "x-api-key": daemon.apiKey });
      const [headers] = await once(stream, "response");
      expect(headers[constants.HTTP2_HEADER_STATUS]).toBe(200);
      expect(JSON.parse(Buffer.concat(await stream.toArray()).toString())).toMatchObject({ id: vm.id });
    } finally {
      session.close();
    }
  });
});

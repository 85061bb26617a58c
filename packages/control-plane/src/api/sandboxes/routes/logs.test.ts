/** A sandbox's log, as bytes; the published client reads it beside. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { sandboxesApp, type SandboxesApp } from "../../../testing/sandboxes-app.ts";
import { encodeCursor } from "../logs/log-cursor.ts";

let api: SandboxesApp;
let logs: string;

beforeEach(async () => {
  // An answer that is over soon, as nobody stops the sandbox.
  api = await sandboxesApp({ config: { sandboxLogMs: 50 } });
  const { id } = await api.ok("POST /v1/sandboxes?start=true", {
    name: "one",
    image: { type: "oci", reference: "base" },
  });
  logs = `GET /v1/sandboxes/${id}/logs`;
});
afterEach(() => api[Symbol.asyncDispose]());

const from = (cursor: string) => ({ headers: { "last-event-id": cursor } });
const idsIn = (text: string) => [...text.matchAll(/^id: (.*)$/gm)].map(([, cursor = ""]) => cursor);

test("ends before clients' time is over, and goes on after each of its cursors", async () => {
  const { status, headers, text } = await api.call(`${logs}?sources=system,stdout`);
  expect([status, headers["content-type"]]).toEqual([200, "text/event-stream"]);
  expect(text).toContain(`"source":"system"`);
  expect(text.endsWith("event: end\ndata: {}\n\n")).toBe(true);
  const [first = "", second = ""] = idsIn(text);
  expect(idsIn((await api.call(`${logs}?sources=system`, undefined, from(first))).text)).toEqual([second]);
  expect(idsIn((await api.call(`${logs}?sources=system`, undefined, from(second))).text)).toEqual([]);
  for (const beginning of ["AA==", ""])
    expect(idsIn((await api.call(`${logs}?sources=system`, undefined, from(beginning))).text)).toHaveLength(
      2,
    );
});

test("has what commands printed and nothing else where nothing is said", async () => {
  expect(idsIn((await api.call(logs)).text)).toEqual([]);
});

test.each([
  ["error", 0],
  ["warn", 0],
  ["info", 2],
  ["debug", 2],
  ["trace", 2],
])("of the level %s tells of %i things that happened to it and were no failures", async (level, count) => {
  const { id } = await api.ok("POST /v1/sandboxes?start=true", {
    name: level,
    image: { type: "oci", reference: "base" },
    runtime: { log_level: level },
  });
  const told = await api.call(`GET /v1/sandboxes/${id}/logs?sources=system`);
  expect(idsIn(told.text)).toHaveLength(count);
  api.fastvm.worker.emit({ kind: "vm_failed", vmId: id, reason: "it broke" });
  await expect.poll(async () => (await api.ok(`GET /v1/sandboxes/${id}`)).status).toBe("failed");
  expect((await api.call(`GET /v1/sandboxes/${id}/logs?sources=system`)).text).toContain("it broke");
});

test.each(["x", "AAA=", `${encodeCursor({ generation: 1n, lines: 1, event: 1 })}AAAA`])(
  "refuses the cursor %s, which no log came with",
  async (cursor) => {
    const answer = await api.call(logs, undefined, from(cursor));
    expect(answer).toMatchObject({ status: 400, body: { error: { details: { field: "last-event-id" } } } });
  },
);

test("refuses sources that there are not, and shows nothing to others", async () => {
  expect((await api.call(`${logs}?sources=stdout,kernel`)).body.error.details.field).toBe("sources");
  expect((await api.call(logs, undefined, { key: api.otherKey })).status).toBe(404);
});

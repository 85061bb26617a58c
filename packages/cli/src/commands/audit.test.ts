/** Who changed what, at the command line. */
import type { AuditEntry } from "fastvm";
import { afterAll, expect, it, vi } from "vitest";
import { FakeApi } from "../testing/fake-api.ts";
import { CliHome, envFor } from "../testing/run-cli.ts";

// It starts the program several times, beside whatever else the machine is busy with.
vi.setConfig({ testTimeout: 120_000 });

const home = new CliHome();
afterAll(() => home[Symbol.dispose]());

const ID = "0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001";

it("shows the latest, oldest first, with what changed, and cleans what could steer the terminal", async () => {
  await using api = await FakeApi.start();
  const entry: AuditEntry = {
    id: 2,
    at: "2026-11-22T12:00:00.000Z",
    keyId: "k1",
    address: "192.0.2.7",
    requestId: "r",
    api: "fastvm",
    operation: "updateVm",
    method: "PATCH",
    path: `/v1/vms/${ID}`,
    status: 200,
    subject: ID,
    before: { name: "dev" },
    after: { name: "\u001b[31mprod" },
  };
  api.audit.push(entry, { ...entry, id: 1, operation: "launchVm", before: null });
  const args = [
    "audit",
    "-n",
    "2",
    "--vm",
    ID,
    "--method",
    "PATCH",
    "--key",
    "k1",
    "--operation",
    "updateVm",
  ];
  const { stdout, exitCode } = await home.run(args, envFor(api));
  expect(stdout).toBe(
    `2026-11-22 12:00:00  key k1 from 192.0.2.7  launchVm ${ID} (200)\n` +
      `2026-11-22 12:00:00  key k1 from 192.0.2.7  updateVm ${ID} (200)  name "dev" → "\\u001b[31mprod"\n`,
  );
  expect(exitCode).toBe(0);
  expect(api.calls).toEqual([
    `GET /v1/audit?vm=${ID}&key=k1&method=PATCH&operation=updateVm&order=desc&limit=2`,
  ]);
  const { stdout: json } = await home.run(["audit", "--json", "--after", "1"], envFor(api));
  expect(JSON.parse(json)).toEqual(api.audit);
  expect(api.calls.at(-1)).toBe("GET /v1/audit?order=asc&after=1&limit=20");
});

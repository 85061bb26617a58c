/** What happened, and what happens, at the command line. */
import type { Event } from "fastvm";
import { afterAll, expect, it, vi } from "vitest";
import { FakeApi } from "../testing/fake-api.ts";
import { CliHome, envFor, exitCodeOf } from "../testing/run-cli.ts";

// Each test starts the program several times, beside whatever else the machine is busy with.
vi.setConfig({ testTimeout: 120_000 });

const home = new CliHome();
afterAll(() => home[Symbol.dispose]());

const ID = "0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001";

function event(id: number, fields: Partial<Event> = {}): Event {
  return {
    id,
    at: "2026-11-22T12:00:00.000Z",
    type: "vm.launch_requested",
    subjectId: ID,
    toStatus: "provisioning",
    actor: "system",
    ...fields,
  };
}

it("shows the latest, oldest first, and cleans what could steer the terminal", async () => {
  await using api = await FakeApi.start();
  const failed = {
    type: "vm.vm_failed",
    fromStatus: "running",
    toStatus: "error",
    detail: "it\u001b[31m fell",
  };
  api.events.push(event(1), event(2), event(3, failed));
  const { stdout, stderr, exitCode } = await home.run(["events", "-n", "2"], envFor(api));
  expect(stdout).toBe(
    `2026-11-22 12:00:00  ${ID}  vm.launch_requested - → provisioning\n` +
      `2026-11-22 12:00:00  ${ID}  vm.vm_failed running → error: it?[31m fell\n`,
  );
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  expect(JSON.parse((await home.run(["events", "--json"], envFor(api))).stdout)).toEqual(api.events);
});

it("asks for one VM's and for types, also of a VM that is gone", async () => {
  await using api = await FakeApi.start();
  await home.run(["events", "--vm", ID, "--type", "vm.deleted", "--type", "vm.vm_failed"], envFor(api));
  expect(api.calls).toEqual([`GET /v1/events?vm=${ID}&type=vm.deleted%2Cvm.vm_failed&limit=20&order=desc`]);
  const none = await home.run(["events", "--vm", "none"], envFor(api));
  expect(none).toMatchObject({ exitCode: 1 });
});

it("follows what happens over cut connections, a line each, until it is interrupted", async () => {
  await using api = await FakeApi.start();
  api.events.push(event(1));
  api.toCome.push(event(2), event(3));
  const child = home.spawn(["events", "-f", "--json"], envFor(api));
  const ended = exitCodeOf(child);
  let stdout = "";
  child.stdout?.on("data", (data: Buffer) => (stdout += data.toString()));
  await vi.waitFor(() => expect(stdout.trim().split("\n")).toHaveLength(3), { timeout: 60_000 });
  child.kill("SIGINT");
  expect(await ended).toBe(130);
  expect(
    stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as Event).id),
  ).toEqual([1, 2, 3]);
});

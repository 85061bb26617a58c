/** `stop --vms` stops the VMs of every organisation, `--delete-vms` deletes them, and what it asks is root's alone. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FastvmClient } from "fastvm";
import { addOrganisation } from "../harness/add-organisation.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { processesIn } from "../harness/processes.ts";
import { runCli } from "../harness/cli.ts";

let daemon: TestDaemon;
let other: FastvmClient;

beforeAll(async () => {
  daemon = await TestDaemon.start({ poolSize: 0, settings: { network: "none" } });
  other = new FastvmClient({
    apiKey: addOrganisation(daemon.config.dataDir, "other").key,
    baseUrl: daemon.url,
  });
});

afterAll(() => daemon?.[Symbol.asyncDispose]());

test("VMs of all organisations end with the daemon", async () => {
  const [own, others, paused] = await Promise.all([
    daemon.client.vms.launch({ machineType: "c1m2" }),
    other.vms.launch({ machineType: "c1m2" }),
    other.vms.launch({ machineType: "c1m2" }),
  ]);
  await other.vms.pause(paused);
  expect((await daemon.client.vms.list()).map(({ id }) => id)).toEqual([own.id]);
  const folders = [join("vms", own.id), join("vms", others.id), join("paused", paused.id)];
  const there = (folder: string) =>
    stat(join(daemon.config.dataDir, folder)).then(
      () => true,
      () => false,
    );
  expect(await Promise.all(folders.map(there))).toEqual([true, true, true]);
  const socket = await stat(join(daemon.config.dataDir, "operator.sock"));
  expect([socket.isSocket(), socket.mode & 0o777, socket.uid]).toEqual([true, 0o600, 0]);
  expect(await runCli(["stop", "--vms"], daemon.environment)).toMatchObject({ exitCode: 0 });
  const atRest = [join("stopped", own.id), join("stopped", others.id), join("paused", paused.id)];
  expect(await Promise.all([...folders, ...atRest].map(there))).toEqual([
    false,
    false,
    true,
    true,
    true,
    true,
  ]);
  expect(await processesIn(daemon.config.dataDir)).toEqual([]);
  await daemon.restart();
  expect(await daemon.client.vms.get(own.id)).toMatchObject({
    status: "stopped",
    statusReason: "Stopped: its host shut down",
  });
  expect(await runCli(["stop", "--delete-vms"], daemon.environment)).toMatchObject({ exitCode: 0 });
  expect(await Promise.all(atRest.map(there))).toEqual([false, false, false]);
  expect(await processesIn(daemon.config.dataDir)).toEqual([]);
});

/** A daemon that is given an empty database beside VMs that run: it ends none of them, says so, and lets an operator end them. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { processesIn, processOf } from "../harness/processes.ts";

let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await TestDaemon.start({ poolSize: 0 });
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

test("VMs that no record knows run on until they are ended by hand", async () => {
  const { dataDir } = daemon.config;
  const vm = await daemon.client.vms.launch({ machineType: "c1m2" });
  const { pid } = await processOf(dataDir, vm.id);
  await daemon.stop();
  for (const suffix of ["", "-wal", "-shm"]) await rm(join(dataDir, `fastvm.db${suffix}`), { force: true });
  await daemon.restart();
  expect(await daemon.client.vms.list()).toEqual([]);
  expect((await processOf(dataDir, vm.id)).pid).toBe(pid);

  const doctor = await runCli(["doctor"], daemon.environment);
  expect(doctor.stdout).toMatch(/warn {2}quarantine: 1 VMs and 0 snapshots/);
  const listed = await runCli(["quarantine", "ls", "--json"], daemon.environment);
  expect(JSON.parse(listed.stdout)).toMatchObject([{ id: vm.id, kind: "vm" }]);
  const unsure = await runCli(["quarantine", "rm", vm.id], daemon.environment);
  expect(unsure.exitCode).toBe(1);
  const ended = await runCli(["quarantine", "rm", "-y", vm.id], daemon.environment);
  expect(ended).toMatchObject({ exitCode: 0, stdout: `${vm.id}\n` });
  expect(await processesIn(dataDir)).toEqual([]);
  const again = await runCli(["quarantine", "rm", "-y", vm.id], daemon.environment);
  expect(again).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/is not in quarantine/) as string,
  });
});

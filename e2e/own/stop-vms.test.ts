/** `stop --vms` stops the VMs of every organisation, `--delete-vms` deletes them, and what it asks is root's alone. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FastvmClient, FastvmError } from "fastvm";
import { addOrganisation } from "../harness/add-organisation.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { everyPidIn, processesIn } from "../harness/processes.ts";
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

/** What systemd gives everything that still runs, between SIGTERM and SIGKILL, and some more on a busy machine. */
const END_MS = 60_000;

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

test("a stop in the middle of a snapshot, a fork, an exec and an upload ends it clearly", async () => {
  const { client } = daemon;
  const vms = await Promise.all(Array.from({ length: 4 }, () => client.vms.launch({ machineType: "c1m2" })));
  const [captured, forked, busy, filled] = vms;
  if (captured === undefined || forked === undefined || busy === undefined || filled === undefined)
    throw new Error("there are four");
  // Of some size, so that they are under way for a while.
  const dirty = "head -c 200M /dev/urandom > /dev/shm/large; echo begun; sleep 600";
  const fillings = [captured, forked].map((vm) => client.vms.stream(vm, ["sh", "-c", dirty]));
  await Promise.all(fillings.map((filling) => filling.next()));
  const sleeping = client.vms.stream(busy, ["sh", "-c", "echo begun; sleep 600"]);
  await sleeping.next();
  const doing = [
    client.snapshots.create({ vmId: captured.id }),
    client.vms.fork(forked, { count: 1 }),
    sleeping.next(),
    client.vms.files.write(filled, "/root/large", Buffer.alloc(64 * 1024 * 1024)),
  ].map((work) =>
    Promise.resolve(work).then(
      () => "done",
      (error: unknown) => error,
    ),
  );
  const stopped = await Promise.all(vms.map((vm) => client.vms.stop(vm, { graceSec: 0 })));
  expect(stopped.map(({ status }) => status)).toEqual(["stopped", "stopped", "stopped", "stopped"]);
  for (const end of await Promise.all(doing)) if (end !== "done") expect(end).toBeInstanceOf(FastvmError);
  const snapshots = await client.snapshots.list();
  expect(snapshots.every(({ status }) => status === "ready")).toBe(true);
  await Promise.all(snapshots.map((snapshot) => client.snapshots.delete(snapshot)));
  await Promise.all((await client.vms.list()).map((vm) => client.vms.delete(vm)));
});

test("a host that tells all processes at once to end leaves VMs stopped, and paused ones whole", async () => {
  const { client } = daemon;
  const [plain, restarting, paused] = await Promise.all([
    client.vms.launch({ machineType: "c1m2" }),
    client.vms.launch({ machineType: "c1m2", restartPolicy: "on-host-failure" }),
    client.vms.launch({ machineType: "c1m2" }),
  ]);
  await client.vms.run(paused, "echo kept > /dev/shm/note");
  await client.vms.pause(paused);
  const { dataDir } = daemon.config;
  signalAll([await daemon.pid(), ...(await everyPidIn(dataDir))], "SIGTERM");
  await eventually(async () => {
    const left = await everyPidIn(dataDir);
    if (left.length > 0) throw new Error(`${left.join(", ")} have not ended`);
  }, END_MS);
  await daemon.ended();
  await daemon.restart();
  const reason = /^Its QEMU was told to end, as by a host that shuts down$/;
  expect(await client.vms.get(plain)).toMatchObject({
    status: "stopped",
    statusReason: expect.stringMatching(reason),
  });
  await eventually(async () => {
    const { status, statusReason } = await client.vms.get(restarting);
    expect(status, statusReason).toMatch(/^(provisioning|running)$/);
  }, END_MS);
  await client.vms.resume(paused);
  expect((await client.vms.run(paused, "cat /dev/shm/note")).stdout).toBe("kept\n");
  await Promise.all([plain, restarting, paused].map((vm) => client.vms.delete(vm)));
});

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
  expect(await runCli(["daemon", "stop", "--vms"], daemon.environment)).toMatchObject({ exitCode: 0 });
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
  expect(await runCli(["daemon", "stop", "--delete-vms"], daemon.environment)).toMatchObject({ exitCode: 0 });
  expect(await Promise.all(atRest.map(there))).toEqual([false, false, false]);
  expect(await processesIn(daemon.config.dataDir)).toEqual([]);
});

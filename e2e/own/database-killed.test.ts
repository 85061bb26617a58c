/**
 * A PostgreSQL that dies at the instant at which a VM's answer comes back: when it is
 * there again, so is the truth, without a restart of the daemon.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { FastvmClient } from "fastvm";
import type { Vm } from "fastvm";
import { startPostgres } from "../../tools/test/postgres.ts";
import type { Postgres } from "../../tools/test/postgres.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { askKeeper, expectContinues, startKeeper } from "../harness/guest.ts";
import type { Memory } from "../harness/guest.ts";
import { Steps } from "../harness/steps.ts";

const UNAVAILABLE = { status: 503, code: "database_unavailable" };
const SETTLE_DEADLINE_MS = 30_000;

let postgres: Postgres;
let steps: Steps;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;
let memory: Memory;

beforeAll(async () => {
  postgres = await startPostgres();
  steps = await Steps.make();
  daemon = await TestDaemon.start({
    settings: { databaseUrl: postgres.url, stepsFolder: steps.folder, logLevel: "info" },
  });
  // What is asked is answered once: these tests are about the first answer.
  client = new FastvmClient({ apiKey: daemon.apiKey, baseUrl: daemon.url, maxRetries: 0 });
  vm = await client.vms.launch({ machineType: "c1m2" });
  memory = await startKeeper(client, vm);
});

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
  await steps?.remove();
});

/** The call, with the database dead from the worker's answer on; it is back when this resolves. */
async function withDeath(step: Parameters<Steps["order"]>[0]["step"], call: () => Promise<unknown>) {
  const answer = () =>
    call().then(
      () => "it succeeded",
      (error: unknown) => error,
    );
  const died = await steps.whileStalled(step === undefined ? {} : { step }, answer, () => postgres.kill());
  expect(died).toMatchObject(UNAVAILABLE);
  const [ready, list] = await Promise.all([
    fetch(`${daemon.url}/readyz`),
    client.vms.list().catch((error: unknown) => error),
  ]);
  expect(ready.status).toBe(503);
  expect(list).toMatchObject(UNAVAILABLE);
  await postgres.restart();
}

async function settled(check: () => Promise<void>): Promise<void> {
  await eventually(check, SETTLE_DEADLINE_MS);
}

test("a pause is done, and the VM goes on where it was", async () => {
  await withDeath("control.pause.answered", () => client.vms.pause(vm));
  await settled(async () => expect((await client.vms.get(vm)).status).toBe("paused"));
  await client.vms.resume(vm);
  expectContinues(await askKeeper(client, vm), memory);
});

test("a snapshot is ready", async () => {
  await withDeath("control.snapshot.answered", () => client.snapshots.create({ vmId: vm.id, name: "point" }));
  await settled(async () => expect(await client.snapshots.list()).toMatchObject([{ status: "ready" }]));
});

test("children of a fork that was answered with an error are gone", async () => {
  await withDeath("control.fork.answered", () => client.vms.fork(vm, { count: 2 }));
  await settled(async () => expect((await client.vms.list()).map(({ id }) => id)).toEqual([vm.id]));
  expectContinues(await askKeeper(client, vm), memory);
});

test("a resume has happened", async () => {
  await client.vms.pause(vm);
  await withDeath("control.resume.answered", () => client.vms.resume(vm));
  await settled(async () => expect((await client.vms.get(vm)).status).toBe("running"));
  expectContinues(await askKeeper(client, vm), memory);
});

test("a launch runs, and can be deleted", async () => {
  await withDeath("control.launch.answered", () => client.vms.launch({ machineType: "c1m2", name: "late" }));
  await settled(async () => expect((await client.vms.get("late")).status).toBe("running"));
  await client.vms.delete("late");
});

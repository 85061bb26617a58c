/** What all measures share: one daemon without a pool, one with, and the template that both sides restore. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../e2e/harness/daemon.ts";
import { processOf } from "../e2e/harness/processes.ts";
import { floorArguments } from "./floor/qemu-arguments.ts";
import { openFloorSource } from "./floor/restore.ts";
import type { FloorSource } from "./floor/restore.ts";
import { timed } from "./statistics.ts";

export const MACHINE_TYPE = "c1m2";
const POOL_SIZE = 2;

export interface Session extends AsyncDisposable {
  /** Every launch spawns a QEMU. */
  readonly daemon: TestDaemon;
  readonly client: FastvmClient;
  readonly pooled: TestDaemon;
  readonly floor: FloorSource;
  /** Absent when the template was there already. */
  readonly templateBootMs: number | undefined;
}

export async function openSession(): Promise<Session> {
  await using stack = new AsyncDisposableStack();
  let daemon: TestDaemon | undefined;
  const startMs = await timed(async () => (daemon = stack.use(await TestDaemon.start({ poolSize: 0 }))));
  if (daemon === undefined) throw new Error("The daemon did not start");
  const madeAt = Date.now() - startMs;
  const { client } = daemon;
  const vm = await client.vms.launch({ machineType: MACHINE_TYPE });
  const template = await templateOf(daemon, vm);
  const floor = await openFloorSource(template, join(daemon.config.dataDir, "floor"));
  await assertSameMachine(daemon, vm, floor);
  await client.vms.delete(vm);
  const pooled = stack.use(await TestDaemon.start({ poolSize: POOL_SIZE }));
  const made = (await stat(join(template, "manifest.json"))).mtimeMs >= madeAt;
  const owned = stack.move();
  return {
    daemon,
    client,
    pooled,
    floor,
    templateBootMs: made ? startMs : undefined,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Found by what the VM maps: hard links of one memory file. */
async function templateOf(daemon: TestDaemon, vm: Vm): Promise<string> {
  const { dataDir, cacheDir } = daemon.config;
  const memory = await stat(join(dataDir, "vms", vm.id, "memory"));
  for (const store of [join(cacheDir, "templates"), join(dataDir, "templates")]) {
    for (const name of await readdir(store).catch(() => [])) {
      const found = await stat(join(store, name, "memory")).catch(() => undefined);
      if (found?.ino === memory.ino && found.dev === memory.dev) return join(store, name);
    }
  }
  throw new Error("The VM's memory is no template's: there is nothing that the floor could restore");
}

/** The floor is worth nothing when it starts another machine than the product. */
async function assertSameMachine(daemon: TestDaemon, vm: Vm, floor: FloorSource): Promise<void> {
  const { pid } = await processOf(daemon.config.dataDir, vm.id);
  // Where it was started through a program that enters its namespace, that became QEMU.
  const words = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0").slice(0, -1);
  // Before the machine come the folders of firmware that the product names; the floor has QEMU's own.
  const product = words.slice(words.indexOf("-name"));
  const expected = floorArguments(product[1] ?? "", floor.machine);
  const difference = expected.findIndex((argument, at) => argument !== product[at]);
  if (difference >= 0 || expected.length !== product.length) {
    throw new Error(
      `bench/floor/qemu-arguments.ts has "${expected[difference]}" where the product has "${product[difference]}"`,
    );
  }
}

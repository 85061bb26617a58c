/** A volume is to a database as a local disk, through two VMs and the host at once. FASTVM_TEST_TRANSACTIONS asks for more of them. */
import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { newVmId, newVolumeId, type VmId, type VolumeId } from "@fastvm/contract";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readJournal } from "../../journal/journal.ts";
import { DENY_ALL, templateSpec, TestWorker } from "../../testing/test-worker.ts";

const run = promisify(execFile);
/** Of each of three writers. */
const TRANSACTIONS = Math.ceil(Number(process.env["FASTVM_TEST_TRANSACTIONS"] || 60) / 3);
/** In a guest that shares two processors with others; more for longer lists. */
const LONG_MS = 100_000 + 1_000 * TRANSACTIONS;
const PROGRAM = fileURLToPath(new URL("../../testing/transactions.py", import.meta.url));

let host: TestWorker;
let volumeId: VolumeId;
let one: VmId;
let other: VmId;
let root: string;

beforeAll(async () => {
  host = await TestWorker.start();
  volumeId = newVolumeId();
  await host.worker.volumes.create({ volumeId, kind: "directory", sizeGib: 1 });
  await host.worker.volumes.usage([volumeId]);
  root = join(host.dataDir, "volumes", volumeId, "mount");
  [one, other] = await Promise.all([launch(), launch()]);
}, LONG_MS);

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

function volumes() {
  return [{ volumeId, mountPath: "/mnt/data", readOnly: false }];
}

async function launch(): Promise<VmId> {
  const spec = { ...templateSpec(), volumes: volumes() };
  await host.worker.launch(spec);
  await host.worker.writeFile(spec.vmId, "/root/transactions.py", createReadStream(PROGRAM));
  return spec.vmId;
}

describe("a volume", () => {
  test(
    "keeps a database whole that two VMs and the host write, of whom one is paused, forked and killed",
    async () => {
      await run("python3", [PROGRAM, join(root, "db"), "make"]);
      const write = (who: string) => `python3 /root/transactions.py /mnt/data/db ${who} ${TRANSACTIONS}`;
      for (const [vmId, who] of [
        [one, "one"],
        [other, "other"],
      ] as const) {
        await host.sh(vmId, `(${write(who)}; echo ended) >/tmp/said 2>&1 &`);
      }
      const ofHost = run("python3", [PROGRAM, join(root, "db"), "host", `${TRANSACTIONS}`]);
      await host.worker.pause(one);
      await host.worker.resume(one, { volumes: volumes() });
      const child = newVmId();
      const identity = { hostname: "child", envVars: {}, authorizedKeys: [] };
      await host.worker.fork(one, [{ vmId: child, identity, network: DENY_ALL, volumes: volumes() }]);
      const journal = await readJournal(join(host.dataDir, "vms", child));
      process.kill(journal?.process?.pid ?? 0, "SIGKILL");
      await ofHost;
      for (const vmId of [one, other]) {
        const said = await ended(vmId);
        expect(said).toMatch(/^\d+ kept\nended$/);
      }
      const { stdout } = await run("python3", [PROGRAM, join(root, "db"), "check"]);
      expect(stdout.trim()).toBe(`ok ${TRANSACTIONS * 3} ${TRANSACTIONS * 3}`);
      await host.worker.deleteVm(child);
    },
    LONG_MS,
  );
});

async function ended(vmId: VmId): Promise<string> {
  for (;;) {
    const said = await host.sh(vmId, "cat /tmp/said");
    if (said.endsWith("ended")) return said;
    await sleep(200);
  }
}

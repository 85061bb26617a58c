import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { VmId } from "@fastvm/contract";
import { TestWorker } from "../../testing/test-worker.ts";

const MIB = 1024 ** 2;

describe("what a VM uses and prints", () => {
  let host: TestWorker;
  let vmId: VmId;

  beforeAll(async () => {
    host = await TestWorker.start();
    vmId = await host.launch();
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  async function sh(script: string): Promise<void> {
    const session = await host.worker.exec(vmId, { command: ["sh", "-c", script], timeoutMs: 60_000 });
    for await (const event of session) {
      if (event.kind === "exit") expect(event.exitCode, script).toBe(0);
    }
  }

  async function printed(): Promise<string> {
    return Buffer.from((await host.worker.consoleLog(vmId)).console).toString();
  }

  test("stats tell an idle guest from a busy one, and see what is written", async () => {
    // A guest has something to do at times after its launch, and does not get a whole processor on a busy machine.
    const whenItTakes = (isSo: (percent: number) => boolean) =>
      vi.waitFor(
        async () => {
          const stats = await host.worker.stats(vmId);
          expect(stats.process?.cpuPercent).toSatisfy(isSo);
          return stats;
        },
        { timeout: 60_000, interval: 200 },
      );
    const idle = await whenItTakes((percent) => percent < 5);
    expect(idle.process?.residentBytes).toBeGreaterThan(20 * MIB);
    expect(idle.process?.residentBytes).toBeLessThan(2048 * MIB);
    expect(idle.disk.usedBytes).toBeGreaterThan(idle.disk.ownBytes);
    await sh("(while :; do :; done) >/dev/null 2>&1 & echo $! >/tmp/busy");
    await whenItTakes((percent) => percent > 15);
    await sh('kill "$(cat /tmp/busy)"; head -c 20M /dev/urandom >/root/noise; sync');
    const after = await host.worker.stats(vmId);
    expect(after.process?.cpuSeconds).toBeGreaterThan(idle.process?.cpuSeconds ?? 0);
    expect(after.disk.ownBytes - idle.disk.ownBytes).toBeGreaterThan(19 * MIB);
    expect(after.process?.uptimeMs).toBeGreaterThan(idle.process?.uptimeMs ?? 0);
  });

  test("the console is there again at each look, and after a pause, at which point nothing runs", async () => {
    await sh("printf 'before \\303\\244 \\377\\n' >/dev/console");
    expect(await printed()).toContain("before ä \ufffd");
    await sh("echo unread >/dev/console");
    await host.worker.pause(vmId);
    expect(await printed()).toMatch(/before ä .*unread/s);
    expect((await host.worker.stats(vmId)).process).toBeUndefined();
    expect((await host.worker.stats(vmId)).disk.ownBytes).toBeGreaterThan(19 * MIB);
    await host.worker.resume(vmId);
    await sh("echo after >/dev/console");
    expect(await printed()).toMatch(/before ä .*unread.*after/s);
    expect((await host.worker.stats(vmId)).process?.uptimeMs).toBeLessThan(60_000);
  });

  test("looks at the same time lose nothing, and what is kept has an end", async () => {
    await sh('for i in $(seq 3000); do echo "line $i ...................."; done >/dev/console');
    const seen = await Promise.all([printed(), printed(), printed()]);
    expect(seen.at(-1)).toContain("line 3000 ");
    const { console } = await host.worker.consoleLog(vmId);
    expect(console.length).toBe(64 * 1024);
  });

  test("a VM whose QEMU is lost keeps what it had printed", async () => {
    await sh("echo last words >/dev/console");
    expect(await printed()).toContain("last words");
    const failed = new Promise((resolve) => host.worker.subscribe(resolve));
    await sh("(sleep 0.3; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &");
    await failed;
    expect(await printed()).toContain("last words");
    // And its disk.
    const { disk, ...rest } = await host.worker.stats(vmId);
    expect(rest).toEqual({});
    expect(disk.ownBytes).toBeGreaterThan(19 * MIB);
  });
});

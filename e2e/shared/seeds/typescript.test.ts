/**
 * The examples that the first TypeScript SDK was documented with, as they stand there but for what
 * they print to: a name that is checked here. Each runs with nothing set but the key and the base URL.
 */
import { FastVM } from "@fastvm/sdk";
import type { CommandResult, FirewallPolicy, FlatSnapshot, VM } from "@fastvm/sdk";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { SharedDaemon } from "../../harness/shared-daemon.ts";
import { eventually } from "../../harness/eventually.ts";

const BRANCHES = 10;
const OUTPUT_DEADLINE_MS = 20_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Takes as long as its seed says, so that the branches differ in what they are compared by. */
const SOLVE = `import sys, time
seed = int(sys.argv[1].split("=")[1])
time.sleep(0.05 * (1 + (seed + 3) % 10))
print("solved", seed)
`;
const TRAIN = `import time
for epoch in range(100):
    print("epoch", epoch, flush=True)
    time.sleep(0.2)
`;

describe("a program for the flat client that", () => {
  let daemon: SharedDaemon;
  let client: FastVM;
  let shared: VM;

  beforeAll(async () => {
    daemon = await SharedDaemon.join();
    vi.stubEnv("FASTVM_BASE_URL", daemon.url);
    vi.stubEnv("FASTVM_API_KEY", daemon.apiKey);
    client = new FastVM();
    await client.warmup();
    shared = await client.launch();
    await client.run(shared, `cat > train.py <<'END'\n${TRAIN}END\ncat > solve.py <<'END'\n${SOLVE}END`);
  });

  afterAll(async () => {
    client.close();
    vi.unstubAllEnvs();
    await daemon[Symbol.asyncDispose]();
  });

  async function removeAll(...vms: readonly VM[]): Promise<void> {
    await Promise.all(vms.map((vm) => client.remove(vm)));
  }

  test("starts quickly: launch, snapshot, restore, run", async () => {
    // oxlint-disable-next-line no-shadow -- the example's own name
    const client = new FastVM({ apiKey: daemon.apiKey });
    await client.warmup();
    const vm = await client.launch({ machine: "c1m2" });
    const snapshot = await client.snapshot(vm, { name: "my-snap" });
    const restored = await client.restore(snapshot);
    const result = await client.run(restored, "echo hello");
    expect(result.stdout.trim()).toBe("hello");
    client.close();
    expect(vm.name).toMatch(UUID);
    expect(snapshot).toMatchObject({ name: "my-snap", vmId: vm.id, status: "ready" });
    await removeAll(vm, restored);
  });

  test("gives its credentials explicitly", async () => {
    // oxlint-disable-next-line no-shadow -- the example's own name
    const client = new FastVM({ apiKey: daemon.apiKey, baseUrl: daemon.url, timeout: 300_000 });
    expect((await client.list()).map(({ id }) => id)).toContain(shared.id);
    client.close();
  });

  test("launches a larger machine with a name and a disk", async () => {
    const vm = await client.launch({ machine: "c2m4", name: "my-vm", diskGib: 20 });
    expect(vm).toMatchObject({ name: "my-vm", machineName: "c2m4", cpu: 2, memoryMib: 4096, diskGib: 20 });
    expect(vm).toMatchObject({ status: "running", orgId: expect.stringMatching(UUID) });
    expect(Date.parse(vm.createdAt)).toBeGreaterThan(Date.now() - 120_000);
    await removeAll(vm);
  });

  test("reads, lists, renames and removes", async () => {
    let vm = await client.launch();
    expect(await client.get(vm.id)).toMatchObject({ id: vm.id, status: "running" });
    expect(await client.list()).toHaveLength(2);
    vm = await client.rename(vm, "new-name");
    expect(vm.name).toBe("new-name");
    await client.remove(vm);
    await expect(client.get(vm)).rejects.toMatchObject({ status: 404 });
  });

  test("opens and closes a firewall", async () => {
    expect((await client.setFirewall(shared, { mode: "open" })).firewall).toMatchObject({ mode: "open" });
    const vm = await client.patchFirewall(shared, { mode: "restricted" });
    expect(vm.firewall).toMatchObject({ mode: "restricted" });
  });

  test("launches with a policy of rules", async () => {
    const policy: FirewallPolicy = {
      mode: "restricted",
      ingress: [
        { protocol: "tcp", portStart: 22, description: "SSH" },
        { protocol: "tcp", portStart: 8080, description: "HTTP" },
      ],
    };
    const vm = await client.launch({ firewall: policy });
    expect(vm.firewall).toMatchObject(policy);
    await removeAll(vm);
  });

  test("runs a command and reads its result", async () => {
    const result = await client.run(shared, "python3 --version");
    expect(result.stdout).toMatch(/^Python 3\.11\.\d+\n$/);
    expect(result.exitCode).toBe(0);
    expect(result.durationMs).toBeGreaterThan(0);
    expect(result).toMatchObject({ timedOut: false, stdoutTruncated: false, stderrTruncated: false });
    expect((await client.run(shared, ["printf", "%s|", "a b"])).stdout).toBe("a b|");
  });

  test("leaves a job behind with nohup and looks at its log later", async () => {
    await client.run(shared, "nohup python3 train.py > /tmp/train.log 2>&1 &");
    await eventually(async () => {
      const result = await client.run(shared, "tail -20 /tmp/train.log");
      expect(result.stdout).toMatch(/^epoch \d+\n/);
    }, OUTPUT_DEADLINE_MS);
  });

  test("keeps a session in tmux and captures what it shows", async () => {
    await client.run(shared, "tmux new-session -d -s train 'python3 train.py'");
    await eventually(async () => {
      const result = await client.run(shared, "tmux capture-pane -t train -p");
      expect(result.stdout).toMatch(/^epoch \d+\n/);
    }, OUTPUT_DEADLINE_MS);
  });

  test("takes, renames, lists and removes a snapshot", async () => {
    let snap: FlatSnapshot = await client.snapshot(shared, { name: "before-deploy" });
    expect(snap).toMatchObject({ name: "before-deploy", status: "ready", vmId: shared.id });
    const restored = await client.restore(snap, { name: "worker-01" });
    expect(restored).toMatchObject({ name: "worker-01", sourceName: "before-deploy", status: "running" });
    snap = await client.renameSnapshot(snap, "v2-stable");
    expect((await client.listSnapshots()).map(({ name }) => name)).toContain("v2-stable");
    await client.removeSnapshot(snap);
    expect((await client.listSnapshots()).map(({ id }) => id)).not.toContain(snap.id);
    await removeAll(restored);
  });

  test("reads quotas", async () => {
    const usage = await client.quotas();
    expect(`vCPUs: ${usage.usage.vcpu} / ${usage.limits.vcpu}`).toMatch(/^vCPUs: 1 \/ [1-9]\d*$/);
    expect(usage.usage).toMatchObject({ memoryMib: 2048, diskGib: 10 });
  });

  test("branches ten ways at once and picks the winner", async () => {
    const baseVm = shared;
    // Create a branching point
    const snap = await client.snapshot(baseVm, { name: "branch-point" });

    // Fork into 10 parallel paths
    const branches = await Promise.all(
      Array.from({ length: BRANCHES }, (_, i) => client.restore(snap, { name: `branch-${i}` })),
    );

    // Run different strategies in parallel
    const results = await Promise.all(
      branches.map((branch, i) => client.run(branch, `python3 solve.py --seed=${i}`)),
    );

    // Pick the winner
    const best = results.reduce((a: CommandResult, b) => (a.durationMs < b.durationMs ? a : b));
    expect(results.map(({ stdout }) => stdout)).toEqual(branches.map((_, i) => `solved ${i}\n`));
    expect(best.durationMs).toBe(Math.min(...results.map(({ durationMs }) => durationMs)));
    await removeAll(...branches);
  });
});

/** Snapshots at the command line, and what takes room. */
import { afterAll, describe, expect, it, vi } from "vitest";
import { CliHome, envFor } from "../../testing/run-cli.ts";
import type { CliResult } from "../../testing/run-cli.ts";
import { FakeApi } from "../../testing/fake-api.ts";

// Each test starts the program several times, beside whatever else the machine is busy with.
vi.setConfig({ testTimeout: 120_000 });

const home = new CliHome();
afterAll(() => home[Symbol.dispose]());

const ID = "0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001";

function run(api: FakeApi, args: readonly string[], input?: string | Buffer): Promise<CliResult> {
  return home.run(args, envFor(api), input);
}

describe("snapshot and quota", () => {
  it("creates, lists, restores, renames and deletes", async () => {
    await using api = await FakeApi.start();
    api.addVm({ id: ID, name: "dev" });
    const snapshotId = (await run(api, ["snapshot", "create", "dev", "-n", "ready", "-q"])).stdout.trim();
    const reclaimed = await run(api, ["snapshot", "create", "dev", "--reclaim", "-q"]);
    expect(reclaimed.stderr).toContain("300 MiB of free memory left out");
    await run(api, ["snapshot", "rm", "-y", reclaimed.stdout.trim()]);
    const table = (await run(api, ["snapshot", "ls"])).stdout;
    expect(table).toMatch(/^ID +NAME +VM +STATUS +CREATED\n/);
    expect(table).toContain(`${snapshotId.slice(0, 8)}  ready  0b9c5f2e  ready   2026-11-22 12:00:00`);
    expect((await run(api, ["snapshot", "restore", "ready", "-n", "branch"])).stdout).toContain("branch");
    const sizes = (await run(api, ["snapshot", "ls", "--size"])).stdout;
    expect(sizes).toMatch(/^ID +NAME +VM +STATUS +CREATED +USED +OWN\n.*300 MiB +2 MiB\n$/s);
    const sized = JSON.parse((await run(api, ["snapshot", "ls", "-s", "--json"])).stdout);
    expect(sized).toEqual([expect.objectContaining({ id: snapshotId, ownBytes: 2 * 1024 ** 2 })]);
    await run(api, ["snapshot", "rename", "ready", "base"]);
    await run(api, ["snapshot", "rm", "-y", "base"]);
    expect(api.snapshots.size).toBe(0);
  });

  it("shows what takes the disk", async () => {
    await using api = await FakeApi.start();
    api.addVm({ id: ID, name: "dev" });
    expect((await run(api, ["df"])).stdout).toBe(
      "KIND  ID        NAME  USED     OWN\nvm    0b9c5f2e  dev   300 MiB  2 MiB\n" +
        "Together 304 MiB; 40 GiB of 100 GiB are free.\n",
    );
    expect(JSON.parse((await run(api, ["df", "--json"])).stdout)).toMatchObject({ vms: [{ id: ID }] });
  });

  it("shows quotas", async () => {
    await using api = await FakeApi.start();
    expect((await run(api, ["quota"])).stdout).toBe(
      "RESOURCE   USED     LIMIT\nvCPUs      2        2\nMemory     2.5 GiB  2.5 GiB\n" +
        "Disk       20 GiB   20 GiB\nSnapshots  3        3\n",
    );
  });
});

describe("snapshot tree", () => {
  it("shows VMs and snapshots under what they come from", async () => {
    await using api = await FakeApi.start();
    api.addVm({ id: ID, name: "base" });
    const snapshot = api.addSnapshot({ id: "aaaaaaaa-1111-4c8e-8d0e-1f6a8b2c3d4e", name: "ready", vmId: ID });
    api.addVm({ id: "bbbbbbbb-1111-4c8e-8d0e-1f6a8b2c3d4e", name: "one", sourceSnapshotId: snapshot.id });
    api.addVm({ id: "cccccccc-1111-4c8e-8d0e-1f6a8b2c3d4e", name: "two", sourceSnapshotId: snapshot.id });
    api.addVm({
      id: "dddddddd-1111-4c8e-8d0e-1f6a8b2c3d4e",
      name: "child",
      sourceVmId: "bbbbbbbb-1111-4c8e-8d0e-1f6a8b2c3d4e",
    });
    api.addVm({ name: "alone" });
    expect((await run(api, ["snapshot", "tree"])).stdout).toBe(
      [
        "vm 0b9c5f2e  base  running",
        " └─ snapshot aaaaaaaa  ready",
        "    ├─ vm bbbbbbbb  one  running",
        "    │  └─ vm dddddddd  child  running",
        "    └─ vm cccccccc  two  running",
        "",
      ].join("\n"),
    );
  });
});

/** What docker's users type. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { FakeApi } from "../../testing/fake-api.ts";
import { CliHome, envFor } from "../../testing/run-cli.ts";
import { capture } from "../../testing/run-here.ts";
import type { Run } from "../../testing/run-here.ts";

// Some wait for what is looked for twice a second, beside whatever else the machine is busy with.
vi.setConfig({ testTimeout: 60_000 });

const home = new CliHome();
afterAll(() => home[Symbol.dispose]());

const ID = "0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001";

function run(api: FakeApi, ...args: readonly string[]): Run {
  return capture(args, { ...envFor(api), HOME: home.folder, TZ: "UTC" });
}

describe("ls and ps", () => {
  it("list VMs, by whatever name", async () => {
    await using api = await FakeApi.start();
    api.addVm({ id: ID, name: "dev" });
    const { stdout: listed } = await run(api, "vm", "ls");
    expect(listed).toContain("dev");
    for (const args of [["ls"], ["list"], ["ps"], ["ps", "-a"], ["sandbox", "list"]])
      expect((await run(api, ...args)).stdout).toBe(listed);
    expect((await run(api, "ps", "-q")).stdout).toBe(`${ID}\n`);
  });

  it("print fields with --format, and say what they do not understand", async () => {
    await using api = await FakeApi.start();
    api.addVm({ id: ID, name: "dev" });
    expect((await run(api, "ls", "--format", "{{.ID}} {{.name}}")).stdout).toBe(`${ID} dev\n`);
    expect((await run(api, "--format", "{{.status}}", "vm", "get", "dev")).stdout).toBe("running\n");
    expect((await run(api, "ls", "--format", "json")).stdout).toBe((await run(api, "ls", "--json")).stdout);
    expect((await run(api, "ls", "--format", "table")).stdout).toBe((await run(api, "ls")).stdout);
    expect((await run(api, "launch", "-n", "new", "--format", "{{.name}}")).stdout).toBe("new\n");
    expect(await run(api, "ls", "--format", "{{range .}}")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^Error: .* is no format\nHint: /),
    });
  });
});

describe("inspect", () => {
  it("finds VMs and snapshots, in the order in which they are named", async () => {
    await using api = await FakeApi.start();
    const vm = api.addVm({ name: "dev" });
    const snapshot = api.addSnapshot({ name: "ready" });
    const { stdout } = await run(api, "inspect", "ready", "dev");
    expect(JSON.parse(stdout)).toEqual([snapshot, vm]);
    expect((await run(api, "inspect", "--format", "{{.id}}", vm.id)).stdout).toBe(`${vm.id}\n`);
  });

  it("says where to look for what is nowhere", async () => {
    await using api = await FakeApi.start();
    expect(await run(api, "inspect", ID)).toMatchObject({
      exitCode: 1,
      stdout: "",
      stderr: expect.stringMatching(/^Error: There is no VM, .*\nHint: .*fastvm ls/),
    });
  });
});

describe("update and rename", () => {
  it("changes what is named and nothing else", async () => {
    await using api = await FakeApi.start();
    api.addVm({ id: ID, name: "dev", metadata: { team: "blue", tier: "1" } });
    const args = ["--metadata", "team=red", "--metadata-rm", "tier", "--ttl", "90m:delete", "--auto-resume"];
    expect(await run(api, "update", "dev", ...args)).toMatchObject({ exitCode: 0, stderr: "" });
    const changed = { name: "dev", metadata: { team: "red" }, autoResume: true };
    expect(api.vms.get(ID)).toMatchObject({ ...changed, ttl: { seconds: 5400, action: "delete" } });
    await run(api, "update", "dev", "--no-ttl");
    expect(api.vms.get(ID)).toMatchObject({ ...changed, ttl: null });
    const policy = join(home.folder, "policy.json");
    writeFileSync(policy, '{"egress":{"default":"deny"}}');
    await run(api, "update", "dev", "--firewall", policy);
    expect(api.vms.get(ID)).toMatchObject({ ...changed, firewall: { egress: { default: "deny" } } });
    expect((await run(api, "rename", "dev", "prod")).stdout).toContain("prod");
  });

  it("refuses what changes nothing, one name for two, and odd times", async () => {
    await using api = await FakeApi.start();
    for (const [args, words] of [
      [["update", "dev"], "fastvm update --help"],
      [["update", "a", "b", "-n", "c"], "fastvm rename"],
      [["update", "dev", "--ttl", "90m:sell"], "pause or delete"],
    ] as const)
      expect(await run(api, ...args)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(words) });
    expect(api.calls).toEqual([]);
  });
});

describe("wait", () => {
  it("ends when the VM is what is waited for, or gone", async () => {
    await using api = await FakeApi.start();
    api.addVm({ id: ID, name: "dev", status: "provisioning" });
    const looks = (): number => api.calls.filter((call) => call === `GET /v1/vms/${ID}`).length;
    const answered = run(api, "wait", "dev", "--until", "running");
    await expect.poll(looks, { timeout: 50_000 }).toBeGreaterThan(1);
    api.addVm({ id: ID, name: "dev", status: "running" });
    expect(await answered).toMatchObject({ exitCode: 0, stdout: "running\n" });
    const ending = run(api, "wait", ID, "--json");
    const before = looks();
    await expect.poll(looks, { timeout: 50_000 }).toBeGreaterThan(before + 1);
    api.vms.delete(ID);
    expect(JSON.parse((await ending).stdout)).toEqual([{ id: ID, status: "deleted" }]);
  });

  it("does not wait for what cannot come, nor longer than is said", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev", status: "error" });
    api.addVm({ name: "slow", status: "provisioning" });
    expect((await run(api, "wait", "dev", "--until", "running")).stderr).toMatch(/is error\nHint: .*vm get/);
    expect((await run(api, "wait", "slow", "--timeout", "1")).stderr).toMatch(
      /is still provisioning\nHint: .*fastvm wait/,
    );
    expect((await run(api, "wait", "dev")).stdout).toBe("error\n");
  });
});

describe("top", () => {
  it("shows what the VM's ps says, with docker's columns or those that are asked for", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    expect((await run(api, "top", "dev")).stdout).toMatch(/^USER +PID +PPID /);
    expect((await run(api, "top", "dev", "-o", "pid,args", "-p", "1")).stdout).toMatch(
      /^ +PID COMMAND\n +1 /,
    );
    const rows: unknown = JSON.parse(
      (await run(api, "top", "--json", "dev", "-o", "pid,args", "-p", "1")).stdout,
    );
    expect(rows).toEqual([{ PID: "1", COMMAND: expect.any(String) }]);
    expect((await run(api, "top", "dev", "--no-such-option")).stderr).toMatch(
      /did not answer[^]*Hint: .*fastvm exec/,
    );
  });
});

describe("logs", () => {
  it("takes the last lines only, and goes on with what comes", async () => {
    await using api = await FakeApi.start();
    api.addVm({ id: ID, name: "dev" });
    api.console = "one\ntwo\nthree\n";
    expect((await run(api, "logs", "dev", "-n", "2")).stdout).toBe("two\nthree\n");
    const following = run(api, "logs", "-f", "--tail", "1", "dev");
    await expect.poll(() => following.shown(), { timeout: 50_000 }).toBe("three\n");
    api.console = "two\nthree\nfour\n";
    await expect.poll(() => following.shown(), { timeout: 50_000 }).toBe("three\nfour\n");
    api.vms.delete(ID);
    expect(await following).toMatchObject({ exitCode: 0 });
  });

  it("refuses sources that do not go together", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    expect((await run(api, "logs", "dev", "-f", "--hypervisor")).stderr).toContain("cannot be followed");
    expect((await run(api, "logs", "dev", "--source", "else")).stderr).toContain("Allowed choices");
  });
});

describe("prune", () => {
  it("deletes what has failed, and what can go on only when it is said", async () => {
    await using api = await FakeApi.start();
    const [bad, asleep, good] = ["error", "paused", "running"].map((status) =>
      api.addVm({ name: status, status, metadata: {} }),
    );
    const broken = api.addSnapshot({ name: "broken", status: "error" });
    const whole = api.addSnapshot({ name: "whole" });
    const first = JSON.parse((await run(api, "prune", "--dry-run", "--json")).stdout);
    expect(first).toEqual({ vms: [bad?.id], snapshots: [broken.id] });
    expect(await run(api, "prune")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("Pass -y"),
    });
    expect(api.vms.size + api.snapshots.size).toBe(5);
    expect((await run(api, "prune", "-y")).stdout).toMatch(/^KIND .*\nvm .*error.*\nsnapshot .*broken/);
    expect([...api.vms.keys()]).toEqual([asleep?.id, good?.id]);
    expect([...api.snapshots.keys()]).toEqual([whole.id]);
    await run(api, "prune", "-y", "--paused");
    expect([...api.vms.keys()]).toEqual([good?.id]);
    expect((await run(api, "prune", "-y", "--paused")).stdout).toBe("There is nothing to delete\n");
  });
});

describe("words of others", () => {
  it("lead to what they mean here", async () => {
    await using api = await FakeApi.start();
    api.addVm({ id: ID, name: "dev" });
    for (const [args, call] of [
      [["pause", "dev"], "/pause"],
      [["unpause", "dev"], "/resume"],
      [["sandbox", "info", "dev"], `GET /v1/vms/${ID}`],
      [["stats", "dev"], "/stats"],
      [["vm", "metrics", "dev"], "/stats"],
      [["fork", "dev", "-q"], "/fork"],
      [["sandbox", "create", "-q"], "POST /v1/vms"],
      [["delete", "-y", "dev"], `DELETE /v1/vms/${ID}`],
    ] as const) {
      expect(await run(api, ...args)).toMatchObject({ exitCode: 0 });
      expect(api.calls.at(-1)).toContain(call);
    }
    expect((await run(api, "kill", "dev")).stderr).toMatch(/Hint: .*fastvm ps dev.*fastvm rm dev/);
  });
});

describe("stop, start and restart", () => {
  it("are a VM's, by whatever name", async () => {
    await using api = await FakeApi.start();
    api.addVm({ id: ID, name: "dev" });
    expect((await run(api, "stop", "dev", "--format", "{{.status}}")).stdout).toBe("stopped\n");
    expect((await run(api, "start", "dev")).exitCode).toBe(0);
    expect((await run(api, "vm", "restart", "dev")).exitCode).toBe(0);
    expect((await run(api, "sandbox", "stop", "dev")).exitCode).toBe(0);
  });

  it.each([["stop"], ["stop", "--vms"], ["stop", "--data-dir", "/tmp/data"]])(
    "say how the daemon is ended, as `%s %s` once did",
    async (...args) => {
      await using api = await FakeApi.start();
      expect(await run(api, ...args)).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/^error: .*\n+Hint: .*fastvm daemon stop/),
      });
    },
  );
});

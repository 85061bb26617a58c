/** VMs at the command line, by name and by short id. */
import { afterAll, describe, expect, it, vi } from "vitest";
import { CliHome, envFor, exitCodeOf } from "../../testing/run-cli.ts";
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

describe("vm", () => {
  it("lists VMs as a table with short ids, and cleans what could steer the terminal", async () => {
    await using api = await FakeApi.start();
    api.addVm({ id: ID, name: "dev\u001b[31m", publicIpv6: "fd00::1" });
    const { stdout, stderr, exitCode } = await run(api, ["vm", "ls"]);
    expect(stdout).toBe(
      "ID        NAME      MACHINE  STATUS   IPv6     CREATED\n" +
        "0b9c5f2e  dev?[31m  c1m2     running  fd00::1  2026-11-22 12:00:00\n",
    );
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  });

  it("prints what the API answered with --json, wherever it stands", async () => {
    await using api = await FakeApi.start();
    const vm = api.addVm();
    for (const args of [
      ["--json", "vm", "ls"],
      ["vm", "ls", "--json"],
    ]) {
      expect(JSON.parse((await run(api, args)).stdout)).toEqual([vm]);
    }
  });

  it("launches, shows, renames, pauses, resumes and deletes", async () => {
    await using api = await FakeApi.start();
    const launched = await run(api, ["launch", "-m", "c2m4", "-n", "dev", "-q"]);
    const id = launched.stdout.trim();
    expect(api.vms.get(id)).toMatchObject({ name: "dev", machineName: "c2m4" });
    expect((await run(api, ["vm", "get", "dev"])).stdout).toContain(id);
    expect((await run(api, ["vm", "rename", "dev", "prod"])).stdout).toContain("prod");
    expect((await run(api, ["vm", "pause", id.slice(0, 6)])).stdout).toContain("paused");
    expect((await run(api, ["vm", "resume", "prod", "--json"])).stdout).toContain('"running"');
    const refused = await run(api, ["rm", "prod"]);
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("Pass -y") });
    expect((await run(api, ["rm", "-y", "prod"])).stdout.trim()).toBe(id);
    expect(api.vms.size).toBe(0);
  });

  it("shows what VMs use, once or until Ctrl-C", async () => {
    await using api = await FakeApi.start();
    api.addVm({ id: ID, name: "dev" });
    api.addVm({ name: "asleep", status: "paused" });
    const table =
      "ID        NAME  STATUS   CPU   MEMORY     OWN       OF     DISK     OWN    OF      SENT     RECEIVED  UPTIME\n" +
      "0b9c5f2e  dev   running  12 %  101.5 MiB  60.0 MiB  2 GiB  1.5 GiB  3 MiB  10 GiB  1.5 KiB  20 MiB    1m 5s\n";
    expect(await run(api, ["vm", "stats", "dev"])).toMatchObject({ exitCode: 0, stdout: table });
    const all = JSON.parse((await run(api, ["vm", "stats", "--json"])).stdout);
    expect(all).toEqual([expect.objectContaining({ id: ID, name: "dev", cpuPercent: 12 })]);
    // No timer can hold it: it would ask without a pause.
    const endless = await run(api, ["vm", "stats", "dev", "--watch", "--interval", "9999999"]);
    expect(endless).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("24 days") });
    const watching = home.spawn(["vm", "stats", "dev", "--watch", "--interval", "1", "--json"], envFor(api));
    const exit = exitCodeOf(watching);
    let lines = "";
    watching.stdout?.on("data", (data: Buffer) => {
      lines += data.toString();
      if (lines.split("\n").length === 3) watching.kill("SIGINT");
    });
    expect(await exit).toBe(130);
    expect(
      lines
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)[0].id),
    ).toEqual([ID, ID]);
  });

  it("prints the console's last words, and QEMU's", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    expect(await run(api, ["logs", "dev"])).toMatchObject({
      exitCode: 0,
      stdout: "[1.0] oops\u001b[2J\r\nnext\n",
      stderr: "QEMU had something to say, too: see --hypervisor\n",
    });
    expect((await run(api, ["vm", "logs", "dev", "--hypervisor"])).stdout).toBe("qemu: hm\n");
    expect(JSON.parse((await run(api, ["logs", "dev", "--json"])).stdout)).toHaveProperty("console");
  });

  it("forks, and fails when a child did not start", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "base" });
    const good = await run(api, ["vm", "fork", "base", "-c", "3", "--json"]);
    expect(JSON.parse(good.stdout)).toMatchObject({ children: [{}, {}, {}] });
    const partly = await run(api, ["vm", "fork", "base", "-n", "good", "-n", "bad"]);
    expect(partly).toMatchObject({ exitCode: 1, stderr: "Error: a child did not start: No room\n" });
    expect(partly.stdout).toContain("good");
  });
});

describe("names and short ids", () => {
  it("prefers a name, takes the beginning of an id, and asks for more when that is not enough", async () => {
    await using api = await FakeApi.start();
    api.addVm({ id: ID, name: "one" });
    api.addVm({ id: "0b9c5f2e-0000-4a86-9d55-d6c0b8f1a002", name: "two" });
    api.addVm({ id: "11111111-0000-4a86-9d55-d6c0b8f1a003", name: "0b9c" });
    expect((await run(api, ["vm", "get", "0b9c", "--json"])).stdout).toContain("11111111-");
    expect((await run(api, ["vm", "get", "0b9c5f2e-3", "--json"])).stdout).toContain(ID);
    const ambiguous = await run(api, ["vm", "get", "0b9c5f"]);
    expect(ambiguous).toMatchObject({
      exitCode: 1,
      stdout: "",
      stderr: 'Error: "0b9c5f" fits 2 VMs: 0b9c5f2e (one), 0b9c5f2e (two)\nHint: Give more of the id\n',
    });
    const unknown = await run(api, ["exec", "nope", "true"]);
    expect(unknown).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('There is no VM "nope"') });
  });

  it("asks the server about a full id without listing", async () => {
    await using api = await FakeApi.start();
    const missing = await run(api, ["vm", "get", ID]);
    expect(missing.stderr).toBe(
      "Error: 404: There is no such resource\nHint: List the resources to see what exists\n",
    );
    expect(api.calls).toEqual([`GET /v1/vms/${ID}`]);
  });
});

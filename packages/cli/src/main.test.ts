import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execFile, execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, it, vi } from "vitest";
import { CliHome, envFor, exitCodeOf, resultOf } from "./testing/run-cli.ts";
import type { CliResult } from "./testing/run-cli.ts";
import { FakeApi } from "./testing/fake-api.ts";

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

describe("exec", () => {
  it("keeps stdout and stderr apart and ends with the command's exit code", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    expect(await run(api, ["exec", "dev", "echo out; echo err >&2; exit 7"])).toMatchObject({
      exitCode: 7,
      stdout: "out\n",
      stderr: "err\n",
    });
  });

  it("hands the command's own options to it, and takes ours before it", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    await run(api, ["exec", "--timeout", "5", "dev", "-e", "A=1", "sh", "-c", "exit 0", "--json", "-h"]);
    await run(api, ["vm", "exec", "dev", "--", "ls", "-la"]);
    expect(api.execs).toEqual(
      [
        { command: ["sh", "-c", "exit 0", "--json", "-h"], timeoutSec: 5, env: { A: "1" } },
        { command: ["ls", "-la"] },
      ].map((each) => expect.objectContaining(each)),
    );
  });

  it("carries bytes both ways as they are", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256));
    const { stdoutBytes, exitCode } = await run(api, ["exec", "dev", "cat"], bytes);
    expect(exitCode).toBe(0);
    expect(stdoutBytes.equals(bytes)).toBe(true);
  });

  it("does not wait for a program that leaves our stdin open", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    const result = await resultOf(home.spawn(["exec", "dev", "echo hi"], envFor(api)));
    expect(result).toMatchObject({ exitCode: 0, stdout: "hi\n" });
  });

  it("says so when the command could not be started", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    const { exitCode, stderr } = await run(api, ["exec", "dev", "no-such-program", "x"]);
    expect(exitCode).toBe(127);
    expect(stderr).toContain("ENOENT");
  });

  it("prints one object with --json", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    const { stdout, exitCode } = await run(api, ["exec", "--json", "dev", "echo hi; exit 3"]);
    expect(JSON.parse(stdout)).toMatchObject({ exitCode: 3, stdout: "hi\n" });
    expect(exitCode).toBe(3);
  });

  it("prints output while the command still runs, and Ctrl-C kills the command", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    const child = home.spawn(["exec", "--no-stdin", "dev", "echo started; sleep 60"], envFor(api));
    const exitCode = exitCodeOf(child);
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    child.kill("SIGINT");
    await api.abandoned.promise;
    expect(await exitCode).toBe(130);
  });

  it("ends quietly when nobody reads its output any more", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    const child = home.spawn(["exec", "--no-stdin", "dev", "yes"], envFor(api));
    const exitCode = exitCodeOf(child);
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    child.stdout?.destroy();
    await api.abandoned.promise;
    expect(await exitCode).toBe(141);
  });
});

describe("run", () => {
  it("deletes the VM after the command, and after a Ctrl-C", async () => {
    await using api = await FakeApi.start();
    expect(await run(api, ["run", "-m", "c2m4", "exit 5"])).toMatchObject({ exitCode: 5 });
    const child = home.spawn(["run", "--no-stdin", "echo started; sleep 60"], envFor(api));
    const exitCode = exitCodeOf(child);
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    child.kill("SIGINT");
    expect(await exitCode).toBe(130);
    expect(api.vms.size).toBe(0);
    expect(api.calls.filter((call) => call.startsWith("DELETE"))).toHaveLength(2);
  });
});

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

describe("cp", () => {
  it("copies files and folders both ways, and keeps the name where the target is a folder", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    const here = join(home.folder, "here");
    const there = join(home.folder, "there");
    mkdirSync(join(here, "src/deep"), { recursive: true });
    mkdirSync(there);
    writeFileSync(join(here, "src/deep/a.txt"), "hello");
    expect(await run(api, ["cp", join(here, "src"), `dev:${there}/src`])).toMatchObject({
      exitCode: 0,
      stderr: "",
    });
    expect(readFileSync(join(there, "src/deep/a.txt"), "utf8")).toBe("hello");
    await run(api, ["cp", join(here, "src/deep/a.txt"), `dev:${there}/`]);
    expect((await run(api, ["cp", join(here, "src/deep/a.txt"), `dev:${there}/src`])).stdout).toBe(
      `dev:${there}/src/a.txt\n`,
    );
    await run(api, ["cp", `dev:${there}/a.txt`, here]);
    expect(readFileSync(join(here, "a.txt"), "utf8")).toBe("hello");
    const copied = await run(api, ["cp", "--json", `dev:${there}/src`, join(here, "back")]);
    expect(JSON.parse(copied.stdout)).toEqual({ source: `dev:${there}/src`, target: join(here, "back") });
    expect(readFileSync(join(here, "back/deep/a.txt"), "utf8")).toBe("hello");
  });

  it("explains what it cannot do", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    expect((await run(api, ["cp", "a", "b"])).stderr).toMatch(
      /^Error: One of the two must be in a VM\nHint: /,
    );
    expect((await run(api, ["cp", "dev:/nope/nope", "."])).stderr).toBe(
      "Error: There is no /nope/nope in the VM\n",
    );
    expect((await run(api, ["cp", "dev:relative", "."])).stderr).toContain("absolute path");
  });
});

describe("services", () => {
  it("are added, listed with their URLs, and removed", async () => {
    await using api = await FakeApi.start();
    api.addVm({ id: ID, name: "dev" });
    const added = await run(api, ["service", "add", "dev", "web", "8080"]);
    expect(added.stdout).toMatch(/web +8080 +HTTP\/1.1 +http:\/\/web--1\.proxy\.localhost\//);
    const grpc = await run(api, ["service", "add", "dev", "web", "9090", "--h2c", "--json"]);
    expect(JSON.parse(grpc.stdout)).toMatchObject({ port: 9090, h2c: true });
    expect((await run(api, ["service", "ls", "dev"])).stdout).toMatch(/web +9090 +HTTP\/2/);
    expect((await run(api, ["service", "rm", "dev", "web"])).stdout).toBe("web\n");
    expect(api.calls.at(-1)).toBe(`DELETE /v1/vms/${ID}/services/web`);
    const wrong = await run(api, ["service", "add", "dev", "web", "http"]);
    expect([wrong.exitCode, wrong.stderr]).toEqual([1, expect.stringContaining('"http" is not a port')]);
  });
});

describe("firewall", () => {
  it("is set, changed and shown", async () => {
    await using api = await FakeApi.start();
    api.addVm({ id: ID, name: "dev" });
    expect((await run(api, ["firewall", "get", "dev"])).stdout).toMatch(/in +deny +everything else/);
    expect((await run(api, ["firewall", "set", "dev"])).stderr).toContain("--mode");
    const rules = ["-r", "tcp:80", "-r", "udp:5000-5010"];
    const set = await run(api, ["firewall", "set", "dev", "--mode", "restricted", ...rules]);
    expect(set.stdout).toBe(
      "mode: restricted\nPROTOCOL  PORTS      FROM  DESCRIPTION\ntcp       80         any\nudp       5000-5010  any\n",
    );
    const patched = await run(api, ["firewall", "patch", "dev", "--mode", "open", "--json"]);
    expect(JSON.parse(patched.stdout)).toMatchObject({ mode: "open", ingress: [{ portStart: 80 }, {}] });
    expect((await run(api, ["firewall", "set", "dev", "--mode", "open", "-r", "tcp:99999"])).exitCode).toBe(
      1,
    );
    const egress = {
      default: "deny",
      rules: [{ action: "allow", kind: "fqdn", value: "*.debian.org", protocol: "tcp", ports: "443" }],
    } as const;
    api.addVm({ id: ID, name: "dev", firewall: { egress, dns: { mode: "allow", domains: ["debian.org"] } } });
    const shown = (await run(api, ["firewall", "get", "dev"])).stdout;
    expect(shown).toMatch(/^WAY +ACTION +PEER +PROTOCOL +PORTS +PACKETS +BYTES +DESCRIPTION\n/);
    expect(shown).toMatch(/out +allow +\*\.debian\.org +tcp +443 +0 +0 B\n/);
    expect(shown).toMatch(/out +deny +everything else +any +any +1 +60 B\n/);
    expect(shown).toContain("questions for names: 3 answered, 2 refused,");
    expect(shown).toContain("names: only debian.org resolve\n");
    const whole = JSON.parse((await run(api, ["firewall", "get", "dev", "--json"])).stdout);
    expect(whole).toMatchObject({ policy: { egress }, hits: { dropped: { packets: 1 } } });
    const limited = { ...egress, rateLimit: { packetsPerSec: 500 } };
    api.addVm({ id: ID, name: "dev", status: "paused", firewall: { egress: limited } });
    const paused = (await run(api, ["firewall", "get", "dev"])).stdout;
    expect(paused).not.toContain("PACKETS");
    expect(paused).toContain("sends at most: 500 packets/s\n");
  });

  it("is taken whole from a file or stdin, also at the launch", async () => {
    await using api = await FakeApi.start();
    api.addVm({ id: ID, name: "dev" });
    const policy = {
      egress: { default: "deny", rules: [] },
      dns: { mode: "allow", domains: ["debian.org"] },
    };
    const file = join(home.folder, "policy.json");
    writeFileSync(file, JSON.stringify(policy));
    const set = await run(api, ["firewall", "set", "dev", "--policy", file, "--json"]);
    expect(JSON.parse(set.stdout)).toEqual(policy);
    const dns = { dns: { mode: "deny", domains: [] } };
    const patched = await run(
      api,
      ["firewall", "patch", "dev", "--policy", "-", "--json"],
      JSON.stringify(dns),
    );
    expect(JSON.parse(patched.stdout)).toEqual({ ...policy, ...dns });
    const launched = await run(api, ["launch", "-n", "new", "--no-console", "--firewall", file, "--json"]);
    expect(JSON.parse(launched.stdout)).toMatchObject({ firewall: policy });
    for (const [text, complaint] of [
      ["{", "is not JSON"],
      ["[]", "is not an object"],
    ] as const) {
      const wrong = await run(api, ["firewall", "set", "dev", "--policy", "-"], text);
      expect([wrong.exitCode, wrong.stderr]).toEqual([1, expect.stringContaining(complaint)]);
    }
    const missing = await run(api, ["firewall", "set", "dev", "--policy", "/nowhere"]);
    expect(missing.stderr).toContain("Cannot read /nowhere");
    const both = await run(api, ["firewall", "set", "dev", "--policy", file, "--mode", "open"]);
    expect(both.stderr).toContain("cannot be used with");
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

describe("completion", () => {
  it("offers commands, options and names", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    api.addVm({ name: "two words" });
    api.addSnapshot({ name: "ready" });
    const complete = async (...words: string[]): Promise<string> =>
      (await run(api, ["__complete", "--", ...words])).stdout.trim().replaceAll("\n", " ");
    expect(await complete("sn")).toBe("snapshot");
    expect(await complete("vm", "re")).toBe("resume rename");
    expect(await complete("exec", "")).toBe("dev");
    expect(await complete("rm", "-y", "dev", "d")).toBe("dev");
    expect(await complete("snapshot", "restore", "-n", "x", "")).toBe("ready");
    expect(await complete("launch", "--dis")).toBe("--disk-gib");
    expect(await complete("launch", "-n", "")).toBe("");
    expect(await complete("vm", "stats", "dev", "")).toBe("dev");
    expect(await complete("completion", "")).toBe("bash zsh fish");
    expect(await complete("firewall", "set", "dev", "--mode", "r")).toBe("restricted");
    expect(await complete("launch", "--machine", "c2")).toBe("c2m4");
    expect(await complete("launch", "-s", "")).toBe("ready");
    expect(await complete("vm", "ls", "--status", "pau")).toBe("pausing paused");
    expect(await complete("config", "get", "")).toBe("api_key base_url");
  });

  // Each shell loads its script without a word, then completes. The stand-ins for what a prompt does are the shells' own way to ask.
  it.for([
    [
      "bash",
      ["--norc", "-c"],
      `eval "$(fastvm completion bash)"
      COMP_WORDS=(fastvm vm get dev); COMP_CWORD=3; _fastvm; echo "\${COMPREPLY[@]}"`,
    ],
    [
      "zsh",
      ["-f", "-c"],
      `source <(fastvm completion zsh)
      compadd() { print -l -- "\${(@P)2}" }
      words=(fastvm vm get dev); CURRENT=4; _fastvm`,
    ],
    [
      "fish",
      ["--no-config", "-c"],
      `fastvm completion fish | source
      complete -C "fastvm vm get dev"`,
    ],
  ] as const)("works in %s", async ([shell, flags, script], { skip }) => {
    const bin = join(home.folder, "bin");
    mkdirSync(bin, { recursive: true });
    const link = join(bin, "fastvm");
    if (!existsSync(link)) symlinkSync(fileURLToPath(new URL("../bin/fastvm", import.meta.url)), link);
    const env = { ...process.env, PATH: `${bin}:${process.env["PATH"]}`, HOME: home.folder };
    if (!isInstalled(shell)) skip(`${shell} is not installed`);
    await using api = await FakeApi.start();
    api.addVm({ name: "development" });
    const answer = await promisify(execFile)(shell, [...flags, script], { env: { ...env, ...envFor(api) } });
    expect(answer).toEqual({ stdout: "development\n", stderr: "" });
  });
});

describe("settings", () => {
  it("keeps the key in a file for its owner alone, and the environment wins over it", async () => {
    await using api = await FakeApi.start();
    using own = new CliHome();
    expect((await own.run(["config", "set", "base_url", api.url])).exitCode).toBe(0);
    const file = join(own.folder, ".config/fastvm/config.toml");
    writeFileSync(file, `${readFileSync(file, "utf8")}\n# mine\n[other]\napi_key = "not this"\n`);
    expect((await own.run(["config", "set", "api_key", "test key"])).exitCode).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).toContain("# mine\n[other]");
    expect((await own.run(["config", "get", "api_key"])).stdout).toBe("test key\n");
    expect((await own.run(["config", "get", "--json"])).stdout).toContain(api.url);
    expect((await own.run(["vm", "ls"])).exitCode).toBe(0);
    expect((await own.run(["vm", "ls"], { FASTVM_API_KEY: "other" })).stderr).toMatch(/^Error: 401: /);
    expect((await own.run(["vm", "ls", "--api-key", "test key"], { FASTVM_API_KEY: "other" })).exitCode).toBe(
      0,
    );
    expect(await own.run(["config", "set", "colour", "red"])).toMatchObject({ exitCode: 1 });
  });

  it("uses the local daemon's key for this machine and for no other", async () => {
    await using api = await FakeApi.start();
    using own = new CliHome();
    mkdirSync(join(own.folder, "data"));
    writeFileSync(join(own.folder, "data/api-key"), "test key\n");
    expect((await own.run(["vm", "ls"], { FASTVM_BASE_URL: api.url })).exitCode).toBe(0);
    const remote = await own.run(["vm", "ls"], { FASTVM_BASE_URL: "http://example.invalid" });
    expect(remote).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("No API key") });
  });
});

describe("the command line", () => {
  it("explains mistakes on stderr and ends with 1", async () => {
    for (const args of [
      ["nope"],
      ["vm", "get"],
      ["launch", "--disk-gib", "x"],
      ["vm", "ls", "--metadata", "x"],
    ]) {
      const { exitCode, stdout, stderr } = await home.run(args);
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
      expect(stderr).toMatch(/^error: /);
    }
  });

  it("prints help and the version to stdout", async () => {
    expect(await home.run(["--help"])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("snapshot"),
    });
    expect((await home.run(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("says what to do when no daemon answers", async () => {
    const api = await FakeApi.start();
    const env = envFor(api);
    await api[Symbol.asyncDispose]();
    const { exitCode, stderr } = await home.run(["vm", "ls"], env);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^Error: .*ECONNREFUSED.*\nHint: .*fastvm serve\n$/);
  });

  it("starts through a symbolic link from another folder", () => {
    const launcher = join(dirname(fileURLToPath(import.meta.url)), "../bin/fastvm");
    const link = join(home.folder, "fastvm");
    if (!existsSync(link)) symlinkSync(launcher, link);
    expect(execFileSync(link, ["--version"], { cwd: "/", encoding: "utf8" })).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

function isInstalled(program: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, program)));
}

import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SharedDaemon } from "../harness/shared-daemon.ts";
import { runCli } from "../harness/cli.ts";
import type { ProgramResult } from "../harness/cli.ts";

/** The tests of this file go on from each other, as a session at a terminal does. */
describe("the command line", () => {
  let daemon: SharedDaemon;
  let vmId: string;

  beforeAll(async () => {
    daemon = await SharedDaemon.join();
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  async function cli(args: readonly string[], input?: string | Uint8Array): Promise<ProgramResult> {
    return await runCli(args, { ...daemon.environment, TZ: "UTC" }, input);
  }

  /** Output of a command that must succeed. */
  async function good(args: readonly string[], input?: string | Uint8Array): Promise<string> {
    const { exitCode, stdout, stderr } = await cli(args, input);
    expect(exitCode, `fastvm ${args.join(" ")}: ${stderr}`).toBe(0);
    return stdout.trim();
  }

  test("launches a VM and lists it, as a table and as JSON", async () => {
    vmId = await good(["launch", "-m", "c1m2", "-n", "dev", "--metadata", "team=blue", "-q"]);
    expect(vmId).toMatch(/^[0-9a-f-]{36}$/);
    const [head, row] = (await good(["vm", "ls"])).split("\n");
    expect(head).toMatch(/^ID +NAME +MACHINE +STATUS/);
    expect(row).toMatch(new RegExp(`^${vmId.slice(0, 8)} +dev +c1m2 +running`));
    expect(JSON.parse(await good(["vm", "ls", "--json"]))).toMatchObject([
      { id: vmId, name: "dev", status: "running", metadata: { team: "blue" } },
    ]);
    expect(await good(["vm", "ls", "-q", "--metadata", "team=red"])).toBe("");
  });

  test("runs commands by name, by short id and by full id, with their exit codes", async () => {
    expect(await good(["exec", "dev", "echo $((6 * 7))"])).toBe("42");
    expect(await good(["exec", vmId.slice(0, 6), "--", "printf", "%s|", "a b", "c"])).toBe("a b|c|");
    expect(await cli(["exec", vmId, "echo out; echo err >&2; exit 7"])).toEqual({
      exitCode: 7,
      stdout: "out\n",
      stderr: "err\n",
    });
  });

  test("leaves a command running, lists it, attaches to it and ends it", async () => {
    const id = await good(["exec", "-d", "--cwd", "/tmp", "dev", "pwd; sleep 4811"]);
    expect(await good(["ps", "dev"])).toMatch(new RegExp(`${id.slice(0, 8)} +\\d+ +running .*sleep 4811`));
    expect(await good(["ps", "dev", "-q"])).toBe(id);
    expect(await good(["logs", "dev", id])).toBe("/tmp");
    expect(await good(["logs", "--source", "all", "dev"])).toContain(`${id.slice(0, 8)} | /tmp`);
    expect(await good(["kill", "dev", id.slice(0, 8), "-s", "TERM"])).toBe("");
    expect(await cli(["attach", "dev", id])).toEqual({ exitCode: 143, stdout: "/tmp\n", stderr: "" });
    expect(await good(["logs", "-f", "dev", id])).toBe("/tmp");
    expect((await cli(["kill", "dev", id])).stderr).toContain("has ended already");
    expect((await cli(["attach", "dev", "zzz"])).stderr).toContain("no command zzz");
  });

  test("sends what is piped into it, byte for byte", async () => {
    const bytes = randomBytes(1024 * 1024);
    expect(await good(["exec", "dev", "sha256sum"], bytes)).toBe(
      `${createHash("sha256").update(bytes).digest("hex")}  -`,
    );
  });

  test("prints output while the command runs", async () => {
    // The command ends only because what it printed was seen.
    const script = "echo first; until [ -e /tmp/go ]; do sleep 0.05; done; echo second";
    const seen = Promise.withResolvers<void>();
    const env = { ...daemon.environment };
    const running = runCli(["exec", "--timeout", "60", "dev", script], env, "", () => seen.resolve());
    await seen.promise;
    await good(["exec", "dev", "touch /tmp/go"]);
    expect(await running).toMatchObject({ exitCode: 0, stdout: "first\nsecond\n" });
  });

  test("shows what VMs use and print, and what was made of what", async () => {
    const [head, row] = (await good(["vm", "stats", "dev"])).split("\n");
    expect(head).toMatch(/^ID +NAME +STATUS +CPU +MEMORY +OWN +OF/);
    expect(row).toMatch(/^[0-9a-f]{8} +dev +running +\d+ % +[\d.]+ MiB +[\d.]+ [KM]iB +2 GiB +/);
    expect(await good(["top", "dev"])).toMatch(/^USER +PID +PPID .*\n(.*\n)*root +\d+ .*ps -eo/);
    await good(["exec", "dev", "echo to the console >/dev/console"]);
    expect(await good(["logs", "dev"])).toContain("to the console");
    await good(["snapshot", "create", "dev", "-n", "trunk"]);
    await good(["snapshot", "restore", "trunk", "-n", "leaf"]);
    expect(await good(["snapshot", "tree"])).toMatch(
      /^vm \S+  dev  running\n └─ snapshot \S+  trunk\n {4}└─ vm \S+  leaf  running$/,
    );
    await good(["rm", "-y", "leaf"]);
    await good(["snapshot", "rm", "-y", "trunk"]);
  });

  test("pipes files, leads a port into the VM, and tells what has changed", async () => {
    await good(["cp", "-", "dev:/root/notes"], "from a pipe");
    expect(await good(["cp", "dev:/root/notes", "-"])).toBe("from a pipe");
    const serve =
      "mkdir -p /srv/www; cd /srv/www; echo served >index.html; exec python3 -m http.server -b 127.0.0.1 8765";
    const id = await good(["exec", "-d", "dev", serve]);
    const script = "until curl -sf http://127.0.0.1:8765/ >/dev/null; do sleep 0.1; done";
    await good(["exec", "--timeout", "60", "dev", script]);
    const env = { ...daemon.environment, PATH: process.env["PATH"] ?? "" };
    const main = fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url));
    const child = spawn(process.execPath, ["--conditions=development", main, "port", "dev", "0:8765"], {
      env,
    });
    try {
      const [first] = (await once(child.stdout, "data")) as [Buffer];
      const [local = ""] = /^\S+/.exec(first.toString()) ?? [];
      expect(await (await fetch(`http://${local}/`)).text()).toBe("served\n");
    } finally {
      child.kill("SIGINT");
    }
    await good(["kill", "dev", id]);
    const differences = (await good(["diff", "dev", "/root"])).split("\n");
    expect(differences).toContain("A /root/notes");
    expect(differences.filter((line) => line.startsWith("D"))).toEqual([]);
    await good(["exec", "dev", "rm -r /root/notes /srv/www"]);
    expect(await good(["ls", "-q"])).toBe(vmId);
  });

  test("saves, lists, restores and deletes a snapshot", async () => {
    await good(["exec", "dev", "echo kept > /dev/shm/memory-only"]);
    const snapshotId = await good(["snapshot", "create", "dev", "-n", "point", "-q"]);
    expect(await good(["snapshot", "ls"])).toMatch(new RegExp(`${snapshotId.slice(0, 8)} +point`));
    await good(["snapshot", "restore", "point", "-n", "branch"]);
    expect(await good(["exec", "branch", "cat /dev/shm/memory-only"])).toBe("kept");
    expect(await good(["snapshot", "rm", "-y", "point"])).toBe(snapshotId);
    expect(await good(["snapshot", "ls", "-q"])).toBe("");
  });

  test("forks, pauses, resumes, renames and deletes a VM", async () => {
    const children = (await good(["vm", "fork", "dev", "-n", "left", "-n", "right", "-q"])).split("\n");
    expect(children).toHaveLength(2);
    expect(await good(["exec", "right", "cat /dev/shm/memory-only"])).toBe("kept");
    expect(await good(["vm", "pause", "left"])).toContain("paused");
    const refused = await cli(["exec", "left", "true"]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toMatch(/^Error: .*paused.*\nHint: /s);
    expect(await good(["vm", "resume", "left"])).toContain("running");
    expect(await good(["exec", "left", "cat /dev/shm/memory-only"])).toBe("kept");
    expect(await good(["vm", "rename", "left", "port"])).toContain("port");
    expect((await good(["vm", "rm", "-y", "port", "right", "branch"])).split("\n")).toHaveLength(3);
    expect(await good(["vm", "ls", "-q"])).toBe(vmId);
  });

  test("runs one command in a VM that lives for it alone", async () => {
    const result = await cli(["run", "cat; hostname; exit 5"], "from stdin\n");
    expect(result.stdout).toMatch(/^from stdin\n\S+\n$/);
    expect(result.exitCode).toBe(5);
    expect(await good(["vm", "ls", "-q"])).toBe(vmId);
  });

  test("shows quotas and the machine's fitness", async () => {
    expect(await good(["quota"])).toMatch(/vCPUs +1 /);
    expect(JSON.parse(await good(["quota", "--json"]))).toMatchObject({ usage: { vcpu: 1 } });
    const report = JSON.parse(await good(["doctor", "--json"]));
    expect(report.ok).toBe(true);
    expect(report.checks.length).toBeGreaterThan(3);
  });

  test("says what is wrong and what to do, and exits with 1", async () => {
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [["exec", "nobody", "true"], /^Error: There is no VM "nobody"\nHint: /],
      [["launch", "-m", "c3"], /^Error: .*machine.*\nHint: /is],
      [["vm", "rm", "dev"], /^Error: .*\nHint: .*-y/s],
      [["snapshot", "restore", "nothing"], /^Error: There is no snapshot "nothing"/],
    ];
    for (const [args, message] of wrong) {
      const { exitCode, stdout, stderr } = await cli(args);
      expect(stderr).toMatch(message);
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    }
    const wrongKey = { ...daemon.environment, FASTVM_API_KEY: "nonsense" };
    expect(await runCli(["vm", "ls"], wrongKey)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^Error: .*key.*\nHint: /is),
    });
    expect(await good(["vm", "ls", "-q"])).toBe(vmId);
  });
});

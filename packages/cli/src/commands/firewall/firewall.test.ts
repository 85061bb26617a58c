/** The firewall at the command line. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
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

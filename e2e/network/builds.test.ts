/**
 * What commands of a build reach: what its caller allows, from the first packet on, and nothing else. Each build ends at its last step with
 * a failure, so none comes to an image.
 */
import { copyFile, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FirewallInput } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { NetworkLab, WORLD } from "../harness/network-lab.ts";

/** Three builders at once, under emulation, and the template that they are restored from. */
const TEST_MS = 400_000;
const APPLETS = ["sh", "echo", "nc", "nslookup", "timeout", "grep", "false"];
const FAILS = "; false";
/** Prints what was reached; each attempt is over in three seconds. */
const PROBES = `reach() { if echo | timeout 3 nc $1 $2 2>/dev/null | grep -q "you are"; then echo "reached $1 $2"; fi; }; \\
  ask() { if timeout 5 nslookup $* >/dev/null 2>&1; then echo "resolved $*"; fi; }; `;

let lab: NetworkLab;
let daemon: TestDaemon;
let contextDir: string;

beforeAll(async () => {
  contextDir = await mkdtemp(join(tmpdir(), "fastvm-e2e-builds-"));
  await mkdir(join(contextDir, "bin"));
  await copyFile("/bin/busybox", join(contextDir, "bin/busybox"));
  for (const name of APPLETS) await symlink("busybox", join(contextDir, "bin", name));
  lab = await NetworkLab.start();
  await lab.setNames({
    "good.test": [{ type: "A", data: WORLD.otherV4, ttl: 60 }],
    "bad.test": [{ type: "A", data: WORLD.otherV4, ttl: 60 }],
  });
  daemon = await TestDaemon.start({ ...lab.daemonOptions, poolSize: 0 });
}, TEST_MS);

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
  await rm(contextDir, { recursive: true });
});

/** What was reached and resolved, in the words of the probes. */
async function reached(firewall: FirewallInput, ...probes: readonly string[]): Promise<readonly string[]> {
  const dockerfile = `FROM scratch\nCOPY . /\nRUN ${PROBES}${probes.join("; ")}; echo probed${FAILS}\n`;
  const events = await Array.fromAsync(daemon.client.build({ contextDir, dockerfile, firewall }));
  expect(events.at(-1), JSON.stringify(events.slice(-8))).toMatchObject({ type: "end", status: "failed" });
  const lines = events.flatMap((event) => (event.type === "log" ? [event.line] : []));
  expect(lines).toContain("probed");
  return lines.filter((line) => /^(reached|resolved) /.test(line));
}

const seen = (address: string, port: number): boolean =>
  lab.sightings.some((sighting) => sighting.address === address && sighting.port === port);
const asked = (name: string): boolean =>
  lab.sightings.some(({ kind, text }) => kind === "dns" && text === name);

test(
  "what the caller allows by network and by name, and nothing where nothing is allowed",
  async () => {
    const allow = { action: "allow", protocol: "tcp" } as const;
    const byNetwork = { ...allow, kind: "cidr", value: `${WORLD.v4}/32`, ports: "80" } as const;
    const byName = { ...allow, kind: "fqdn", value: "good.test", ports: "any" } as const;
    const [nothing, network, name] = await Promise.all([
      reached(
        { egress: { default: "deny" }, dns: { mode: "allow", domains: ["none.test"] } },
        `reach ${WORLD.v4} 443`,
        `reach ${WORLD.v6} 443`,
        `reach ${WORLD.metadata} 80`,
        `reach ${lab.hostAddress} ${daemon.config.port}`,
        `ask secret.test ${WORLD.publicResolverV4}`,
        "ask other-secret.test",
      ),
      reached(
        { egress: { default: "deny", rules: [byNetwork] } },
        `reach ${WORLD.v4} 80`,
        `reach ${WORLD.v4} 8081`,
        `reach ${WORLD.v6} 80`,
      ),
      reached(
        { egress: { default: "deny", rules: [byName] }, dns: { mode: "allow", domains: ["good.test"] } },
        `reach ${WORLD.otherV4} 8080`,
        "ask bad.test",
        "ask good.test",
        `reach ${WORLD.otherV4} 8090`,
      ),
    ]);
    expect(nothing).toEqual([]);
    expect(network).toEqual([`reached ${WORLD.v4} 80`]);
    expect(name).toEqual(["resolved good.test", `reached ${WORLD.otherV4} 8090`]);
    // Nor did any of it come as far as the world.
    expect([seen(WORLD.v4, 443), seen(WORLD.v6, 443), seen(WORLD.v4, 8081), seen(WORLD.v6, 80)]).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect([seen(WORLD.otherV4, 8080), seen(WORLD.otherV4, 8090), seen(WORLD.v4, 80)]).toEqual([
      false,
      true,
      true,
    ]);
    expect([asked("secret.test"), asked("other-secret.test"), asked("bad.test"), asked("good.test")]).toEqual(
      [false, false, false, true],
    );
  },
  TEST_MS,
);

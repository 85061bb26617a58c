import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { FakeApi } from "../../testing/fake-api.ts";
import { CliHome, envFor } from "../../testing/run-cli.ts";

vi.setConfig({ testTimeout: 120_000 });

const home = new CliHome();
afterAll(() => home[Symbol.dispose]());

const OPEN = { ingress: { default: "allow" } } as never;

/** The environment in which this script is the system's ssh. */
function withSsh(api: FakeApi, script: string): Record<string, string> {
  writeFileSync(join(home.folder, "ssh"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { ...envFor(api), PATH: `${home.folder}:${process.env["PATH"] ?? ""}` };
}

it("hands the VM's address and our arguments to the system's ssh, and returns its exit code", async () => {
  await using api = await FakeApi.start();
  api.addVm({ name: "dev", publicIpv6: "fd00::1", firewall: OPEN });
  api.addVm({ name: "unreachable" });
  const env = withSsh(api, 'echo "$@"; exit 5');
  expect(await home.run(["ssh", "dev", "-v", "uptime"], env)).toMatchObject({
    exitCode: 5,
    stdout: "-o StrictHostKeyChecking=accept-new -l root fd00::1 -v uptime\n",
  });
  expect((await home.run(["ssh", "unreachable"], env)).stderr).toContain("no public IPv6 address");
});

it("does not wait for a port that the firewall keeps closed", async () => {
  await using api = await FakeApi.start();
  const env = withSsh(api, 'echo "logged in"');
  const id = "0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001";
  const login = async (rules: readonly object[] | "open") => {
    const ingress = rules === "open" ? { default: "allow" } : { default: "deny", rules };
    api.addVm({ id, name: "dev", publicIpv6: "fd00::1", firewall: { ingress } as never });
    return await home.run(["ssh", "dev"], env);
  };
  const rule = { action: "allow", kind: "cidr", value: "::/0", protocol: "tcp", ports: "22" };
  const closed = await login([
    { ...rule, ports: "80" },
    { ...rule, protocol: "udp" },
  ]);
  expect(closed).toMatchObject({ exitCode: 1, stdout: "" });
  expect(closed.stderr).toMatch(/lets nobody in at port 22\nHint: .*fastvm firewall patch dev -r tcp:22/);
  for (const open of [
    "open",
    [rule],
    [{ ...rule, ports: "20-30", protocol: "any" }],
    [{ ...rule, ports: "any" }],
  ] as const) {
    expect(await login(open)).toMatchObject({ exitCode: 0, stdout: "logged in\n" });
  }
});

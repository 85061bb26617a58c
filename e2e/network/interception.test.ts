/** A guest's TLS goes by way of its proxy: it trusts it, gets no secret's value, and without the proxy reaches nobody. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, SecretParams, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";
import { NetworkLab, WORLD } from "../harness/network-lab.ts";
import { makeAuthority } from "../harness/private-authority.ts";
import { proxiesIn } from "../harness/proxies.ts";
import type { PrivateAuthority } from "../harness/private-authority.ts";
import type { Received } from "../harness/tls-origin.ts";

/** Where nobody else of the world listens. */
const PORT = 8443;
const VALUE = "the-very-value-of-the-secret-5b1f";
const SECRET: SecretParams = { name: "TOKEN", value: VALUE, hosts: ["api.test"] };
const SOON_MS = 30_000;

let folder: string;
let lab: NetworkLab;
let authority: PrivateAuthority;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-interception-"));
  authority = makeAuthority(folder, ["DNS:api.test", "DNS:other.test"]);
  lab = await NetworkLab.start();
  await lab.setNames({
    "api.test": [{ type: "A", data: WORLD.v4, ttl: 60 }],
    "other.test": [{ type: "A", data: WORLD.v4, ttl: 60 }],
  });
  await lab.startOrigin({ address: WORLD.v4, port: PORT, cert: authority.chain, key: authority.key });
  daemon = await TestDaemon.start(lab.daemonOptions);
  client = daemon.client;
  vm = await client.vms.launch({
    machineType: "c1m2",
    tls: { ports: [443, PORT], upstreamCa: [authority.ca] },
    secrets: [SECRET],
  });
});

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function fetched(command: string): Promise<Received> {
  return JSON.parse(await sh(client, vm, command)) as Received;
}

const authorizationOf = ({ headers }: Received): string | undefined =>
  headers[headers.findIndex((name) => name.toLowerCase() === "authorization") + 1];

test("a request gets the secret on its way to its host, and the guest has the placeholder alone", async () => {
  const received = await fetched(
    `curl -sS -m 20 -H "Authorization: Bearer $TOKEN" https://api.test:${PORT}/a?b=c`,
  );
  expect(received).toMatchObject({ method: "GET", url: "/a?b=c" });
  expect(authorizationOf(received)).toBe(`Bearer ${VALUE}`);
  expect(await sh(client, vm, "echo $TOKEN")).toBe("__FASTVM_SECRET_TOKEN__");
  const shown = await client.vms.get(vm.id);
  expect(shown.secrets).toEqual([expect.objectContaining({ name: "TOKEN", hosts: ["api.test"] })]);
  expect(JSON.stringify(shown)).not.toContain(VALUE);
});

test("to another host it does not go, which is told by its name", async () => {
  const answer = await sh(
    client,
    vm,
    `curl -sS -m 20 -w '%{http_code}' -H "Authorization: Bearer $TOKEN" https://other.test:${PORT}/`,
  );
  expect(answer).toContain("403");
  expect(answer).not.toContain(VALUE);
  expect((await fetched(`curl -sS -m 20 https://other.test:${PORT}/`)).method).toBe("GET");
});

test("without its proxy not one connection passes, and there is another one soon", async () => {
  for (const pid of await proxiesIn(daemon.config.dataDir)) process.kill(pid, "SIGKILL");
  await eventually(async () => {
    expect((await fetched(`curl -sS -m 5 https://api.test:${PORT}/again`)).url).toBe("/again");
  }, SOON_MS);
});

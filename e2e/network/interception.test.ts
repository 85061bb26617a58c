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
import { makeStaticWorld } from "../harness/static-world.ts";
import type { PrivateAuthority } from "../harness/private-authority.ts";
import type { Received } from "../harness/tls-origin.ts";

/** Where nobody else of the world listens. */
const PORT = 8443;
/** Of a server that has files. */
const FILES_PORT = 8444;
const FILES = `https://other.test:${FILES_PORT}`;
/** Of an echo in the world. */
const PLAIN_PORT = 8081;
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
  authority = makeAuthority(folder, ["DNS:api.test", "DNS:other.test", `IP:${WORLD.v4}`]);
  lab = await NetworkLab.start();
  await lab.setNames({
    "api.test": [{ type: "A", data: WORLD.v4, ttl: 60 }],
    "other.test": [{ type: "A", data: WORLD.v4, ttl: 60 }],
  });
  const { chain: cert, key } = authority;
  for (const address of [WORLD.v4, WORLD.otherV4]) await lab.startOrigin({ address, port: PORT, cert, key });
  const files = await mkdtemp(join(folder, "files-"));
  makeStaticWorld(files, FILES);
  await lab.startOrigin({ address: WORLD.v4, port: FILES_PORT, folder: files, cert, key });
  daemon = await TestDaemon.start(lab.daemonOptions);
  client = daemon.client;
  vm = await client.vms.launch({
    machineType: "c1m2",
    tls: { ports: [443, PORT, FILES_PORT, PLAIN_PORT], upstreamCa: [authority.ca] },
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

test("nowhere else does it go, which is told by its name alone", async () => {
  const places: readonly string[] = [
    `https://other.test:${PORT}/`,
    `http://api.test:${PLAIN_PORT}/`,
    `https://${WORLD.v4}:${PORT}/`,
    // An address that it was not told for the name.
    `--resolve api.test:${PORT}:${WORLD.otherV4} https://api.test:${PORT}/`,
  ];
  const asked = places.map((place) => `curl -sS -m 20 -w ' %{http_code}\n' -H "X-Token: $TOKEN" ${place}`);
  const answers = (await sh(client, vm, asked.join("\n"))).split("\n").filter((line) => line !== "");
  expect(answers).toHaveLength(2 * places.length);
  expect(answers.filter((_, at) => at % 2 === 1)).toEqual(places.map(() => " 403"));
  const { events } = await client.events.list({ vm: vm.id, types: ["vm.secret_blocked"] });
  expect(events.map(({ detail }) => detail)).toEqual([
    "the secret TOKEN was sent to other.test, which is none of its hosts",
    "the secret TOKEN was sent to api.test, in the clear",
    `the secret TOKEN was sent to ${WORLD.v4}, which nobody named`,
    "the secret TOKEN was sent to api.test, an address that the VM was not told for that name",
  ]);
  expect(JSON.stringify([answers, events])).not.toContain(VALUE);
  const [line = ""] = (await daemon.log()).split("\n").filter((entry) => entry.includes('"not_resolved"'));
  expect(line).toContain('"TOKEN"');
  expect(line).not.toContain("__FASTVM_SECRET_TOKEN__");
  expect((await fetched(`curl -sS -m 20 https://other.test:${PORT}/`)).method).toBe("GET");
});

/** Each prints what a file at the server says. The table of docs/api/interception.md says who else was tried. */
const CLIENTS: Readonly<Record<string, string>> = {
  curl: `curl -sSf ${FILES}/payload`,
  wget: `wget -qO- ${FILES}/payload`,
  "busybox's wget": `/root/busybox wget -qO- ${FILES}/payload 2>/dev/null`,
  "Python's urllib": `python3 -c 'import urllib.request as u; print(u.urlopen("${FILES}/payload").read().decode())'`,
  "Python's requests": `python3 -c 'from pip._vendor import requests; print(requests.get("${FILES}/payload").text)'`,
  openssl: `printf 'GET /payload HTTP/1.0\\r\\nHost: other.test:${FILES_PORT}\\r\\n\\r\\n' |
    openssl s_client -quiet -verify_return_error -servername other.test -connect other.test:${FILES_PORT} 2>/dev/null | tail -n 1`,
  git: `git clone -q ${FILES}/repository.git /root/clone && cat /root/clone/file`,
  pip: `pip install -q --break-system-packages --no-warn-script-location --root-user-action ignore --target /root/pip \\
    --index-url ${FILES}/simple demo && PYTHONPATH=/root/pip python3 -c 'import demo'`,
};

test("clients trust what is intercepted, without an option", async () => {
  await client.upload(vm, "/bin/busybox", "/root/busybox");
  // One after the other: an emulated guest that starts all of them at once takes longer than a server waits for its words.
  const said: [string, string][] = [];
  for (const [name, command] of Object.entries(CLIENTS))
    said.push([name, (await sh(client, vm, `{ ${command}; } 2>&1 || true`)).trim()]);
  expect(Object.fromEntries(said)).toEqual(
    Object.fromEntries(Object.keys(CLIENTS).map((name) => [name, "payload"])),
  );
  // And it is the organisation's authority that they trust.
  const issuer = `openssl s_client -connect other.test:${FILES_PORT} </dev/null 2>/dev/null | grep ^issuer`;
  expect(await sh(client, vm, issuer)).not.toContain("A test");
});

test("without its proxy not one connection passes, and there is another one soon", async () => {
  for (const pid of await proxiesIn(daemon.config.dataDir)) process.kill(pid, "SIGKILL");
  await eventually(async () => {
    expect((await fetched(`curl -sS -m 5 https://api.test:${PORT}/again`)).url).toBe("/again");
  }, SOON_MS);
});

/** A daemon with a certificate of a private authority: every way in speaks TLS and verifies it, the guest's too. */
import { once } from "node:events";
import { X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:http2";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { getCACertificates, setDefaultCACertificates, connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FastVM } from "fastvm";
import type { FastvmClient, Vm } from "fastvm";
import { runCli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";
import { keptAuthority } from "../harness/private-authority.ts";
import type { PrivateAuthority } from "../harness/private-authority.ts";
import { Terminal } from "../harness/terminal.ts";

const CURL = fileURLToPath(new URL("../../guest/agent/build/curl", import.meta.url));
const CLI = fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url));

/** Takes an upgrade, then says everything twice. */
const TWICE = `
import socket
server = socket.create_server(("127.0.0.1", 9000))
while True:
    peer, _ = server.accept()
    head = b""
    while b"\\r\\n\\r\\n" not in head: head += peer.recv(4096)
    peer.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n")
    while data := peer.recv(4096): peer.sendall(data * 2)
`;

async function sayTo(url: string, words: string): Promise<string> {
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": Buffer.alloc(16).toString("base64"),
  };
  const sent = request(url, { headers }).end();
  sent.once("response", ({ statusCode }) => sent.destroy(new Error(`no upgrade but ${statusCode}`)));
  const [, socket] = (await once(sent, "upgrade")) as [unknown, Duplex];
  socket.write(words);
  const [answer] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return answer.toString();
}

const trusted = getCACertificates("default");
let folder: string;
let authority: PrivateAuthority;
let next: PrivateAuthority;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-tls-"));
  [authority, next] = [keptAuthority("first"), keptAuthority("next")];
  const { chain, key } = authority;
  // Whoever starts it does not trust the authority.
  daemon = await TestDaemon.start({ settings: { tls: { cert: chain, key } } });
  client = daemon.client;
  setDefaultCACertificates([...trusted, authority.ca]);
  vm = await client.vms.launch({ machineType: "c1m2" });
});

afterAll(async () => {
  setDefaultCACertificates(trusted);
  await daemon?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

test("the port chooses HTTP/2 or HTTP/1.1, and takes nothing in cleartext", async () => {
  expect(daemon.url).toMatch(/^https:/);
  const chosen: unknown[] = [];
  for (const ALPNProtocols of [["h2", "http/1.1"], ["http/1.1"]]) {
    const socket = connectTls({ host: "127.0.0.1", port: daemon.config.port, ALPNProtocols });
    await once(socket, "secureConnect");
    chosen.push(socket.alpnProtocol);
    socket.destroy();
  }
  expect(chosen).toEqual(["h2", "http/1.1"]);
  await expect(fetch(`${daemon.url.replace("https", "http")}/healthz`)).rejects.toThrow();
  const flat = new FastVM({ apiKey: daemon.apiKey, baseUrl: daemon.url });
  const [known] = await flat.list();
  expect(known?.id).toBe(vm.id);
  flat.close();
});

test("the command line verifies it as Node does, and its console speaks TLS", async () => {
  const trusting = { ...daemon.environment, NODE_EXTRA_CA_CERTS: authority.caFile };
  expect((await runCli(["run", "-m", "c1m2", "echo hello"], trusting)).stdout).toBe("hello\n");
  const refused = await runCli(["vm", "ls"], daemon.environment);
  expect(refused.exitCode).not.toBe(0);
  expect(refused.stderr).toMatch(/certificate/);
  await using terminal = await Terminal.open({ cols: 80, rows: 24 }, trusting);
  await terminal.enter(`'${process.execPath}' --conditions=development '${CLI}' console ${vm.id}`);
  await terminal.shows(/root@\S+[#$] ?$/m);
  await terminal.enter("echo by-$((40 + 2))");
  await terminal.shows(/^by-42$/m);
});

test("services are reached over HTTP/1.1, HTTP/2 and WebSocket", async () => {
  await sh(client, vm, "mkdir -p /srv && echo 'hello from the guest' > /srv/index.html");
  await sh(client, vm, "cd /srv && nohup python3 -m http.server 8000 >/dev/null 2>&1 &");
  const service = await client.vms.services.register(vm, { name: "web", port: 8000 });
  const { pathUrl = "", url = "" } = service;
  expect([pathUrl, url].map((one) => new URL(one).protocol)).toEqual(["https:", "https:"]);
  await eventually(
    async () => expect(await (await fetch(pathUrl)).text()).toBe("hello from the guest\n"),
    30_000,
  );
  const session = connect(daemon.url);
  try {
    const stream = session.request({ ":path": "/", ":authority": new URL(url).host });
    expect(await text(stream)).toBe("hello from the guest\n");
  } finally {
    session.close();
  }
  await client.vms.run(vm, ["sh", "-c", `cat > /srv/twice.py <<'END'\n${TWICE}\nEND`]);
  await sh(client, vm, "nohup python3 /srv/twice.py >/dev/null 2>&1 &");
  const twice = await client.vms.services.register(vm, { name: "twice", port: 9000 });
  await eventually(async () => expect(await sayTo(twice.pathUrl ?? "", "ab")).toBe("abab"), 30_000);
});

/** Prints, or fails with what the client says. `git` gets so far as to be told that its own URL is not the one that was signed. */
const CLIENTS: Readonly<Record<string, string>> = {
  curl: 'curl -sSf "$URL"',
  wget: 'wget -qO- "$URL"',
  python: `python3 -c 'import os, urllib.request as u; print(u.urlopen(os.environ["URL"]).read().decode())'`,
  "pip's requests": `python3 -c 'import os; from pip._vendor import requests; print(requests.get(os.environ["URL"]).text)'`,
  "requests that know of variables alone": `python3 -c '
import os
from pip._vendor import requests
requests.adapters.DEFAULT_CA_BUNDLE_PATH = "/dev/null"
print(requests.get(os.environ["URL"]).text)'`,
  openssl:
    'cd / && openssl s_client -verify_return_error -connect "$PEER" </dev/null >/dev/null && echo payload',
  // Which images without one are given, and which knows no TLS.
  "our own curl": '/root/curl -sSf "$URL"',
  git: 'git ls-remote "$URL" 2>&1 | sed "s/^.*error: 403$/payload/"',
};

/** A URL of the staging area that has `payload`, as a guest is given it. */
async function stagePayload(of: Vm): Promise<string> {
  const { uploadUrl, downloadUrl } = await client.vms.files.presign(of, { path: "/root/payload" });
  const put = await fetch(uploadUrl, { method: "PUT", body: "payload" });
  expect(put.status).toBeLessThan(300);
  return downloadUrl;
}

async function fetchIn(of: Vm, ...names: readonly string[]): Promise<string> {
  const url = await stagePayload(of);
  const env = `export URL='${url}' PEER='${new URL(url).host}'`;
  const answers: string[] = [];
  for (const name of names) {
    answers.push(`${name}: ${(await sh(client, of, `${env}; ${CLIENTS[name]} 2>&1 || true`)).trim()}`);
  }
  return answers.join("\n");
}

const gets = (...names: readonly string[]): string => names.map((name) => `${name}: payload`).join("\n");

test("a fresh VM trusts it, by every client and without an option", async () => {
  await mkdir(join(folder, "tree"));
  await writeFile(join(folder, "tree/file"), "in the tree");
  await client.upload(vm, CURL, "/root/curl");
  await client.upload(vm, join(folder, "tree"), "/root/tree");
  await client.download(vm, "/root/tree", join(folder, "back"));
  expect(await readFile(join(folder, "back/file"), "utf8")).toBe("in the tree");
  await client.download(vm, "/root/tree/file", join(folder, "file"));
  expect(await readFile(join(folder, "file"), "utf8")).toBe("in the tree");
  const all = Object.keys(CLIENTS);
  expect(await fetchIn(vm, ...all)).toBe(gets(...all));
  // Nobody is told the key, and Node, which the image lacks, where the certificates are: in commands and in logins.
  expect(await sh(client, vm, "cat /usr/local/share/ca-certificates/fastvm/*")).toBe(authority.ca.trim());
  const variables = await sh(client, vm, "env; cat /etc/environment");
  expect(variables.match(/NODE_EXTRA_CA_CERTS="?\/etc\/ssl\/certs\/ca-certificates.crt/g)).toHaveLength(2);
  // What the owner's own tool makes of it is the same.
  const held = "sort /etc/ssl/certs/ca-certificates.crt | sha256sum; ls /etc/ssl/certs | sha256sum";
  const before = await sh(client, vm, held);
  expect(await sh(client, vm, `update-ca-certificates >/dev/null 2>&1; ${held}`)).toBe(before);
});

test("whatever was captured, or runs on, from before another certificate trusts the new one", async () => {
  const snapshot = await client.snapshots.create({ vmId: vm.id });
  const paused = await client.vms.launch({ machineType: "c1m2" });
  await client.vms.pause(paused);
  await daemon.stop();
  // Alone: what the guests are to trust is the certificate itself.
  daemon.settings({ tls: { cert: next.cert, key: next.key } });
  await daemon.restart();
  setDefaultCACertificates([...trusted, next.ca]);
  client = daemon.client;
  const restored = await client.vms.launch({ snapshotId: snapshot.id });
  await client.vms.resume(paused);
  for (const one of [restored, paused]) {
    expect(await fetchIn(one, "curl", "git")).toBe(gets("curl", "git"));
    expect(
      await sh(client, one, "cat /usr/local/share/ca-certificates/fastvm/*; find -L /etc/ssl/certs -type l"),
    ).toBe(new X509Certificate(await readFile(next.cert)).toString().trim());
  }
  await eventually(async () => expect(await fetchIn(vm, "curl")).toBe(gets("curl")), 60_000);
  const fresh = await client.vms.launch({ machineType: "c1m2" });
  expect(await fetchIn(fresh, "curl")).toBe(gets("curl"));
}, 300_000);

test("fastvm daemon stop needs no certificate: it asks at the socket of the daemon's folder", async () => {
  const file = join(daemon.config.dataDir, "daemon.json");
  const instance = await readFile(file, "utf8");
  const { certificate } = JSON.parse(instance) as { certificate: string };
  await writeFile(file, instance.replace(certificate, certificate.replaceAll(/[0-9]/g, "0")));
  const stopped = await runCli(["daemon", "stop", "--vms"], daemon.environment);
  expect(stopped.stdout).toContain("The daemon has ended; its VMs are stopped");
});

test("a certificate that cannot serve is told before anything starts", async () => {
  const { cert, caFile } = authority;
  const serve = (...args: string[]) => runCli(["serve", "-d", ...args], daemon.environment);
  expect((await serve("--tls-cert", cert)).stderr).toContain("there is a certificate but no key");
  expect((await serve("--tls-cert", cert, "--tls-key", "/no/such")).stderr).toMatch(
    /key .*cannot be read.*ENOENT/,
  );
  expect((await serve("--tls-cert", caFile, "--tls-key", authority.key)).stderr).toMatch(/cannot serve TLS/);
});

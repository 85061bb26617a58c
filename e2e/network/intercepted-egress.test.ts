/** Interception opens nothing: the firewall's rules hold as without it, in both families, whatever a guest says first and however. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, NetworkPolicy, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { sh } from "../harness/guest.ts";
import { NetworkLab, WORLD } from "../harness/network-lab.ts";
import { makeAuthority } from "../harness/private-authority.ts";

const PORT = 8443;
const NAMES = {
  "api.test": [
    { type: "A", data: WORLD.v4, ttl: 60 },
    { type: "AAAA", data: WORLD.v6, ttl: 60 },
  ],
  "other.test": [
    { type: "A", data: WORLD.v4, ttl: 60 },
    { type: "AAAA", data: WORLD.v6, ttl: 60 },
  ],
  "rebind.test": [
    { type: "A", data: WORLD.privateV4, ttl: 60 },
    { type: "AAAA", data: WORLD.privateV6, ttl: 60 },
  ],
} as const;

/**
 * Tells for each attempt, a JSON object a line, the status of the answer or how it ended. Without `name` a hello has none; `host` is of the
 * request; `pieces` sends the hello a byte at a time; `second` is the host of another request on the same connection.
 */
const CLIENT = `import concurrent.futures, json, socket, ssl, sys
def attempt(a):
    context = ssl.create_default_context()
    context.check_hostname = "name" in a
    with socket.create_connection((a["address"], a.get("port", ${PORT})), timeout=6) as plain:
        plain.settimeout(30)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname=a.get("name"))
        def flush():
            data = outgoing.read()
            if "pieces" in a and len(data) > 200:
                for at in range(len(data)): plain.sendall(data[at:at + 1])
            else: plain.sendall(data)
        def through(call):
            while True:
                try: result = call()
                except ssl.SSLWantReadError:
                    flush()
                    data = plain.recv(65536)
                    if not data: raise OSError("closed")
                    incoming.write(data)
                else:
                    flush()
                    return result
        through(tls.do_handshake)
        statuses = []
        for host in [a.get("host", a.get("name", "api.test"))] + ([a["second"]] if "second" in a else []):
            line = a.get("line", "GET / HTTP/1.1")
            through(lambda: tls.write((line + "\\r\\nHost: " + host + ":${PORT}\\r\\n\\r\\n").encode()))
            answer = b""
            while b"\\r\\n\\r\\n" not in answer: answer += through(lambda: tls.read(65536))
            statuses.append(answer.split()[1].decode())
        return " ".join(statuses)
def outcome(line):
    try: return attempt(json.loads(line))
    except (OSError, ValueError): return "refused"
with concurrent.futures.ThreadPoolExecutor(8) as all_at_once:
    for result in all_at_once.map(outcome, sys.stdin): print(result)
`;

interface Attempt {
  readonly address: string;
  readonly port?: number;
  readonly name?: string;
  readonly host?: string;
  readonly second?: string;
  readonly line?: string;
  readonly pieces?: true;
}

let folder: string;
let lab: NetworkLab;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-intercepted-"));
  const addresses = [WORLD.v4, WORLD.v6, WORLD.otherV4, WORLD.otherV6].map((address) => `IP:${address}`);
  const authority = makeAuthority(folder, ["DNS:api.test", "DNS:other.test", "DNS:*.bad.test", ...addresses]);
  lab = await NetworkLab.start();
  await lab.setNames(NAMES);
  // At all addresses of the world.
  await lab.startOrigin({ address: "::", port: PORT, cert: authority.chain, key: authority.key });
  const chain = "add chain inet counted arrived { type filter hook input priority 0; }";
  const rule = `add rule inet counted arrived tcp dport { 443, ${PORT} } tcp flags syn / syn,ack counter`;
  await lab.inWorld("nft", [`add table inet counted; ${chain}; ${rule}`]);
  daemon = await TestDaemon.start({ ...lab.daemonOptions, poolSize: 0 });
  client = daemon.client;
  vm = await client.vms.launch({
    machineType: "c1m2",
    tls: { ports: [443, PORT], upstreamCa: [authority.ca] },
  });
  await sh(client, vm, `cat >/tmp/client.py <<'END'\n${CLIENT}END`);
});

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function dialled(): Promise<number> {
  const { stdout } = await lab.inWorld("nft", ["list", "table", "inet", "counted"]);
  return Number(/packets (\d+)/.exec(stdout)?.[1]);
}

async function tried(...attempts: readonly Attempt[]): Promise<string[]> {
  const lines = attempts.map((attempt) => JSON.stringify(attempt)).join("\n");
  return (await sh(client, vm, `python3 /tmp/client.py <<'END'\n${lines}\nEND`)).split("\n");
}

/** What is refused is not dialled either. */
async function expectRefused(...attempts: readonly Attempt[]): Promise<void> {
  const before = await dialled();
  expect(await tried(...attempts)).toEqual(attempts.map(() => "refused"));
  expect(await dialled()).toBe(before);
}

/** What its names mean; a guest is not told of those that no rule of a closed policy names. */
const resolve = (...names: readonly string[]): Promise<string> =>
  sh(client, vm, names.map((name) => `getent ahosts ${name} || echo nothing`).join("; "));

test("a guest reaches the world over both families, by name and by address, however it says hello", async () => {
  expect(
    await tried(
      { address: WORLD.v4, name: "api.test" },
      { address: WORLD.v6, name: "api.test" },
      { address: WORLD.v4 },
      { address: WORLD.v6, name: "api.test", pieces: true },
    ),
  ).toEqual(["200", "200", "200", "200"]);
});

test("and not what is not the world's: metadata, private networks, the host, in whatever form of an address", async () => {
  await expectRefused(
    ...[
      WORLD.metadata,
      WORLD.privateV4,
      WORLD.privateV6,
      lab.hostAddress,
      `::ffff:${WORLD.privateV4}`,
      "64:ff9b::a14:1e28",
      "2002:a14:1e28::1",
    ].map((address) => ({ address, name: "api.test" })),
  );
});

test("a request is its connection's: another host in it, a tunnel, and a later one for somebody else are refused", async () => {
  expect(
    await tried(
      { address: WORLD.v4, name: "api.test", host: "other.test" },
      { address: WORLD.v4, name: "api.test", second: "other.test" },
      { address: WORLD.v4, name: "api.test", line: `CONNECT other.test:${PORT} HTTP/1.1` },
    ),
  ).toEqual(["421", "200 421", "403"]);
});

test("QUIC is refused in both families, and other datagrams pass", async () => {
  const probe = `python3 - <<'END'
import socket
for address, port in (("${WORLD.v4}", 443), ("${WORLD.v6}", 443), ("${WORLD.v4}", 8080), ("${WORLD.v6}", 8080)):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.connect((address, port))
        try:
            s.send(b"quic")
            print(s.recv(9).decode())
        except ConnectionRefusedError: print("refused")
        except OSError: print("nothing")
END`;
  expect((await sh(client, vm, probe)).split("\n")).toEqual(["refused", "refused", "quic", "quic"]);
});

function egress(rules: readonly object[], otherwise: "allow" | "deny" = "deny"): NetworkPolicy {
  return { egress: { default: otherwise, rules } } as NetworkPolicy;
}

test("rules by network and port hold", async () => {
  await client.vms.setFirewall(
    vm,
    egress([
      { action: "deny", kind: "cidr", value: `${WORLD.otherV4}/32`, protocol: "any", ports: "any" },
      { action: "allow", kind: "cidr", value: "198.51.100.0/24", protocol: "tcp", ports: `${PORT}` },
      { action: "allow", kind: "cidr", value: `${WORLD.v6}/128`, protocol: "tcp", ports: "any" },
    ]),
  );
  await expectRefused(
    { address: WORLD.otherV4, name: "other.test" },
    { address: WORLD.otherV6, name: "other.test" },
    { address: WORLD.v4, port: 443, name: "api.test" },
    { address: WORLD.publicResolverV4, name: "api.test" },
  );
  expect(
    await tried({ address: WORLD.v4, name: "api.test" }, { address: WORLD.v6, name: "api.test" }),
  ).toEqual(["200", "200"]);
});

test("a rule by name opens an address for that name alone, and only if it was told for it", async () => {
  await client.vms.setFirewall(
    vm,
    egress([
      { action: "allow", kind: "fqdn", value: "api.test", protocol: "tcp", ports: `${PORT}` },
      { action: "allow", kind: "fqdn", value: "rebind.test", protocol: "tcp", ports: `${PORT}` },
    ]),
  );
  await expectRefused({ address: WORLD.v4, name: "api.test" });
  expect(await resolve("other.test")).toBe("nothing");
  await resolve("api.test", "rebind.test");
  expect(
    await tried({ address: WORLD.v4, name: "api.test" }, { address: WORLD.v6, name: "api.test" }),
  ).toEqual(["200", "200"]);
  await expectRefused(
    { address: WORLD.v4, name: "other.test" },
    { address: WORLD.v6, name: "other.test" },
    { address: WORLD.v4 },
    { address: WORLD.otherV4, name: "api.test" },
    { address: WORLD.otherV6, name: "api.test" },
    { address: WORLD.privateV4, name: "rebind.test" },
    { address: WORLD.privateV6, name: "rebind.test" },
  );
  expect(await tried({ address: WORLD.v4, name: "api.test", host: "other.test" })).toEqual(["421"]);
});

test("a rule that denies a name denies it at whatever address, and no other name there", async () => {
  await client.vms.setFirewall(
    vm,
    egress([{ action: "deny", kind: "fqdn", value: "*.bad.test", protocol: "any", ports: "any" }], "allow"),
  );
  await expectRefused(
    { address: WORLD.v4, name: "x.bad.test" },
    { address: WORLD.otherV6, name: "x.bad.test" },
  );
  expect(
    await tried(
      { address: WORLD.v4, name: "api.test" },
      { address: WORLD.v4, name: "api.test", host: "x.bad.test" },
    ),
  ).toEqual(["200", "421"]);
});

/**
 * What interception costs: the same server by the same kernel, reached directly, through a proxy that carries bytes as they are, and
 * through one that intercepts. The guest is a namespace, since an emulated processor would be all that there is to see.
 */
import { execFile, spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { makeAuthority } from "../../packages/egress-proxy/src/authority/authority.ts";
import { PLACES, type ClientCommand, type Way } from "../proxy/wire.ts";

const run = promisify(execFile);
const KIB_PER_MIB = 1024;
/** Per round. */
const REQUESTS = 20;
const CONNECTIONS = 16;
const AT_ONCE = 4;
export const DOWNLOAD_MIB = 32;
export const HELD_CONNECTIONS = 1000;
export const PROXY_WAYS = ["direct", "bypassed", "intercepted"] as const satisfies readonly Way[];

interface ProxySamples {
  /** Of one request on a connection that is there. */
  readonly requestMs: Readonly<Record<Way, readonly number[]>>;
  /** Of one of several at once that each connect, shake hands and ask. */
  readonly connectionMs: Readonly<Record<Way, readonly number[]>>;
  readonly downloadMs: Readonly<Record<Way, readonly number[]>>;
  readonly idleMib: number;
  /** What so many connections add. */
  readonly heldMib: number;
}

export async function measureProxy(rounds: number): Promise<ProxySamples> {
  const folder = await mkdtemp(join(tmpdir(), "fastvm-bench-proxy-"));
  await using world = await World.make();
  try {
    const [authority, servers] = [await makeAuthority(), await makeAuthority()];
    await using _origin = await Program.start(world.origin, "../proxy/origin.ts", servers);
    await using gateway = await Program.start(world.gateway, "../proxy/gateway.ts", {
      ...{ folder, authority, originAuthority: servers.certificate },
    });
    const { pid } = JSON.parse(gateway.first) as { pid: number };
    const trusted = [authority.certificate, servers.certificate];
    await using client = await Program.start(world.guest, "../proxy/client.ts", trusted, { isSilent: true });
    return await takeSamples(client, pid, rounds);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function takeSamples(client: Program, pid: number, rounds: number): Promise<ProxySamples> {
  const empty = (): Record<Way, number[]> => ({ direct: [], bypassed: [], intercepted: [] });
  const [requestMs, connectionMs, downloadMs] = [empty(), empty(), empty()];
  // What is measured first must not pay for code that is compiled on its way.
  for (const way of PROXY_WAYS) await client.ask({ kind: "connections", way, count: 50, atOnce: AT_ONCE });
  for (let round = 0; round < rounds; round += 1) {
    for (const way of PROXY_WAYS) {
      requestMs[way].push(...(await client.ask<number[]>({ kind: "requests", way, count: REQUESTS })));
      const all = await client.ask<number>({ kind: "connections", way, count: CONNECTIONS, atOnce: AT_ONCE });
      connectionMs[way].push(all / CONNECTIONS);
      const bytes = DOWNLOAD_MIB * 1024 * 1024;
      downloadMs[way].push(await client.ask<number>({ kind: "download", way, bytes }));
    }
  }
  const idleMib = await residentMib(pid);
  await client.ask({ kind: "hold", way: "intercepted", count: HELD_CONNECTIONS });
  return { requestMs, connectionMs, downloadMs, idleMib, heldMib: (await residentMib(pid)) - idleMib };
}

async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / KIB_PER_MIB;
}

class World implements AsyncDisposable {
  readonly guest = `fastvm-bench-${process.pid}-guest`;
  readonly gateway = `fastvm-bench-${process.pid}-gateway`;
  readonly origin = `fastvm-bench-${process.pid}-origin`;

  static async make(): Promise<World> {
    const world = new World();
    const { guest, gateway, origin } = world;
    const link = (inside: string, device: string, address: string, hostAddress: string): string => `
ip link add ${device} netns ${gateway} type veth peer name eth0 netns ${inside}
ip -n ${gateway} addr add ${hostAddress}/24 dev ${device}
ip -n ${gateway} link set ${device} up
ip -n ${inside} addr add ${address}/24 dev eth0
ip -n ${inside} link set eth0 up
ip -n ${inside} route add default via ${hostAddress}`;
    const script = `
for name in ${guest} ${gateway} ${origin}; do ip netns add $name; ip -n $name link set lo up; done
${link(guest, "guest", PLACES.guest, PLACES.guestGateway)}
${link(origin, "origin", PLACES.origin, PLACES.originGateway)}
ip netns exec ${gateway} sysctl -q net.ipv4.ip_forward=1`;
    try {
      await run("sh", ["-ec", script]);
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
    return world;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [this.guest, this.gateway, this.origin])
      await run("ip", ["netns", "del", name]).catch(() => undefined);
  }
}

/** A program of ours in a namespace: a line from it for each to it; it ends with its input. */
class Program implements AsyncDisposable {
  readonly first: string;
  readonly #child: Child;
  readonly #lines: AsyncIterator<string>;

  static async start(
    namespace: string,
    file: string,
    argument: object,
    { isSilent = false } = {},
  ): Promise<Program> {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const inside = [`--net=/run/netns/${namespace}`, process.execPath, ...process.execArgv, path];
    const child = spawn("nsenter", [...inside, JSON.stringify(argument)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const first = isSilent ? "" : await next(lines, file);
    return new Program(child, lines, first);
  }

  private constructor(child: Child, lines: AsyncIterator<string>, first: string) {
    this.#child = child;
    this.#lines = lines;
    this.first = first;
  }

  async ask<T>(command: ClientCommand): Promise<T> {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    return JSON.parse(await next(this.#lines, command.kind)) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.stdin.end();
    if (this.#child.exitCode === null) await ended;
  }
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

async function next(lines: AsyncIterator<string>, what: string): Promise<string> {
  const { done, value } = await lines.next();
  if (done === true) throw new Error(`${what}: the program ended`);
  return value;
}

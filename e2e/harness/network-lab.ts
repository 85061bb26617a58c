/**
 * A host and an internet for network tests, as two namespaces: nothing of a test leaves the machine, or meets what the machine itself has.
 *
 *   test ── 10.213.x.y/30 ── host (the daemon and its VMs) ── 203.0.113.0/24, 2001:db8:113::/64 ── world
 */
import { execFile, spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Sighting, WorldCommand, WorldSetup, Zone } from "./network-world.ts";
import type { OriginOptions } from "./tls-origin.ts";
import { within } from "./eventually.ts";

const run = promisify(execFile);
/**
 * Labs that are there at once have numbers of their own, as processes that are there at once have; each has a network of four addresses in
 * 10.213.0.0/16.
 */
const LABS = 1 << 14;
const ORIGIN_PROGRAM = fileURLToPath(new URL("./tls-origin.ts", import.meta.url));
const WORLD_PROGRAM = fileURLToPath(new URL("./network-world.ts", import.meta.url));

export const NAMESERVER = "203.0.113.53";
/** From which the daemon gives its VMs addresses; the world has a route to it. */
const VM_PREFIX = "2001:db8:beef::/64";

/** Addresses in the world: two of no meaning in each family, and those that policies know by heart. */
export const WORLD = {
  v4: "198.51.100.10",
  otherV4: "198.51.100.20",
  v6: "2001:db8:51::10",
  otherV6: "2001:db8:51::20",
  privateV4: "10.20.30.40",
  privateV6: "fd20:30::40",
  metadata: "169.254.169.254",
  publicResolverV4: "8.8.8.8",
  publicResolverV6: "2001:4860:4860::8888",
} as const;

/** How long the world waits for a VM, which on a busy machine takes seconds to answer. */
export const ANSWER_MS = 15_000;
/** And where none is to come, all of which it waits. */
export const SILENCE_MS = 1_500;
/** Of a program of ours on a busy machine. */
const START_MS = 60_000;

/** Where everybody in the world listens. */
const PORTS = [80, 443, 853, 8080, 8081, 8089, 8090, 8091] as const;

export class NetworkLab implements AsyncDisposable {
  readonly hostNamespace: string;
  readonly worldNamespace: string;
  /** Where tests reach the daemon. */
  readonly hostAddress: string;
  readonly sightings: Sighting[] = [];
  readonly #world: ChildProcessByStdio<Writable, Readable, null>;
  readonly #origins: ChildProcessByStdio<Writable, Readable, null>[] = [];
  readonly #waiting = new Map<number, (result: string | undefined) => void>();
  #commands = 0;

  static async start(): Promise<NetworkLab> {
    const name = `lab${process.pid}`;
    const network = (process.pid % LABS) * 4;
    const addressOf = (at: number): string => `10.213.${network >> 8}.${(network & 255) + at}`;
    await run("sh", ["-ec", plan(name, addressOf(1), addressOf(2))]);
    const lab = new NetworkLab(name, addressOf(2));
    await within(START_MS, "the start of the world", lab.#ready());
    return lab;
  }

  private constructor(name: string, hostAddress: string) {
    this.hostNamespace = `${name}-host`;
    this.worldNamespace = `${name}-world`;
    this.hostAddress = hostAddress;
    const setup: WorldSetup = { addresses: Object.values(WORLD), ports: PORTS, nameserver: NAMESERVER };
    this.#world = spawn(
      "nsenter",
      [`--net=/run/netns/${this.worldNamespace}`, process.execPath, WORLD_PROGRAM, JSON.stringify(setup)],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    createInterface(this.#world.stdout).on("line", (line) => this.#hear(line));
  }

  /** For a daemon that takes this host for its own, with VMs that the world has a route to. */
  get daemonOptions() {
    return {
      host: { namespace: this.hostNamespace, address: this.hostAddress },
      settings: { network: "on", ipv6Prefix: VM_PREFIX, nameservers: [NAMESERVER] },
    } as const;
  }

  /** What the world's nameserver knows from now on. */
  async setNames(names: Zone): Promise<void> {
    await this.#command({ kind: "names", names });
  }

  /** From the world to a VM: what it said first, `undefined` when nothing came back. */
  async connect(address: string, port: number, patienceMs: number): Promise<string | undefined> {
    return await this.#command({ kind: "connect", address, port, patienceMs });
  }

  async datagram(address: string, port: number, patienceMs: number): Promise<string | undefined> {
    return await this.#command({ kind: "datagram", address, port, patienceMs });
  }

  /** Runs a program of the world, such as an SSH client, to its end. */
  async inWorld(command: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
    return await run("nsenter", [`--net=/run/netns/${this.worldNamespace}`, command, ...args]);
  }

  /** A server of the world that tells what it was sent; it ends with the lab. */
  async startOrigin(options: OriginOptions): Promise<void> {
    await this.startServer(ORIGIN_PROGRAM, JSON.stringify(options));
  }

  /** A program of ours in the world, which says that it is ready and ends with its input. */
  async startServer(program: string, ...args: readonly string[]): Promise<void> {
    const origin = spawn(
      "nsenter",
      [`--net=/run/netns/${this.worldNamespace}`, process.execPath, program, ...args],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    this.#origins.push(origin);
    await within(
      START_MS,
      "the start of a server",
      new Promise((resolve) => origin.stdout.once("data", resolve)),
    );
  }

  async onHost(script: string): Promise<string> {
    const { stdout } = await run("nsenter", [`--net=/run/netns/${this.hostNamespace}`, "sh", "-ec", script]);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of [this.#world, ...this.#origins]) {
      const ended = new Promise((resolve) => program.once("exit", resolve));
      program.stdin.end();
      await ended;
    }
    for (const name of [this.hostNamespace, this.worldNamespace]) await run("ip", ["netns", "del", name]);
  }

  #ready(): Promise<unknown> {
    return new Promise((resolve) => this.#waiting.set(0, resolve));
  }

  #command(command: Unnumbered<WorldCommand>): Promise<string | undefined> {
    const id = ++this.#commands;
    this.#world.stdin.write(`${JSON.stringify({ ...command, id })}\n`);
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  #hear(line: string): void {
    const message = JSON.parse(line) as { sighting?: Sighting; id: number; result?: string };
    if (message.sighting !== undefined) this.sightings.push(message.sighting);
    else this.#waiting.get(message.id)?.(message.result);
  }
}

type Unnumbered<T> = T extends unknown ? Omit<T, "id"> : never;

function plan(name: string, tester: string, daemon: string): string {
  const host = `ip -n ${name}-host`;
  const world = `ip -n ${name}-world`;
  const prefixOf = (address: string): string => (address.includes(":") ? "128" : "32");
  const addresses = [...Object.values(WORLD), NAMESERVER];
  return `
ip netns add ${name}-host
ip netns add ${name}-world
ip link add ${name}t type veth peer name test netns ${name}-host
ip addr add ${tester}/30 dev ${name}t
ip link set ${name}t up
${host} link set lo up
${host} addr add ${daemon}/30 dev test
${host} link set test up
ip link add wan netns ${name}-host type veth peer name lan netns ${name}-world
${host} addr add 203.0.113.2/24 dev wan
${host} addr add 2001:db8:113::2/64 dev wan nodad
${host} link set wan up
${world} link set lo up
${world} addr add 203.0.113.1/24 dev lan
${world} addr add 2001:db8:113::1/64 dev lan nodad
${world} link set lan up
${host} route add default via 203.0.113.1
${host} -6 route add default via 2001:db8:113::1
${world} -6 route add ${VM_PREFIX} via 2001:db8:113::2
${addresses.map((address) => `${world} addr add ${address}/${prefixOf(address)} dev lo${address.includes(":") ? " nodad" : ""}`).join("\n")}
`;
}

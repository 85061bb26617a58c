/**
 * The process of one VM's proxy (packages/egress-proxy): started without rights, with a user, a root and a control group of its own, told
 * everything over a socket, and gone with the VM or the daemon. Of another VM it knows nothing.
 */
import { mkdir, open, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BlockedRequest, InterceptionOrder } from "@fastvm/contract";
import { encode, exposedPaths, onMessages, PROGRAM } from "@fastvm/egress-proxy";
import type { Question, ToDaemon, ToProxy, Verdict } from "@fastvm/egress-proxy";
import type { Cgroups } from "../host/cgroups.ts";
import type { UidAllocator } from "../host/uid-allocator.ts";
import type { Exposed, NamespaceKind } from "../processes/confine.ts";
import { killAndWait, identifyProcess } from "../processes/proc.ts";
import { spawnConfined, type ConfinedProcess } from "../processes/spawn.ts";

/** Node starts in a second or two on a busy host. */
const START_MS = 30_000;
/** To sign nothing and read some certificates. */
const SETTLE_MS = 15_000;
/** Each of its 1,500 connections has two; the rest is Node's own. */
const DESCRIPTORS = 4096;
/** Of its heap; what it holds of bodies is beside that. */
const HEAP_MIB = 192;
/** A VM's proxy takes some 60 MiB, and what its connections and bodies need (packages/egress-proxy/src/limits.ts). */
const MEMORY_MIB = 512;
/** It writes nothing but its own last words. */
const MAX_FILE_BYTES = 1024 * 1024;
const DEVICES = ["/dev/null", "/dev/urandom"];
const LIBRARY_FOLDERS = ["/lib", "/lib64", "/usr/lib"];

export interface ProxyHost {
  readonly uids: UidAllocator;
  readonly cgroups: Cgroups;
  readonly namespaces: ReadonlySet<NamespaceKind>;
  /** Root's; in it each proxy has a file for what it says and one for how it ended. */
  readonly folder: string;
  readonly hasIpv6: boolean;
}

/** Where the kernel is to lead connections, on the host's loopback. */
export interface ProxyPorts {
  readonly ipv4: number;
  readonly ipv6: number | undefined;
}

interface ProxyHooks {
  judge(question: Question): Verdict;
  blocked(blocked: BlockedRequest): void;
}

export class ProxyProcess {
  readonly ports: ProxyPorts;
  /** When it has ended, whoever ended it. */
  readonly ended: Promise<void>;
  readonly pid: number;
  readonly #tell: (message: ToProxy) => void;
  readonly #kill: () => Promise<void>;
  readonly #settled: (() => void)[];

  private constructor(
    ports: ProxyPorts,
    pid: number,
    ended: Promise<void>,
    tell: (message: ToProxy) => void,
    kill: () => Promise<void>,
    settled: (() => void)[],
  ) {
    this.ports = ports;
    this.pid = pid;
    this.ended = ended;
    this.#tell = tell;
    this.#kill = kill;
    this.#settled = settled;
  }

  /** `name`: of this host's proxies alone. Rejects when it does not come up, and then nothing is left. */
  static async start(host: ProxyHost, name: string, hooks: ProxyHooks): Promise<ProxyProcess> {
    const uid = host.uids.take();
    const group = `${name}-egress`;
    const logPath = join(host.folder, `${name}.log`);
    const record = `${name}.exit`;
    const free = async (): Promise<void> => {
      host.uids.release(uid);
      await host.cgroups.remove(group).catch(() => undefined);
      await Promise.all([logPath, join(host.folder, record)].map((path) => rm(path, { force: true })));
    };
    const child = await spawnProxy(host, { uid, group, logPath, record }).catch(async (error: unknown) => {
      await free().catch(() => undefined);
      throw error;
    });
    const ended = child.exited.then(async () => {
      child.channel.destroy();
      await free();
    });
    const { pid } = child;
    const identity = pid === undefined ? undefined : await identifyProcess(pid);
    const kill = async (): Promise<void> => {
      child.channel.destroy();
      if (identity !== undefined) await killAndWait(identity);
      await ended;
    };
    const settled: (() => void)[] = [];
    try {
      if (pid === undefined) throw new Error("a proxy cannot be confined here");
      const tell = (message: ToProxy): void => void child.channel.write(encode(message));
      const ports = await within(START_MS, child.exited, (ready: (ports: ProxyPorts) => void) => {
        child.channel.resume();
        onMessages(child.channel, (told) => {
          const message = told as ToDaemon;
          if (message.kind === "ready") ready({ ipv4: message.port4, ipv6: message.port6 });
          else if (message.kind === "ask") tell({ kind: "verdict", id: message.id, ...hooks.judge(message) });
          else if (message.kind === "blocked") hooks.blocked(message);
          else settled.shift()?.();
        });
      });
      return new ProxyProcess(ports, pid, ended, tell, kill, settled);
    } catch (error) {
      await kill();
      throw error;
    }
  }

  /** Resolves when it works by it; connections that are open are closed. */
  async give(order: InterceptionOrder): Promise<void> {
    await within(SETTLE_MS, this.ended, (done: (nothing: undefined) => void) => {
      this.#settled.push(() => done(undefined));
      this.#tell({ kind: "order", order });
    });
  }

  async end(): Promise<void> {
    await this.#kill();
  }
}

interface ProxyPlace {
  readonly uid: number;
  /** The name of its control group. */
  readonly group: string;
  readonly logPath: string;
  readonly record: string;
}

async function spawnProxy(
  host: ProxyHost,
  { uid, group, logPath, record }: ProxyPlace,
): Promise<ConfinedProcess> {
  await mkdir(host.folder, { recursive: true, mode: 0o711 });
  const groups = await host.cgroups.make(group, { cpu: 1, memoryMib: MEMORY_MIB });
  await using log = await open(logPath, "w", 0o600);
  return await spawnConfined({
    command: process.execPath,
    args: [`--max-old-space-size=${HEAP_MIB}`, PROGRAM, ...(host.hasIpv6 ? ["--ipv6"] : [])],
    cwd: host.folder,
    env: {},
    logFd: log.fd,
    recordFile: record,
    hasChannel: true,
    confinement: {
      uid,
      namespaces: host.namespaces,
      exposed: exposed(),
      devices: DEVICES,
      groups,
      network: undefined,
      maxFileBytes: MAX_FILE_BYTES,
      listens: host.hasIpv6 ? "ipv4 and ipv6" : "ipv4",
      descriptors: DESCRIPTORS,
    },
  });
}

function exposed(): readonly Exposed[] {
  return [
    ...new Set([process.execPath, dirname(process.execPath), ...LIBRARY_FOLDERS, ...exposedPaths()]),
  ].map((path) => ({ path }));
}

function within<T>(
  limitMs: number,
  ended: Promise<unknown>,
  begin: (done: (value: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`a proxy takes more than ${limitMs} ms`)), limitMs);
    void ended.then(() => reject(new Error("a proxy ended")));
    begin((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}

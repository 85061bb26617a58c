/**
 * A QEMU process and its monitor: spawned, or found again after the daemon was restarted. It ends only by `kill`, by the guest's power-off or
 * by its own failure, never because this daemon ends.
 */
import { chmod, chown, copyFile, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { readTail } from "../files/read-tail.ts";
import { identifyProcess, isAlive, killAndWait } from "../processes/proc.ts";
import type { ProcessIdentity } from "../processes/proc.ts";
import { TAP } from "../network/namespace.ts";
import { spawnDetached } from "../processes/spawn.ts";
import type { DetachedSpec } from "../processes/spawn.ts";
import { CONSOLE_CHARDEV, QMP_SOCKET, qemuArguments, RUN_FOLDER, TAP_FD } from "./machine.ts";
import type { BootSource, MachineSpec } from "./machine.ts";
import { QmpClient } from "./qmp-client.ts";

/** Spawning takes 50 ms; on a machine that starts ten at once with a cold cache, seconds. */
const START_DEADLINE_MS = 30_000;
const ADOPT_DEADLINE_MS = 5_000;
export const HYPERVISOR_LOG_FILE = "qemu.log";
const PRELOAD_FILE = "readonly-memory.so";
/** A QEMU that breaks its monitor is about to end, and its last words say why. */
const LAST_WORDS_MS = 1_000;
const EXIT_POLL_MS = 20;
const LOG_TAIL_BYTES = 2_000;
const CONSOLE_READ_BYTES = 65_536;

export interface QemuHost {
  readonly qemuPath: string;
  /** The program that starts another in a network namespace. */
  readonly enterNetworkPath: string;
  /** Preloaded where this QEMU would open memory files for writing. */
  readonly readonlyMemoryLibrary: string | undefined;
}

export interface QemuSpec {
  /** Shown in process lists. */
  readonly name: string;
  /** QEMU's working directory; holds the memory file and the disk folder. */
  readonly folder: string;
  readonly uid: number;
  readonly machine: MachineSpec;
  readonly boot?: BootSource;
  /** Path of the network namespace to run in; default: the daemon's. */
  readonly namespace?: string | undefined;
}

export class QemuProcess {
  readonly identity: ProcessIdentity;
  readonly folder: string;
  readonly qmp: QmpClient;
  /** Descriptor 3 of the process: device state goes in here. Only for a process this daemon spawned. */
  readonly stateChannel: Socket | undefined;

  private constructor(
    identity: ProcessIdentity,
    folder: string,
    qmp: QmpClient,
    stateChannel: Socket | undefined,
  ) {
    this.identity = identity;
    this.folder = folder;
    this.qmp = qmp;
    this.stateChannel = stateChannel;
  }

  /** `onSpawned` is told the pid before anything else is awaited, so that a journal can name the process from its first moment. */
  static async spawn(
    host: QemuHost,
    spec: QemuSpec,
    onSpawned: (identity: ProcessIdentity) => Promise<void> = async () => {},
  ): Promise<QemuProcess> {
    await prepareRunFolder(spec);
    await using log = await open(join(spec.folder, HYPERVISOR_LOG_FILE), "a", 0o600);
    const child = await spawnDetached({
      ...command(host, spec),
      cwd: spec.folder,
      env: await preload(host, spec.folder),
      logFd: log.fd,
    });
    const identity = await identifyProcess(child.pid);
    if (identity === undefined) throw new Error(`QEMU ended at once: ${await readLogTail(spec.folder)}`);
    try {
      await onSpawned(identity);
      const qmp = await connectOrExit(spec.folder, child.exited);
      return new QemuProcess(identity, spec.folder, qmp, child.channel);
    } catch (error) {
      await killAndWait(identity);
      throw error;
    }
  }

  /** Finds a process of an earlier daemon again. Throws when it is gone or its monitor does not answer. */
  static async adopt(identity: ProcessIdentity, folder: string): Promise<QemuProcess> {
    if (!(await isAlive(identity))) throw new Error("its QEMU process has ended");
    const qmp = await QmpClient.connect(join(folder, QMP_SOCKET), ADOPT_DEADLINE_MS);
    return new QemuProcess(identity, folder, qmp, undefined);
  }

  /** The same process after its folder was renamed. */
  movedTo(folder: string): QemuProcess {
    return new QemuProcess(this.identity, folder, this.qmp, this.stateChannel);
  }

  async kill(): Promise<void> {
    this.qmp.close();
    this.stateChannel?.destroy();
    await killAndWait(this.identity);
  }

  /** Whether it has ended, or does within a moment: a process that is killed loses its memory and its sockets before its number. */
  async endsSoon(): Promise<boolean> {
    const deadline = Date.now() + LAST_WORDS_MS;
    while (await isAlive(this.identity)) {
      if (Date.now() > deadline) return false;
      await sleep(EXIT_POLL_MS);
    }
    return true;
  }

  /** The last lines QEMU logged. */
  logTail(): Promise<string> {
    return readLogTail(this.folder);
  }

  /** What the guest wrote to its console since the last call, at most the newest 64 KiB of it. */
  async drainConsole(): Promise<Buffer> {
    const text = await this.qmp.execute("ringbuf-read", {
      device: CONSOLE_CHARDEV,
      size: CONSOLE_READ_BYTES,
      // As text QEMU would give bytes that are no UTF-8 as they are, which is no JSON.
      format: "base64",
    });
    return Buffer.from(typeof text === "string" ? text : "", "base64");
  }
}

/**
 * The library is copied into the folder and named relative to it: it may come from a place that the process's user cannot even pass through, such as a
 * clone in root's home.
 */
/** Into its namespace goes who may, and gives up its rights there. */
function command(
  host: QemuHost,
  { name, machine, boot, uid, namespace }: QemuSpec,
): Pick<DetachedSpec, "command" | "args" | "uid" | "gid"> {
  const args = qemuArguments(name, machine, boot);
  if (namespace === undefined) return { command: host.qemuPath, args, uid, gid: uid };
  const entrance = [namespace, TAP, `${TAP_FD}`, `${uid}`, host.qemuPath];
  return { command: host.enterNetworkPath, args: [...entrance, ...args] };
}

async function preload(host: QemuHost, folder: string): Promise<Record<string, string>> {
  if (host.readonlyMemoryLibrary === undefined) return {};
  const copy = join(folder, PRELOAD_FILE);
  await copyFile(host.readonlyMemoryLibrary, copy);
  await chmod(copy, 0o555);
  return { LD_PRELOAD: `./${PRELOAD_FILE}` };
}

async function prepareRunFolder(spec: QemuSpec): Promise<void> {
  const run = join(spec.folder, RUN_FOLDER);
  await mkdir(run, { mode: 0o700 });
  await chown(run, spec.uid, spec.uid);
}

async function connectOrExit(folder: string, exited: Promise<unknown>): Promise<QmpClient> {
  const giveUp = new AbortController();
  const exit = exited.then(async () => {
    giveUp.abort();
    throw new Error(`QEMU ended at its start: ${await readLogTail(folder)}`);
  });
  const connected = QmpClient.connect(join(folder, QMP_SOCKET), START_DEADLINE_MS, giveUp.signal);
  try {
    return await Promise.race([connected, exit]);
  } catch (error) {
    await Promise.race([exit, sleep(LAST_WORDS_MS)]);
    throw error;
  }
}

async function readLogTail(folder: string): Promise<string> {
  return (await readTail(join(folder, HYPERVISOR_LOG_FILE), LOG_TAIL_BYTES)).toString().trim();
}

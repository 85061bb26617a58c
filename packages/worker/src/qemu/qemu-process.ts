/**
 * A QEMU process and its monitor: spawned, or found again after the daemon was restarted. It ends
 * only by `kill`, by the guest's power-off or by its own failure, never because this daemon ends.
 */
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { maxFileBytes } from "../processes/file-limit.ts";
import { readTail } from "../files/read-tail.ts";
import { identifyProcess, isAlive, killAndWait } from "../processes/proc.ts";
import type { ProcessIdentity } from "../processes/proc.ts";
import { TAP } from "../network/namespace.ts";
import type { Confinement, Exposed, NamespaceKind } from "../processes/confine.ts";
import { spawnConfined } from "../processes/spawn.ts";
import { describeExit, EXIT_FILE, isKill, readExit } from "./exit-record.ts";
import { CONSOLE_CHARDEV, QMP_SOCKET, qemuArguments, TAP_FD } from "./machine.ts";
import type { BootSource, MachineSpec } from "./machine.ts";
import { exposedQemu, programIn } from "./qemu-set.ts";
import { preloadLibrary } from "./readonly-memory-library.ts";
import { QmpClient } from "./qmp-client.ts";
import { closeRunFolder, makeRunFolder } from "./run-folder.ts";

/** Spawning takes 50 ms; on a machine that starts ten at once with a cold cache, seconds. */
const START_DEADLINE_MS = 30_000;
const ADOPT_DEADLINE_MS = 5_000;
export const HYPERVISOR_LOG_FILE = "qemu.log";
/** What a guest's random numbers come from, and what programs expect to be there. */
const DEVICES = ["/dev/urandom", "/dev/null"];
const KVM_DEVICE = "/dev/kvm";
/** A QEMU that breaks its monitor is about to end, and its last words say why. */
const LAST_WORDS_MS = 1_000;
const EXIT_POLL_MS = 20;
const LOG_TAIL_BYTES = 2_000;
const CONSOLE_READ_BYTES = 65_536;

export interface QemuHost {
  /** The shared libraries of the host, and what finds them. */
  readonly libraries: readonly Exposed[];
  /** Those that each QEMU gets. */
  readonly namespaces: ReadonlySet<NamespaceKind>;
  /** Preloaded where this QEMU would open memory files for writing. */
  readonly readonlyMemoryLibrary: string | undefined;
}

interface QemuSpec {
  /** Shown in process lists. */
  readonly name: string;
  /** QEMU's working directory; holds the memory file, the disk folder and the QEMU itself. */
  readonly folder: string;
  readonly uid: number;
  readonly machine: MachineSpec;
  /** Size of the disk it will have. */
  readonly diskGib: number;
  readonly boot?: BootSource | "firmware";
  /** Path of the network namespace to run in; default: the daemon's. */
  readonly namespace?: string | undefined;
  /** Folders of the control groups to run in. */
  readonly groups: readonly string[];
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

  static async spawn(host: QemuHost, spec: QemuSpec): Promise<QemuProcess> {
    await makeRunFolder(spec.folder, spec.uid);
    await using log = await open(join(spec.folder, HYPERVISOR_LOG_FILE), "a", 0o600);
    const preloaded = await preloadLibrary(host.readonlyMemoryLibrary, spec.folder, host.namespaces);
    const program = programIn(host.namespaces);
    const child = await spawnConfined({
      command: program.path,
      args: qemuArguments(spec.name, spec.machine, spec.boot),
      cwd: spec.folder,
      env: { ...preloaded.env, QEMU_MODULE_DIR: program.folder },
      logFd: log.fd,
      confinement: confinement(host, spec, preloaded.exposed),
      recordFile: EXIT_FILE,
      // One that boots loads no device state.
      hasChannel: spec.boot === undefined,
    });
    if (child.pid === undefined) throw await startFailure(spec.folder);
    const identity = await identifyProcess(child.pid);
    if (identity === undefined) throw await startFailure(spec.folder);
    try {
      const qmp = await connectOrExit(spec.folder, child.exited);
      // It answers: all its sockets are there.
      await closeRunFolder(spec.folder);
      return new QemuProcess(identity, spec.folder, qmp, child.channel);
    } catch (error) {
      await killAndWait(identity);
      throw error;
    }
  }

  /** Finds a process of an earlier daemon again. Throws when it is gone or its monitor does not answer. */
  static async adopt(identity: ProcessIdentity, folder: string): Promise<QemuProcess> {
    if (!(await isAlive(identity))) throw new Error(await explainEnd(folder));
    await closeRunFolder(folder);
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

  /** One sentence about how it ended. Ask when it has, or is about to. */
  explainEnd(): Promise<string> {
    return explainEnd(this.folder);
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

function confinement(host: QemuHost, spec: QemuSpec, preloaded: readonly Exposed[]): Confinement {
  const { uid, namespace, groups, machine } = spec;
  return {
    uid,
    groups,
    namespaces: host.namespaces,
    exposed: [...host.libraries, exposedQemu(spec.folder), ...preloaded],
    devices: machine.accelerator === "kvm" ? [...DEVICES, KVM_DEVICE] : DEVICES,
    network: namespace === undefined ? undefined : { namespace, tap: TAP, tapFd: TAP_FD },
    maxFileBytes: maxFileBytes(spec.diskGib),
  };
}

async function connectOrExit(folder: string, exited: Promise<unknown>): Promise<QmpClient> {
  const giveUp = new AbortController();
  const exit = exited.then(async () => {
    giveUp.abort();
    throw await startFailure(folder);
  });
  const connected = QmpClient.connect(join(folder, QMP_SOCKET), START_DEADLINE_MS, giveUp.signal);
  try {
    return await Promise.race([connected, exit]);
  } catch (error) {
    await Promise.race([exit, sleep(LAST_WORDS_MS)]);
    throw error;
  }
}

async function startFailure(folder: string): Promise<Error> {
  return new Error(`At its start: ${await explainEnd(folder)}`);
}

/**
 * Of the QEMU that worked in `folder` and has ended: its signal or status. Of one that ended by itself, its last words too: they say why.
 */
export async function explainEnd(folder: string): Promise<string> {
  const exit = await readExit(folder);
  // Who is killed says nothing: what the log ends with is of something else.
  const words = isKill(exit) ? "" : await readLogTail(folder);
  return `QEMU ${describeExit(exit)}${words === "" ? "" : `: ${words}`}`;
}

async function readLogTail(folder: string): Promise<string> {
  return (await readTail(join(folder, HYPERVISOR_LOG_FILE), LOG_TAIL_BYTES)).toString().trim();
}

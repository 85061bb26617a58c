/**
 * The server of a VM's volumes: one process beside its QEMU, in a control group of its own, that ends with it. One that ends before is
 * started anew, and the guest goes on by its ledger: docs/volume-server.md says what of it is lost.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FastvmError, step } from "@fastvm/contract";
import type { VolumeId, VolumeMount } from "@fastvm/contract";
import { identifyProcess, isAlive, killAndWait, type ProcessIdentity } from "../../processes/proc.ts";
import { spawnServer } from "../../processes/spawn.ts";
import { FS_SOCKET, RUN_FOLDER } from "../../qemu/machine.ts";
import { ControlConnection, ServerRefusal } from "../../volumes/server/control.ts";
import type { HostVolumes } from "../../volumes/host-volumes.ts";
import { attachFolder, requireVolumeServer, VOLUME_SERVER } from "../../volumes/server/programs.ts";
import { loadTable, type SavedTable } from "../../volumes/server/table.ts";
import type { SharingServer } from "../../volumes/server/sharing.ts";
import type { Vm, VmRecord } from "../state/vm.ts";
import type { Parts } from "../state/worker-context.ts";

export type VolumeServerContext = Parts<"uids" | "cgroups" | "volumes" | "onError" | "ending">;

/** Relative to the VM's folder, since a socket's name has little room. */
const CONTROL_SOCKET = `${RUN_FOLDER}/volume.sock`;
/** Two files; they go with the folder. */
const LEDGER = `${RUN_FOLDER}/volume.ledger`;
/** It is another one that fails: what each new one waits longer, up to the second figure. A guest's requests wait 30 s. */
const FIRST_REVIVAL_MS = 100;
const LAST_REVIVAL_MS = 10_000;
/** One that lived so long did not fail for what made the one before fail. */
const LASTING_MS = 60_000;
/** A QEMU and its server that are killed at once end some moments apart. */
const END_TOGETHER_MS = 100;

export function controlSocket(vm: Vm): string {
  return join(vm.folder, CONTROL_SOCKET);
}

export async function isServed({ record: { volumeServer } }: Vm): Promise<boolean> {
  return volumeServer !== undefined && (await isAlive(volumeServer.process));
}

interface StartOptions {
  /** What an earlier one knew of this guest; without it the guest begins anew. */
  readonly table?: SavedTable | undefined;
  /** It follows one that this very guest had. */
  readonly follows?: boolean;
  /** Attached before the guest hears of the server: it asks for all that it has mounted, and once. */
  readonly mounts: readonly VolumeMount[];
  /** See `watchVolumeServer`. */
  readonly pauseMs?: number;
}

/** In memory the VM's record names it from then on. Rejects only when there is none. */
export async function startVolumeServer(
  context: VolumeServerContext,
  vm: Vm,
  { table, follows = false, mounts, pauseMs }: StartOptions,
): Promise<void> {
  requireVolumeServer();
  const server = await spawn(context, vm);
  await step("volume-server.started");
  try {
    using connection = await ControlConnection.open(controlSocket(vm));
    await connection.ask("freeze");
    if (table !== undefined) await loadTable(connection, table).catch(context.onError);
    if (follows) await recover(connection).catch(context.onError);
    await attachAll(context, vm, server.process, mounts);
    await connection.ask("thaw");
    vm.become({ ...vm.record, volumeServer: server });
    await step("volume-server.serves");
    watchVolumeServer(context, vm, pauseMs);
  } catch (error) {
    await killAndWait(server.process);
    await context.volumes.sharing.leaveAll(keyOf(server.process));
    throw error;
  }
}

/** Without a ledger the guest begins anew, which is no failure: the host's disk may have been full. */
async function recover(connection: ControlConnection): Promise<void> {
  try {
    await connection.ask("recover");
  } catch (error) {
    if (!(error instanceof ServerRefusal && error.errno === "ENOENT")) throw error;
  }
}

async function spawn(context: VolumeServerContext, vm: Vm): Promise<NonNullable<VmRecord["volumeServer"]>> {
  const { uids, cgroups } = context;
  const { slot, machine } = vm.record;
  const uid = uids.take();
  const group = `${slot}-volumes`;
  const words = [
    "serve",
    "--port",
    FS_SOCKET,
    "--control",
    CONTROL_SOCKET,
    "--user",
    `${uid}`,
    "--ledger",
    LEDGER,
  ];
  const groups = await cgroups.make(group, { cpu: machine.cpu, memoryMib: 0 });
  const { pid, exited } = await spawnServer(VOLUME_SERVER, [...words, "--rights", "owner"], {
    cwd: vm.folder,
    groups,
  });
  void exited.then(() => uids.release(uid));
  const process = await identifyProcess(pid);
  if (process === undefined) throw new FastvmError("internal", "the server of a VM's volumes ended at once");
  return { uid, process, group };
}

/** One that cannot be had is another's failure, and told where the guest is to have it. */
async function attachAll(
  context: VolumeServerContext,
  vm: Vm,
  server: ProcessIdentity,
  mounts: readonly VolumeMount[],
): Promise<void> {
  const outcomes = await Promise.allSettled(mounts.map((mount) => attachTo(context, vm, server, mount)));
  for (const outcome of outcomes) if (outcome.status === "rejected") context.onError(outcome.reason);
}

export async function attachToServer(context: Parts<"volumes">, vm: Vm, mount: VolumeMount): Promise<void> {
  const { volumeServer } = vm.record;
  if (volumeServer === undefined) throw new FastvmError("internal", "the VM has no server of volumes");
  await attachTo(context, vm, volumeServer.process, mount);
}

async function attachTo(
  { volumes }: Parts<"volumes">,
  vm: Vm,
  server: ProcessIdentity,
  mount: VolumeMount,
): Promise<void> {
  if (mount.source?.kind === "bucket") return await volumes.buckets.attach(vm, mount, CONTROL_SOCKET);
  const { volumeId } = mount;
  const attach = () => attachServed(volumes, vm, mount);
  // What lies in a folder of the host anybody there may change at any time.
  await (mount.source === undefined
    ? volumes.sharing.join(volumeId, sharingServer(vm, server, mount), attach)
    : attach());
}

/** What it has given up, and is to have as before. */
export async function attachAgain(
  { volumes }: Parts<"volumes">,
  vm: Vm,
  server: ProcessIdentity,
  mount: VolumeMount,
): Promise<void> {
  await volumes.sharing.again(mount.volumeId, keyOf(server), () => attachServed(volumes, vm, mount));
}

/** Mounted as late as can be: one that is grown, or removed, between that and its attachment is not attached. */
async function attachServed(volumes: HostVolumes, vm: Vm, mount: VolumeMount): Promise<void> {
  const served = await volumes.served(mount);
  const { volumeId: tag, readOnly } = mount;
  await attachFolder({ cwd: vm.folder, controlSocket: CONTROL_SOCKET, tag, readOnly, ...served });
}

function sharingServer(vm: Vm, server: ProcessIdentity, { readOnly }: VolumeMount): SharingServer {
  return { key: keyOf(server), controlSocket: controlSocket(vm), writes: !readOnly };
}

function keyOf({ pid, startTime }: ProcessIdentity): string {
  return `${pid} ${startTime}`;
}

/** Of a VM that another daemon has left: what it has counts before anybody else comes. */
export function countVolumesOf({ volumes }: Parts<"volumes">, vm: Vm): void {
  const { volumeServer, volumes: mounts = [] } = vm.record;
  for (const mount of mounts) {
    if (volumeServer === undefined || mount.source !== undefined) continue;
    volumes.sharing.found(mount.volumeId, sharingServer(vm, volumeServer.process, mount));
  }
}

/** Resolves also where the server has no such volume, or there is no server. */
export async function detachFromServer(
  { volumes }: Parts<"volumes">,
  vm: Vm,
  volumeId: VolumeId,
): Promise<void> {
  const { volumeServer } = vm.record;
  if (volumeServer === undefined || !(await isServed(vm))) return;
  using connection = await ControlConnection.open(controlSocket(vm));
  try {
    await connection.ask("detach", { words: { tag: volumeId } });
  } catch (error) {
    if (!(error instanceof ServerRefusal && error.errno === "ENOENT")) throw error;
  }
  await volumes.sharing.leave(volumeId, keyOf(volumeServer.process));
}

/** Lets it go on where a capture that was cut short has left it frozen. */
export async function thawVolumes(vm: Vm): Promise<void> {
  if (!(await isServed(vm))) return;
  using connection = await ControlConnection.open(controlSocket(vm));
  await connection.ask("thaw");
}

/** The one that the VM has now: when it ends and the VM does not, there is another, after that pause. */
export function watchVolumeServer(context: VolumeServerContext, vm: Vm, pauseMs = 0): void {
  const { volumeServer } = vm.record;
  if (volumeServer === undefined) return;
  const { process } = volumeServer;
  void follow(context, vm, process, pauseMs).catch(context.onError);
}

async function follow(
  context: VolumeServerContext,
  vm: Vm,
  process: ProcessIdentity,
  lastPauseMs: number,
): Promise<void> {
  const since = Date.now();
  await untilEnded(vm, process);
  await context.volumes.sharing.leaveAll(keyOf(process));
  const isLasting = Date.now() - since > LASTING_MS;
  const pauseMs = isLasting ? 0 : Math.min(lastPauseMs * 2 || FIRST_REVIVAL_MS, LAST_REVIVAL_MS);
  await sleep(Math.max(lastPauseMs, END_TOGETHER_MS), undefined, { ref: false });
  await vm.transitions.run(() => revive(context, vm, process, pauseMs));
}

/** Its connection ends with it, and says nothing else. */
async function untilEnded(vm: Vm, process: ProcessIdentity): Promise<void> {
  while (await isAlive(process)) {
    try {
      using connection = await ControlConnection.open(controlSocket(vm), { deadlineMs: 0 });
      connection.unref();
      await connection.ended();
    } catch {
      await sleep(FIRST_REVIVAL_MS, undefined, { ref: false });
    }
  }
}

async function revive(
  context: VolumeServerContext,
  vm: Vm,
  ended: ProcessIdentity,
  pauseMs: number,
): Promise<void> {
  const { phase, process, volumeServer, volumes = [] } = vm.record;
  const isItsOwn =
    volumeServer?.process.pid === ended.pid && volumeServer.process.startTime === ended.startTime;
  if (context.ending.aborted || phase !== "running" || !isItsOwn) return;
  if (process === undefined || !(await isAlive(process))) return;
  try {
    await startVolumeServer(context, vm, { follows: true, mounts: volumes, pauseMs });
    await vm.update({});
  } catch (error) {
    context.onError(error);
    watchVolumeServer(context, vm, pauseMs);
  }
}

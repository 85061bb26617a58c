/**
 * Volumes of a running VM. One server beside its QEMU has them all, and ends with it; the guest mounts each over the second port. What a
 * captured guest had mounted is taken from it when it runs again, and mounted anew: what was open then is not any more.
 */
import { join } from "node:path";
import { FastvmError } from "@fastvm/contract";
import type {
  CallOptions,
  Detached,
  DetachOptions,
  MountOutcome,
  VolumeId,
  VolumeMount,
} from "@fastvm/contract";
import { GuestError } from "../../guest-link/guest-error.ts";
import { Verb } from "../../guest-link/verb-stream.ts";
import { identifyProcess, isAlive, killAndWait, type ProcessIdentity } from "../../processes/proc.ts";
import { spawnServer } from "../../processes/spawn.ts";
import { RUN_FOLDER } from "../../qemu/machine.ts";
import { tell } from "../../volumes/server/control.ts";
import { attachFolder, requireVolumeServer, VOLUME_SERVER } from "../../volumes/server/programs.ts";
import type { Vm } from "../state/vm.ts";
import { askToMount } from "./ask-to-mount.ts";
import { mountFlags } from "./mount-flags.ts";
import type { Parts } from "../state/worker-context.ts";

type VolumesContext = Parts<"uids" | "volumes" | "onError">;

const CONTROL_SOCKET = `${RUN_FOLDER}/volume.sock`;
const PORT_SOCKET = `${RUN_FOLDER}/fs.sock`;

/** Of a VM that has just begun to run. It runs whatever becomes of this. */
export async function settleVolumes(
  context: VolumesContext,
  vm: Vm,
  wanted: readonly VolumeMount[],
): Promise<readonly MountOutcome[]> {
  const before = vm.record.volumes ?? [];
  if (before.length === 0 && wanted.length === 0) return [];
  for (const mount of before) {
    await unmount(vm, mount, { forced: true }).catch((error: unknown) => context.onError(error));
  }
  await vm.update({ volumes: [] });
  const outcomes: MountOutcome[] = [];
  for (const mount of wanted) {
    const { volumeId } = mount;
    try {
      await attachVolume(context, vm, mount);
      outcomes.push({ volumeId });
    } catch (error) {
      outcomes.push({ volumeId, failure: error instanceof Error ? error.message : String(error) });
    }
  }
  return outcomes;
}

export async function attachVolume(
  context: VolumesContext,
  vm: Vm,
  mount: VolumeMount,
  { signal }: CallOptions = {},
): Promise<void> {
  vm.requireRunning();
  const { volumeId, readOnly } = mount;
  if (vm.record.volumes?.some((one) => one.volumeId === volumeId) === true) return;
  const served = await context.volumes.served(mount);
  await ensureServer(context, vm);
  await attachFolder({ cwd: vm.folder, controlSocket: CONTROL_SOCKET, tag: volumeId, readOnly, ...served });
  try {
    const flags = mountFlags(mount);
    const request = { verb: Verb.MOUNT, path: mount.mountPath, volume: volumeId, mountFlags: flags };
    await askToMount(vm, request, signal);
  } catch (error) {
    await tell(join(vm.folder, CONTROL_SOCKET), "detach", { tag: volumeId }).catch(context.onError);
    throw error instanceof GuestError
      ? new FastvmError("conflict", `the VM cannot mount it: ${error.message}`, { cause: error })
      : error;
  }
  await vm.change((record) => ({ ...record, volumes: [...(record.volumes ?? []), mount] }));
}

export async function detachVolume(
  vm: Vm,
  volumeId: VolumeId,
  { force = false, signal }: DetachOptions = {},
): Promise<Detached> {
  vm.requireRunning();
  const mount = vm.record.volumes?.find((one) => one.volumeId === volumeId);
  if (mount === undefined) return { warnings: [] };
  const warnings = await unmountOrWarn(vm, mount, force, signal);
  await tell(join(vm.folder, CONTROL_SOCKET), "detach", { tag: volumeId });
  await vm.change((record) => ({
    ...record,
    volumes: (record.volumes ?? []).filter((one) => one.volumeId !== volumeId),
  }));
  return { warnings };
}

/** By force it goes whatever the guest says: its server answers nothing of it any more. */
async function unmountOrWarn(
  vm: Vm,
  mount: VolumeMount,
  force: boolean,
  signal: AbortSignal | undefined,
): Promise<Detached["warnings"]> {
  try {
    await unmount(vm, mount, { forced: force, signal });
    return [];
  } catch (error) {
    if (error instanceof GuestError && error.code === "EBUSY") {
      throw new FastvmError("guest_umount_busy", mount.mountPath, { cause: error });
    }
    if (!force) throw error;
    const isMute = error instanceof FastvmError && error.code === "guest_unresponsive";
    const message = error instanceof Error ? error.message : String(error);
    return [{ type: isMute ? "guest_unresponsive" : "ack_timeout", message }];
  }
}

export async function mountsOf(vm: Vm): Promise<readonly MountOutcome[]> {
  const { phase, volumes = [], volumeServer } = vm.record;
  if (phase !== "running") return [];
  const isServed = volumeServer !== undefined && (await isAlive(volumeServer.process));
  const failure = "the server of its volumes has ended; detach it and attach it anew";
  return volumes.map(({ volumeId }) => ({ volumeId, ...(isServed ? {} : { failure }) }));
}

async function unmount(
  vm: Vm,
  { mountPath, volumeId }: VolumeMount,
  { forced, signal }: { readonly forced: boolean; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  try {
    await askToMount(vm, { verb: Verb.UNMOUNT, path: mountPath, volume: volumeId, forced }, signal);
  } catch (error) {
    if (!(error instanceof GuestError && error.code === "ENOENT")) throw error;
  }
}

async function ensureServer(context: VolumesContext, vm: Vm): Promise<void> {
  requireVolumeServer();
  const { volumeServer } = vm.record;
  if (volumeServer !== undefined && (await isAlive(volumeServer.process))) return;
  const uid = context.uids.take();
  const words = ["serve", "--port", PORT_SOCKET, "--control", CONTROL_SOCKET, "--user", `${uid}`];
  const { pid, exited } = await spawnServer(VOLUME_SERVER, [...words, "--rights", "owner"], vm.folder);
  void exited.then(() => context.uids.release(uid));
  const process = await identifyProcess(pid);
  if (process === undefined) throw new FastvmError("internal", "the server of a VM's volumes ended at once");
  await recordServer(vm, { uid, process });
}

async function recordServer(
  vm: Vm,
  volumeServer: { readonly uid: number; readonly process: ProcessIdentity },
): Promise<void> {
  try {
    await tell(join(vm.folder, CONTROL_SOCKET), "ping");
    await vm.update({ volumeServer });
  } catch (error) {
    await killAndWait(volumeServer.process);
    throw error;
  }
}

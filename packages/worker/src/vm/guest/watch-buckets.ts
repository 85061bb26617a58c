/** Mounts a bucket anew whose tool has ended before its VM: one that was killed, or gave up. */
import { setTimeout as sleep } from "node:timers/promises";
import type { VolumeMount } from "@fastvm/contract";
import { isServing } from "../../buckets/vm-buckets.ts";
import type { Vm } from "../state/vm.ts";
import type { VolumeServerContext } from "../volumes/volume-server.ts";
import { mountAnew } from "./volumes.ts";

const LOOK_MS = 500;
/** After one that failed; the VM's other transitions wait for an attempt. */
const FIRST_PAUSE_MS = 1_000;
const LAST_PAUSE_MS = 60_000;

const watched = new WeakSet<Vm>();

/** For as long as it runs and has any. Again for one that is looked after. */
export function watchBuckets(context: VolumeServerContext, vm: Vm): void {
  if (watched.has(vm) || bucketsOf(vm).length === 0) return;
  watched.add(vm);
  void follow(context, vm)
    .catch(context.onError)
    .finally(() => watched.delete(vm));
}

async function follow(context: VolumeServerContext, vm: Vm): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS;
  while (bucketsOf(vm).length > 0 && !context.ending.aborted) {
    await sleep(LOOK_MS, undefined, { ref: false });
    if (await isWell(vm)) continue;
    if (await vm.transitions.run(() => mend(context, vm))) {
      pauseMs = FIRST_PAUSE_MS;
      continue;
    }
    await sleep(pauseMs, undefined, { ref: false });
    pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS);
  }
}

async function mend(context: VolumeServerContext, vm: Vm): Promise<boolean> {
  let isMended = true;
  for (const mount of bucketsOf(vm)) {
    if (context.ending.aborted || (await isServing(vm, mount.volumeId))) continue;
    try {
      await mountAnew(context, vm, mount);
    } catch (error) {
      context.onError(error);
      isMended = false;
    }
  }
  return isMended;
}

async function isWell(vm: Vm): Promise<boolean> {
  const all = await Promise.all(bucketsOf(vm).map(({ volumeId }) => isServing(vm, volumeId)));
  return all.every(Boolean);
}

/** Of one that runs; the record of one that was deleted says so still. */
function bucketsOf(vm: Vm): readonly VolumeMount[] {
  const { phase, volumes = [] } = vm.record;
  const runs = phase === "running" && (vm.guest !== undefined || vm.isAwaited);
  return runs ? volumes.filter(({ source }) => source?.kind === "bucket") : [];
}

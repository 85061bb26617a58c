/** Other credentials for a bucket that a VM has: it is mounted anew with them, or with the former ones where the store refuses them. */
import { FastvmError, type BucketCredentials, type VolumeId } from "@fastvm/contract";
import type { RecordedMount } from "../../store/vm-settings.ts";
import type { Caller } from "../caller.ts";
import { findVm } from "../find.ts";
import { isNotRunning } from "../states/not-running.ts";
import { changedMounts, requireStill, tellMount, type AttachContext, type Attachment } from "./attach.ts";
import { sealedSource } from "./bucket-credentials.ts";

/** Rejects with `bucket_rotation_failed`, and then the VM has it with the former ones, or its mount has failed. */
export async function rotateBucket(
  ctx: AttachContext,
  caller: Caller,
  reference: string,
  bucketId: string,
  credentials: BucketCredentials,
): Promise<Attachment> {
  const vm = await findVm(ctx, caller, reference);
  requireStill(vm);
  const before = bucketOf(vm.volumes, bucketId);
  const source = await sealedSource(ctx, caller.orgId, before.source, credentials);
  const { failure: _healed, ...rest } = before;
  const rotated = { ...rest, source };
  const after = await changedMounts(ctx, vm.id, before.volumeId, {
    change: (now) => {
      requireStill(now);
      bucketOf(now.volumes, bucketId);
      return now.volumes.map((mount) => (mount.volumeId === before.volumeId ? rotated : mount));
    },
    tell: async (now) => {
      const without = { ...now, volumes: now.volumes.filter(({ volumeId }) => volumeId !== before.volumeId) };
      const withOne = (mount: RecordedMount) => ({ ...without, volumes: [...without.volumes, mount] });
      const anew = async (mount: RecordedMount) => {
        await tellMount(ctx, without, before.volumeId, { force: true });
        await tellMount(ctx, withOne(mount), before.volumeId, { force: true });
      };
      try {
        await anew(rotated);
      } catch (error) {
        if (isNotRunning(error)) throw error;
        await anew(before).catch(() => undefined);
        const said = error instanceof FastvmError ? error.message : undefined;
        throw new FastvmError("bucket_rotation_failed", said, { cause: error });
      }
    },
  });
  return {
    vmId: after.id,
    vmStatus: after.status,
    generation: after.generation,
    mount: bucketOf(after.volumes, bucketId),
  };
}

/** By the mount's id. Rejects with `not_found`. */
export function bucketOf(mounts: readonly RecordedMount[], bucketId: string) {
  for (const mount of mounts) {
    const { source } = mount;
    if (source?.kind === "bucket" && mount.volumeId === (bucketId as VolumeId)) return { ...mount, source };
  }
  const quoted = JSON.stringify(bucketId.slice(0, MAX_QUOTED));
  throw new FastvmError("not_found", `the VM has no bucket mount ${quoted}`);
}

/** Errors quote what they did not find, but not all of it. */
const MAX_QUOTED = 80;

/** Launch: a new VM from a template or a snapshot. */
import { performance } from "node:perf_hooks";
import { FastvmError, step } from "@fastvm/contract";
import type { LaunchResult, MachineType, SnapshotId, VmSpec } from "@fastvm/contract";
import { openSnapshot } from "../../snapshot/folder.ts";
import type { Snapshot } from "../../snapshot/folder.ts";
import { publicAddress } from "../state/holdings.ts";
import { ensureImage } from "../../image-build/ensure-image.ts";
import type { ImageContext } from "../../image-build/derived-image.ts";
import { setUpImage } from "../../image-build/set-up-image.ts";
import { unlessAborted } from "../../concurrency/unless-aborted.ts";
import { restore } from "../restore/restore.ts";
import { snapshotFolder, vmFolder } from "../state/worker-context.ts";
import type { Parts } from "../state/worker-context.ts";

type TemplateSource = Extract<VmSpec["source"], { kind: "template" }>;

/** Aborted, it leaves nothing behind. */
export async function launch(
  context: ImageContext & Parts<"vms">,
  spec: VmSpec,
  signal?: AbortSignal,
): Promise<LaunchResult> {
  const startedAt = performance.now();
  using _room = await context.admission.admit();
  await step("launch.begun");
  const { source: from, machine } = spec;
  const source =
    from.kind === "template"
      ? await unlessAborted(() => preferredTemplate(context, machine, from), signal)
      : await requireSnapshot(context, from.snapshotId);
  await step("launch.source-found");
  const restored = restore(context, source, {
    vmId: spec.vmId,
    life: "first",
    identity: spec.identity,
    ttl: spec.ttl,
    policy: spec.network,
    generation: spec.generation,
    volumes: spec.volumes,
    durability: spec.durability,
    diskGib: Math.max(spec.diskGib, source.manifest.diskGib),
    folder: vmFolder(context.config, spec.vmId),
    signal,
  });
  const { vm, fromPool } = await restored.catch(async (error: unknown) => {
    // Deleted under it, that is why: what it then met says nothing to whoever asked.
    if (from.kind === "snapshot" && signal?.aborted !== true) await requireSnapshot(context, from.snapshotId);
    throw error;
  });
  // First: a VM that runs is never one that nobody knows.
  context.vms.set(spec.vmId, vm);
  await step("launch.restored");
  return { durationMs: performance.now() - startedAt, fromPool, ...publicAddress(context, vm) };
}

/** Whoever launches a machine launches another: next time one stands by. */
async function preferredTemplate(
  context: ImageContext,
  machine: MachineType,
  { image: name, imageOwner, setup }: TemplateSource,
): Promise<Snapshot> {
  const plain = name === undefined ? context.image : await ensureImage(context, name, imageOwner);
  const image = setup === undefined ? plain : await setUpImage(context, plain, setup);
  const template = await context.templates.ensure({ image, machine });
  await Promise.all([context.pool.prefer(template), context.standby.prefer(template)]);
  return template;
}

async function requireSnapshot(context: Parts<"config">, snapshotId: SnapshotId): Promise<Snapshot> {
  const snapshot = await openSnapshot(snapshotFolder(context.config, snapshotId));
  if (snapshot === undefined) throw new FastvmError("not_found", `snapshot ${snapshotId}`);
  return snapshot;
}

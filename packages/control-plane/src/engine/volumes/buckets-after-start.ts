/** After a start: buckets' credentials sealed with the newest key, and told to the worker, which has them in memory alone. */
import { seal, sealedWith, unseal } from "../../sealing/seal.ts";
import type { RecordedMount } from "../../store/vm-settings.ts";
import type { Parts } from "../context.ts";
import { sealedForBucket, toldMount } from "./bucket-credentials.ts";

/** Of a guest that says nothing, or a store; nobody waits for it but the end of this process. */
const DEADLINE_MS = 30_000;

/** Whatever another key has sealed, so that the other can be thrown away. */
export async function sealBucketsAnew({ sealing, store }: Parts<"sealing" | "store">): Promise<void> {
  if (!(await sealing.isThere())) return;
  const newest = await sealing.newest();
  for (const table of ["vms", "snapshots"] as const) {
    for (const found of await store.buckets.list(table)) {
      const anew = async (mount: RecordedMount): Promise<RecordedMount> => {
        const { source } = mount;
        if (source?.kind !== "bucket" || source.sealed === undefined) return mount;
        if (source.sealed.startsWith(sealedWith(newest.id))) return mount;
        const sealedFor = sealedForBucket(found.orgId, source.uri);
        const text = unseal(await sealing.of(source.sealed), source.sealed, sealedFor);
        return { ...mount, source: { ...source, sealed: seal(newest, text, sealedFor) } };
      };
      const mounts = await Promise.all(found.mounts.map(anew));
      if (JSON.stringify(mounts) !== found.text) await store.buckets.replace(table, found, mounts);
    }
  }
}

/** Of VMs that ran on while nobody was there: what they have mounted stays as it is. */
export async function retellBuckets(ctx: Parts<"log" | "sealing" | "store" | "worker">): Promise<void> {
  for (const { id } of await ctx.store.buckets.list("vms")) {
    const vm = await ctx.store.vms.get(id as never);
    if (vm?.status !== "running") continue;
    for (const mount of vm.volumes.filter(({ source }) => source?.kind === "bucket")) {
      try {
        const signal = AbortSignal.timeout(DEADLINE_MS);
        await ctx.worker.volumes.attach(vm.id, await toldMount(ctx, vm, mount), { signal });
      } catch (error) {
        ctx.log.warn({ err: error, vmId: vm.id }, "a bucket of a VM is not mounted");
      }
    }
  }
}

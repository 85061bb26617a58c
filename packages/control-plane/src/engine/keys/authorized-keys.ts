/** Who may log in to a VM: its own keys and its organisation's. Installed in running VMs at once, in others when they next run. */
import {
  defaultVmName,
  FastvmError,
  hostnameOf,
  type OrgId,
  type VmId,
  type VmIdentity,
} from "@fastvm/contract";
import type { VmSshKey } from "../../store/vm-settings.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { LifecycleContext } from "../context.ts";
import { isNotRunning } from "../states/not-running.ts";

/** A guest that answers takes milliseconds; clients give up at 60 s. */
const INSTALL_DEADLINE_MS = 10_000;

export async function identityOf(ctx: LifecycleContext, vm: VmRecord): Promise<VmIdentity> {
  return {
    hostname: hostnameOf(vm.name, defaultVmName(vm.id)),
    envVars: vm.envVars,
    authorizedKeys: await authorizedKeysOf(ctx, vm),
  };
}

/** Each once: a key may be the organisation's and the VM's own. */
export async function authorizedKeysOf(
  ctx: LifecycleContext,
  vm: Pick<VmRecord, "orgId" | "sshKeys">,
): Promise<readonly string[]> {
  const shared = await ctx.store.sshKeys.list(vm.orgId);
  return [...new Set([...vm.sshKeys, ...shared].map(({ publicKey }) => publicKey))];
}

/**
 * Changes a VM's own keys: first in the guest, then in the record, so that a guest which does not answer leaves both as they were. `change`
 * is asked twice and throws when it must not be.
 */
export async function changeVmKeys(
  ctx: LifecycleContext,
  vmId: VmId,
  change: (vm: VmRecord) => readonly VmSshKey[],
): Promise<void> {
  await ctx.updates.run(vmId, async () => {
    const before = await ctx.store.vms.get(vmId);
    if (before === undefined) throw new FastvmError("not_found", "the VM was deleted meanwhile");
    const proposed = { ...before, sshKeys: change(before) };
    await install(ctx, proposed);
    const after = await ctx.store.transaction(async (records) => {
      const vm = await records.vms.lock(vmId);
      return vm === undefined ? undefined : records.vms.update(vmId, { sshKeys: change(vm) });
    });
    if (after === undefined) throw new FastvmError("not_found", "the VM was deleted meanwhile");
    // It began to run meanwhile, with the keys of before.
    if (before.status !== "running") await install(ctx, after);
  });
}

/** As the record has them now. */
export async function installKeys(ctx: LifecycleContext, vmId: VmId): Promise<void> {
  await ctx.updates.run(vmId, async () => {
    const vm = await ctx.store.vms.get(vmId);
    if (vm !== undefined) await install(ctx, vm);
  });
}

/** After a change of the organisation's keys. A VM that does not answer gets them when it next starts; it holds up nobody. */
export async function installKeysEverywhere(ctx: LifecycleContext, orgId: OrgId): Promise<void> {
  const vms = await ctx.store.vms.list(orgId, ["running"]);
  await Promise.all(
    vms.map((vm) =>
      installKeys(ctx, vm.id).catch((error: unknown) => {
        ctx.log.warn({ err: error, vmId: vm.id }, "SSH keys could not be installed in a VM");
      }),
    ),
  );
}

async function install(ctx: LifecycleContext, vm: VmRecord): Promise<void> {
  if (vm.status !== "running") return;
  const signal = AbortSignal.timeout(INSTALL_DEADLINE_MS);
  try {
    await ctx.worker.setAuthorizedKeys(vm.id, await authorizedKeysOf(ctx, vm), { signal });
  } catch (error) {
    if (signal.aborted) throw new FastvmError("guest_unresponsive", undefined, { cause: error });
    if (!isNotRunning(error)) throw error;
  }
}

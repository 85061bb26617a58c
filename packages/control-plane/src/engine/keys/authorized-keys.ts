/** Who may log in to a VM: its own keys and its organisation's. Installed in running VMs at once, in others when they next run. */
import { defaultVmName, FastvmError, hostnameOf, type VmId, type VmIdentity } from "@fastvm/contract";
import type { VmSshKey } from "../../store/vm-settings.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { changeToldFirst } from "../owed/change-told-first.ts";
import { trustedAuthorities } from "../ssh-authority/authority.ts";
import { tellOwed, type OwedContext } from "../owed/tell-owed.ts";
import type { WorkerPart } from "../owed/worker-part.ts";
import { isNotRunning } from "../states/not-running.ts";

/** A guest that answers takes milliseconds; clients give up at 60 s. */
const INSTALL_DEADLINE_MS = 10_000;

export async function identityOf(ctx: Parts<"store">, vm: VmRecord): Promise<VmIdentity> {
  return {
    hostname: hostnameOf(vm.name, defaultVmName(vm.id)),
    // What programs find in place of a secret's value.
    envVars: { ...vm.envVars, ...placeholdersOf(vm) },
    authorizedKeys: await authorizedKeysOf(ctx, vm),
  };
}

function placeholdersOf({ interception }: VmRecord): Readonly<Record<string, string>> {
  return Object.fromEntries(
    (interception?.secrets ?? []).map(({ name, placeholder }) => [name, placeholder]),
  );
}

/** Each once: a key may be the organisation's and the VM's own. */
async function authorizedKeysOf(
  ctx: Parts<"store">,
  vm: Pick<VmRecord, "id" | "orgId" | "sshKeys">,
): Promise<readonly string[]> {
  const [shared, trusted] = await Promise.all([
    ctx.store.sshKeys.list(vm.orgId),
    trustedAuthorities(ctx.store, vm),
  ]);
  return [...new Set([...vm.sshKeys, ...shared].map(({ publicKey }) => publicKey)), ...trusted];
}

/**
 * Changes a VM's own keys: first in the guest, then in the record, so that a guest which does not answer leaves both as they were. `change`
 * is asked twice and throws when it must not be.
 */
export async function changeVmKeys(
  ctx: OwedContext & Parts<"log">,
  vmId: VmId,
  change: (vm: VmRecord) => readonly VmSshKey[],
): Promise<void> {
  const steps = ["control.keys.installed", "control.keys.recorded"] as const;
  await ctx.updates.run(vmId, () =>
    changeToldFirst(ctx, vmId, {
      part: KEYS,
      change: (vm) => ({ sshKeys: change(vm) }),
      isSame: (one, other) => JSON.stringify(one.sshKeys) === JSON.stringify(other.sshKeys),
      steps,
    }),
  );
  // It began to run meanwhile, with the keys of before.
  await tellOwed(ctx, [KEYS], vmId);
}

/** After a change of an organisation's keys, to the VMs that it owes them. One that does not answer gets them later; it holds up nobody. */
export async function installKeysIn(ctx: OwedContext & Parts<"log">, vmIds: readonly VmId[]): Promise<void> {
  await Promise.all(
    vmIds.map((vmId) =>
      tellOwed(ctx, [KEYS], vmId).catch((error: unknown) => {
        ctx.log.warn({ err: error, vmId }, "SSH keys could not be installed in a VM");
      }),
    ),
  );
}

export const KEYS: WorkerPart = { kind: "keys", tell: install };

async function install(ctx: Parts<"store" | "worker">, vm: VmRecord): Promise<void> {
  const signal = AbortSignal.timeout(INSTALL_DEADLINE_MS);
  try {
    await ctx.worker.setAuthorizedKeys(vm.id, await authorizedKeysOf(ctx, vm), { signal });
  } catch (error) {
    if (signal.aborted) throw new FastvmError("guest_unresponsive", undefined, { cause: error });
    if (!isNotRunning(error)) throw error;
  }
}

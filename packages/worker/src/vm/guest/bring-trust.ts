/**
 * Gives a guest the trust of this daemon when its state holds another one, or none: it was captured,
 * or runs on, from before the certificate was there or was changed. A VM whose guest does not take
 * it runs all the same; what its state holds stays as it was, so that its next life tries again.
 */
import { FastvmError } from "@fastvm/contract";
import { ENVIRONMENT_MODE, ENVIRONMENT_PATH, environmentFile } from "../../identity/handshake.ts";
import type { GuestLink } from "../../guest-link/guest-link.ts";
import type { HeldTrust } from "../../trust/trust.ts";
import { writeTrust } from "../../trust/write-trust.ts";
import { SerialQueue } from "../../concurrency/serial-queue.ts";
import type { Vm } from "../state/vm.ts";
import type { Parts } from "../state/worker-context.ts";

/** VMs that ran on, one after the other: nobody waits for them, and all at once they would take the host's processors for seconds. */
const adopted = new SerialQueue();

/** What the guest then holds. */
export async function bringTrust(
  { trust: common, intercepted, onError }: Parts<"intercepted" | "onError" | "trust">,
  vm: Vm,
  link: GuestLink,
): Promise<HeldTrust | undefined> {
  const { trust: held, identity } = vm.record;
  const trust = intercepted.trustOf(vm.vmId, common);
  if (held?.digest === trust?.digest) return held;
  try {
    const written = await writeTrust(link, trust);
    const environment = Buffer.from(environmentFile(identity.envVars, written));
    await link.writeFile(ENVIRONMENT_PATH, environment, { mode: ENVIRONMENT_MODE });
    return written;
  } catch (error) {
    // A guest that has ended trusts nobody, and whoever ended it knows.
    if (error instanceof FastvmError && error.code === "vm_died") return held;
    onError(new Error(`VM ${vm.vmId} does not trust this daemon's certificate`, { cause: error }));
    return held;
  }
}

/** For a VM that ran on while the daemon was away. Resolves when that is done, or cannot be; never rejects. */
export async function bringTrustToAdopted(
  context: Parts<"intercepted" | "onError" | "trust">,
  vm: Vm,
): Promise<void> {
  const { intercepted, trust: common } = context;
  // Whom it trusts for its intercepted connections is not known yet, and comes with the order.
  if (vm.record.policy?.interception !== undefined && intercepted.of(vm.vmId) === undefined) return;
  if (vm.record.trust?.digest === intercepted.trustOf(vm.vmId, common)?.digest) return;
  try {
    const link = await vm.link({});
    await adopted.run(async () => {
      const trust = await bringTrust(context, vm, link);
      // A capture of meanwhile holds the old one, as is written beside it.
      if (isThere(vm) && vm.record.phase === "running") await vm.change((record) => withTrust(record, trust));
    });
  } catch (error) {
    // One that was deleted, stopped or paused meanwhile needs none.
    if (isThere(vm)) context.onError(error);
  }
}

function isThere(vm: Vm): boolean {
  return vm.guest !== undefined || vm.isAwaited;
}

/** None is a record without. */
export function withTrust<T extends { readonly trust?: HeldTrust }>(
  { trust: _before, ...record }: T,
  trust: HeldTrust | undefined,
): Omit<T, "trust"> & { readonly trust?: HeldTrust } {
  return { ...record, ...(trust !== undefined && { trust }) };
}

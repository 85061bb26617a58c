/** VMs and quotas as the flat client shows them: the wire's fields, with units written `Mib` and `Gib`. */
import type { FirewallPolicy } from "../firewall/firewall-policy.ts";
import type { QuotaUsage, QuotaValues } from "../quotas.ts";
import type { Snapshot } from "../snapshots/snapshot.ts";
import type { Vm, VmStatus } from "../vms/vm.ts";

export type VMStatus = VmStatus;

export interface VM {
  readonly id: string;
  readonly name: string;
  readonly orgId: string;
  readonly machineName: string;
  readonly cpu: number;
  readonly memoryMib: number;
  readonly diskGib: number;
  readonly status: VMStatus;
  readonly createdAt: string;
  readonly sourceName?: string;
  readonly publicIpv6?: string;
  readonly firewall?: FirewallPolicy;
  readonly deletedAt?: string;
}

/** A snapshot whose firewall is in the flat client's dialect. */
export type FlatSnapshot = Omit<Snapshot, "firewall"> & { readonly firewall?: FirewallPolicy };

export interface OrgQuotaValues {
  readonly vcpu: number;
  readonly memoryMib: number;
  readonly diskGib: number;
  readonly snapshotCount: number;
}

export interface OrgQuotaUsage {
  readonly orgId: string;
  readonly limits: OrgQuotaValues;
  readonly usage: OrgQuotaValues;
}

export function flatVm(vm: Vm): VM {
  return {
    id: vm.id,
    name: vm.name,
    orgId: vm.orgId,
    machineName: vm.machineName ?? "",
    cpu: vm.cpu,
    memoryMib: vm.memoryMiB,
    diskGib: vm.diskGiB,
    status: vm.status,
    createdAt: vm.createdAt,
    // The wire may say null, or an empty name, for what is absent.
    ...(vm.sourceName ? { sourceName: vm.sourceName } : {}),
    ...(vm.publicIpv6 ? { publicIpv6: vm.publicIpv6 } : {}),
    ...(vm.deletedAt ? { deletedAt: vm.deletedAt } : {}),
    ...flatFirewall(vm),
  };
}

export function flatSnapshot(snapshot: Snapshot): FlatSnapshot {
  const { firewall: _, ...rest } = snapshot;
  return { ...rest, ...flatFirewall(snapshot) };
}

/** A policy of the newer dialect has no `mode`; the flat client cannot show it. */
function flatFirewall({ firewall }: Pick<Vm, "firewall">): { firewall?: FirewallPolicy } {
  return firewall && "mode" in firewall ? { firewall } : {};
}

export function flatQuotas({ orgId, limits, usage }: QuotaUsage): OrgQuotaUsage {
  return { orgId, limits: flatQuotaValues(limits), usage: flatQuotaValues(usage) };
}

function flatQuotaValues(values: QuotaValues): OrgQuotaValues {
  const { vcpu, memoryMiB, diskGiB, snapshotCount } = values;
  return { vcpu, memoryMib: memoryMiB, diskGib: diskGiB, snapshotCount };
}

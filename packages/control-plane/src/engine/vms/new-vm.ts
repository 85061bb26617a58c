/** The record of a VM that begins to exist, whether it is launched, restored or forked. */
import { defaultVmName, type OrgId, type RootSetup, type Ttl, type VmId } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { VmSettings } from "../../store/vm-settings.ts";
import { firstLifeEnd } from "../states/life-end.ts";
import { initialTtl } from "./ttl.ts";

interface NewVm {
  readonly id: VmId;
  readonly orgId: OrgId;
  /** Normalised; empty for the default. */
  readonly name: string;
  readonly settings: VmSettings;
  readonly ttl: Ttl | undefined;
  readonly source: Partial<Pick<VmRecord, "sourceName" | "sourceSnapshotId" | "sourceVmId">>;
  readonly repeatKey: string | null;
  /** Absent: requests to its ports need none. */
  readonly trafficTokenDigest?: string | undefined;
  readonly at: number;
  /** Whose it is until somebody takes it out. */
  readonly pool?: { readonly id: string; readonly generation: number } | undefined;
  readonly rootSetup?: RootSetup | undefined;
}

export function newVmRecord(vm: NewVm): VmRecord {
  return {
    id: vm.id,
    orgId: vm.orgId,
    name: vm.name === "" ? defaultVmName(vm.id) : vm.name,
    status: "provisioning",
    statusReason: null,
    sourceName: null,
    sourceSnapshotId: null,
    sourceVmId: null,
    ...vm.source,
    ...vm.settings,
    publicIpv6: null,
    generation: 1,
    createdAt: vm.at,
    pausedAt: null,
    pauseCount: 0,
    queuedAt: null,
    ...initialTtl(vm.ttl),
    lifeEndsAt: firstLifeEnd(vm.settings, vm.at),
    requestFingerprint: vm.repeatKey,
    startedAt: null,
    endedAt: null,
    lastActiveAt: null,
    restartAt: null,
    restartCount: 0,
    trafficTokenDigest: vm.trafficTokenDigest ?? null,
    poolId: vm.pool?.id ?? null,
    poolGeneration: vm.pool?.generation ?? null,
    rootSetup: vm.rootSetup === undefined ? null : JSON.stringify(vm.rootSetup),
  };
}

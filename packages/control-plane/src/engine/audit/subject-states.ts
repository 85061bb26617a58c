/**
 * What an audit shows of a record: fields that are named here, and so nothing that is secret. What a guest is given (variables, what is
 * put into its requests) is none of it.
 */
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import type { SnapshotRecord } from "../../store/snapshot-repository.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { VolumeRecord } from "../../store/volume-repository.ts";

/** What a request is about, as it calls it. */
export interface Subject {
  readonly kind: "vm" | "snapshot" | "volume" | "webhook" | "key" | "sandbox" | "other";
  readonly reference: string;
}

export interface SubjectState {
  /** The record's own, whatever the request called it. */
  readonly id: string;
  readonly state: Readonly<Record<string, unknown>>;
}

const VM_FIELDS = [
  ...["name", "status", "statusReason", "metadata", "machineName", "diskGib", "durability", "restartPolicy"],
  ...["ttlAction", "ttlSeconds", "expiresAt", "autoResume", "inactivityMs", "inactivityAction", "maxLifeMs"],
  ...["maxLifeAction", "autoDeleteMs", "ephemeral", "privateTraffic", "generation"],
] as const satisfies readonly (keyof VmRecord)[];
const SNAPSHOT_FIELDS = [
  "name",
  "status",
  "statusReason",
] as const satisfies readonly (keyof SnapshotRecord)[];
const VOLUME_FIELDS = [
  ...["name", "kind", "sizeGib", "accessMode", "status"],
] as const satisfies readonly (keyof VolumeRecord)[];

/** `undefined` where there is none, or nothing is shown of its kind. */
export async function stateOf(
  { store }: Parts<"store">,
  { orgId }: Caller,
  { kind, reference }: Subject,
): Promise<SubjectState | undefined> {
  switch (kind) {
    case "vm":
      return ofVm(await store.vms.find(orgId, reference));
    case "sandbox": {
      const { sandboxes, vms } = store;
      const found = (await sandboxes.get(orgId, reference)) ?? (await sandboxes.getByName(orgId, reference));
      return found?.vmId ? ofVm(await vms.find(orgId, found.vmId)) : undefined;
    }
    case "snapshot":
      return named(await store.snapshots.find(orgId, reference), SNAPSHOT_FIELDS);
    case "volume":
      return named(await store.volumes.find(orgId, reference), VOLUME_FIELDS);
    case "webhook": {
      const webhook = await store.webhooks.get(reference);
      if (webhook?.orgId !== orgId) return undefined;
      const { id, topics, enabled } = webhook;
      return { id, state: { url: withoutSecrets(webhook.url), topics, enabled } };
    }
    case "key": {
      const key = (await store.apiKeys.list(orgId)).find(({ id }) => id === reference);
      return named(key, ["name", "api", "scopes", "expiresAt", "requestsPerMinute"]);
    }
    default:
      return undefined;
  }
}

function ofVm(vm: VmRecord | undefined): SubjectState | undefined {
  const found = named(vm, VM_FIELDS);
  if (vm === undefined || found === undefined) return undefined;
  return {
    id: vm.id,
    state: {
      ...found.state,
      firewall: vm.network?.policy ?? null,
      services: vm.services.map(({ name, port }) => ({ name, port })),
      sshKeys: vm.sshKeys.map(({ fingerprint }) => fingerprint),
      volumes: vm.volumes.map(({ volumeId }) => volumeId),
    },
  };
}

function named<Of extends { readonly id: string }>(
  record: Of | undefined,
  fields: readonly (keyof Of & string)[],
): SubjectState | undefined {
  return (
    record && { id: record.id, state: Object.fromEntries(fields.map((field) => [field, record[field]])) }
  );
}

/** A URL may have a password in front and a token behind. */
function withoutSecrets(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? "" : `${parsed.origin}${parsed.pathname}`;
}

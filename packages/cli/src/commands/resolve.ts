/** Resolves what people call VMs, snapshots and volumes, by the server's lists. */
import { resolveRef } from "../resolve-ref.ts";
import type { Session } from "../session.ts";

export function vmIdFor({ client, signal }: Session, ref: string): Promise<string> {
  return resolveRef("VM", ref, () => client.vms.list({}, { signal }));
}

export function snapshotIdFor({ client, signal }: Session, ref: string): Promise<string> {
  return resolveRef("snapshot", ref, () => client.snapshots.list({}, { signal }));
}

export function volumeIdFor({ client, signal }: Session, ref: string): Promise<string> {
  return resolveRef("volume", ref, () => client.volumes.list({ signal }));
}

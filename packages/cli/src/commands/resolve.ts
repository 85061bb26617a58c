/** Resolves what people call VMs, snapshots and volumes, by the server's lists. */
import { resolveRef } from "../resolve-ref.ts";
import type { Session } from "../session.ts";

const WHOLE_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function vmIdFor({ client, signal }: Session, ref: string): Promise<string> {
  return resolveRef("VM", ref, () => client.vms.list({}, { signal }));
}

/** Of what is kept about VMs, which is there when they are not. */
export async function vmIdOrGone(session: Session, ref: string | undefined): Promise<string | undefined> {
  return ref === undefined || WHOLE_ID.test(ref) ? ref : await vmIdFor(session, ref);
}

export function snapshotIdFor({ client, signal }: Session, ref: string): Promise<string> {
  return resolveRef("snapshot", ref, () => client.snapshots.list({}, { signal }));
}

export function volumeIdFor({ client, signal }: Session, ref: string): Promise<string> {
  return resolveRef("volume", ref, () => client.volumes.list({ signal }));
}

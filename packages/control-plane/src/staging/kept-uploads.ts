/** What one daemon leaves to the next of uploads in parts. All else that is staged ends with it. */
import type { OrgId } from "@fastvm/contract";
import type { StagingHolder } from "./staging-holder.ts";
import type { KeptObject, StagingObjects } from "./staging-objects.ts";
import type { Upload, UploadLedger } from "./upload-ledger.ts";
import type { UploadRecords } from "./upload-records.ts";

interface Kept {
  readonly objects: StagingObjects;
  readonly uploads: UploadLedger;
  readonly uploadRecords: UploadRecords;
}

interface Adopting extends Kept {
  readonly now: number;
  readonly ownerOf: (holder: StagingHolder) => Promise<OrgId | undefined>;
}

/** Those of VMs that are still there, with the parts whose bytes are. */
export async function adoptUploads({ objects, uploads, uploadRecords, now, ownerOf }: Adopting) {
  const adopted: Upload[] = [];
  for (const upload of await uploadRecords.load()) {
    const isOver = upload.expiresAt <= now || (await ownerOf(upload.vmId)) === undefined;
    if (isOver) await uploadRecords.remove(upload.id);
    else adopted.push(upload);
  }
  const there = new Set((await objects.open(adopted.flatMap(objectsOf))).map(({ objectId }) => objectId));
  for (const upload of adopted) {
    for (const [number, { objectId }] of upload.parts) if (!there.has(objectId)) upload.parts.delete(number);
    uploads.adopt(upload);
  }
}

export async function leaveUploads({ objects, uploads }: Kept): Promise<void> {
  const left = uploads.all();
  if (left.length === 0) await objects.remove();
  else await objects.sweep(left.flatMap(objectsOf));
}

function objectsOf({ vmId, parts }: Upload): readonly KeptObject[] {
  return [...parts.values()].map(({ objectId, bytes }) => ({ holder: vmId, objectId, bytes }));
}

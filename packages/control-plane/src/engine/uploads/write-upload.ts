/** The parts of an upload, one after the other, into one file of a VM that runs. The guest gives it its name when all of it is there. */
import { FastvmError } from "@fastvm/contract";
import type { Upload, UploadResult } from "../../staging/upload-ledger.ts";
import type { Parts } from "../context.ts";
import { CheckedBytes } from "./checked-bytes.ts";

type Context = Parts<"staging" | "worker">;

interface Signalled {
  readonly signal: AbortSignal;
}

export async function writeUpload(
  ctx: Context,
  upload: Upload,
  sha256: string | undefined,
  { signal }: Signalled,
): Promise<UploadResult> {
  const { vmId, path, mode, bytes, overwrites } = upload;
  if (!overwrites) await refuseExisting(ctx, upload, { signal });
  const content = new CheckedBytes(partsOf(ctx, upload, { signal }), { bytes, sha256, what: "the upload" });
  try {
    await ctx.worker.writeFile(vmId, path, content, { mode, signal });
  } catch (error) {
    await keepParts(ctx, upload);
    throw error;
  }
  const file = await ctx.worker.fileInfo(vmId, path, { signal, followLinks: true });
  return { sha256: content.sha256, file };
}

/** Looked at before: of two that are completed at the same moment, the later wins. */
async function refuseExisting({ worker }: Context, { vmId, path }: Upload, options: Signalled) {
  try {
    await worker.fileInfo(vmId, path, options);
  } catch (error) {
    if (error instanceof FastvmError && error.code === "file_not_found") return;
    throw error;
  }
  throw new FastvmError("conflict", `${path} is there already`, { field: "upload" });
}

async function* partsOf(
  { staging }: Context,
  { vmId, parts }: Upload,
  { signal }: Signalled,
): AsyncGenerator<Uint8Array> {
  const inOrder = [...parts].toSorted(([one], [other]) => one - other);
  for (const [, { objectId }] of inOrder) {
    const object = await staging.objects.read(vmId, objectId, signal);
    for await (const chunk of object.open()) yield chunk as Uint8Array;
  }
}

/** What was read would be the first to make way for other uploads. */
async function keepParts({ staging }: Context, { vmId, parts }: Upload): Promise<void> {
  for (const { objectId } of parts.values()) {
    await staging.objects.read(vmId, objectId).catch(() => undefined);
  }
}

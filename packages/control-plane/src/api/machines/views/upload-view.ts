/** An upload as this API shows it, and which of its parts came. */
import type { UploadView } from "@fastvm/contract";
import { partCountOf, type Upload } from "../../../engine/engine.ts";
import { instantOf } from "./instant.ts";

export function uploadView(upload: Upload): UploadView {
  const { id, path, bytes, partBytes, createdAt, expiresAt, isCompleting, result } = upload;
  const parts = [...upload.parts].toSorted(([one], [other]) => one - other);
  return {
    id,
    path,
    status: statusOf({ isCompleting, result }),
    size: bytes,
    part_size: partBytes,
    part_count: partCountOf(upload),
    parts: parts.map(([number, part]) => ({ number, size: part.bytes, sha256: part.sha256 })),
    received_bytes: result === undefined ? parts.reduce((sum, [, { bytes: size }]) => sum + size, 0) : bytes,
    created_at: instantOf(createdAt),
    expires_at: instantOf(expiresAt),
  };
}

function statusOf({ isCompleting, result }: Pick<Upload, "isCompleting" | "result">): UploadView["status"] {
  if (result !== undefined) return "completed";
  return isCompleting ? "completing" : "open";
}

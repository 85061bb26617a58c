/** `machine.files.uploadFile`: a file in parts, several at a time, which goes on where it was after whatever failed. */
import { createHash } from "node:crypto";
import { newKey, type CallOptions, type MachineConnection } from "./connection.ts";
import { FileUploadError } from "./machine-error.ts";
import type { MachineFile, MachineUpload } from "./types.ts";

export interface UploadFileOptions extends CallOptions {
  /** Octal, such as "0644". */
  readonly mode?: string | undefined;
  /** What becomes of a file that is there; default `overwrite`. */
  readonly onConflict?: "overwrite" | "fail" | undefined;
  /** In bytes, of all parts but the last; default: as the server likes it. */
  readonly partSize?: number | undefined;
  /** Parts on their way at once; default 4. */
  readonly concurrency?: number | undefined;
  /** Of a FileUploadError: what came then is not sent again. */
  readonly uploadId?: string | undefined;
  readonly onProgress?: ((sentBytes: number, totalBytes: number) => void) | undefined;
}

interface Part {
  readonly number: number;
  readonly content: Blob;
}

/** Enough to fill a link while an answer is awaited; each part is in memory while it is sent. */
const DEFAULT_CONCURRENCY = 4;

export async function uploadFile(
  connection: MachineConnection,
  uploads: string,
  path: string,
  content: Blob,
  options: UploadFileOptions,
): Promise<MachineFile> {
  const { signal } = options;
  const upload = await begin(connection, uploads, path, content, options);
  const at = `${uploads}/${encodeURIComponent(upload.id)}`;
  try {
    if (upload.status !== "completed") await sendParts(connection, at, upload, content, options);
    const body = { sha256: await sha256Of(content) };
    const call = { body, key: newKey(), signal };
    const done = await connection.call<{ readonly file: MachineFile }>("POST", `${at}/complete`, call);
    return done.file;
  } catch (error) {
    throw new FileUploadError(error, upload.id);
  }
}

async function begin(
  connection: MachineConnection,
  uploads: string,
  path: string,
  content: Blob,
  { uploadId, partSize, mode, onConflict, signal }: UploadFileOptions,
): Promise<MachineUpload> {
  if (uploadId === undefined) {
    const body = { path, size: content.size, partSize, mode, onConflict };
    return connection.call("POST", uploads, { body, key: newKey(), signal });
  }
  const at = `${uploads}/${encodeURIComponent(uploadId)}`;
  const upload = await connection.call<MachineUpload>("GET", at, { signal });
  if (upload.path === path && upload.size === content.size) return upload;
  throw new FileUploadError(
    new Error(`The upload ${uploadId} is of ${upload.size} bytes for ${upload.path}`),
    uploadId,
  );
}

async function sendParts(
  connection: MachineConnection,
  at: string,
  upload: MachineUpload,
  content: Blob,
  { concurrency = DEFAULT_CONCURRENCY, onProgress, signal }: UploadFileOptions,
): Promise<void> {
  const there = new Map(upload.parts.map(({ number, sha256 }) => [number, sha256]));
  const failed = new AbortController();
  const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const parts = partsOf(upload, content);
  let sent = 0;
  const work = async (): Promise<void> => {
    for (const { number, content: part } of parts) {
      either.throwIfAborted();
      const bytes = new Uint8Array(await part.arrayBuffer());
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      if (there.get(number) !== sha256) {
        const call = { query: { sha256 }, content: bytes, signal: either };
        await connection.call("PUT", `${at}/parts/${number}`, call);
      }
      sent += bytes.length;
      onProgress?.(sent, content.size);
    }
  };
  const workers = Array.from({ length: Math.max(1, concurrency) }, async () => {
    try {
      await work();
    } catch (error) {
      // The others end soon, and with nothing more to say.
      failed.abort(error);
      throw error;
    }
  });
  const first = (await Promise.allSettled(workers)).find(({ status }) => status === "rejected");
  if (first !== undefined) throw failed.signal.reason;
}

/** One list for all who send: each takes the next one. */
function* partsOf({ partSize, partCount }: MachineUpload, content: Blob): Generator<Part> {
  for (let number = 1; number <= partCount; number++) {
    yield { number, content: content.slice((number - 1) * partSize, number * partSize) };
  }
}

async function sha256Of(content: Blob): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of content.stream()) hash.update(chunk);
  return hash.digest("hex");
}

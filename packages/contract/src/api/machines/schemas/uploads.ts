/** Uploads in parts, which go on after a failure, and URLs that are themselves the permission for one file. */
import { Type, type Static } from "typebox";
import { MachineFileSchema } from "./files.ts";
import { CLOSED, instant, maybe, oneOf, orNull } from "./parts.ts";

const MIB = 1024 * 1024;
/** Small enough to be sent again after each failure, large enough that a round trip costs nothing beside it. */
export const DEFAULT_PART_BYTES = 8 * MIB;
const MIN_PART_BYTES = 64 * 1024;
export const MAX_PART_BYTES = 64 * MIB;
/** Each is a file on its way, and an entry of every answer about its upload. */
export const MAX_UPLOAD_PARTS = 1000;
/** Of a signed transfer, when none is named, and the least and most. */
export const DEFAULT_TRANSFER_SEC = 900;
const MIN_TRANSFER_SEC = 1;
const MAX_TRANSFER_SEC = 86_400;

const path = Type.String({ minLength: 1, description: "Absolute; not in `/workspace/.nullspace`." });
const permissions = Type.String({ pattern: "^[0-7]{3,4}$", description: "Octal, such as 0644." });
const checksum = Type.String({
  pattern: "^[0-9a-f]{64}$",
  description: "SHA-256, hexadecimal, in small letters.",
});

export const CreateUploadBodySchema = Type.Object(
  {
    path,
    size: Type.Integer({ minimum: 0, maximum: MAX_UPLOAD_PARTS * MAX_PART_BYTES, description: "In bytes." }),
    part_size: maybe(
      Type.Integer({
        minimum: MIN_PART_BYTES,
        maximum: MAX_PART_BYTES,
        description: `In bytes, of all parts but the last. Default: ${DEFAULT_PART_BYTES}, or more where there would be too many.`,
      }),
    ),
    sha256: maybe(checksum),
    mode: maybe(permissions),
    on_conflict: maybe(
      oneOf(["overwrite", "fail"], "What becomes of a file that is there. Default `overwrite`."),
    ),
  },
  { ...CLOSED, title: "CreateUploadBody" },
);

const UploadPartSchema = Type.Object(
  { number: Type.Integer({ minimum: 1 }), size: Type.Integer(), sha256: checksum },
  { title: "UploadPart" },
);
export const StoredPartSchema = UploadPartSchema;

export const UploadSchema = Type.Object(
  {
    id: Type.String({ description: "`upl_` and what is random." }),
    path: Type.String(),
    status: oneOf(["open", "completing", "completed"]),
    size: Type.Integer(),
    part_size: Type.Integer(),
    part_count: Type.Integer(),
    parts: Type.Array(UploadPartSchema, { description: "Those that came, by number." }),
    received_bytes: Type.Integer(),
    created_at: instant("When it was begun."),
    expires_at: instant("From then on it is not there any more, whatever came of it."),
  },
  { title: "Upload" },
);
export type UploadView = Static<typeof UploadSchema>;

export const UploadListSchema = Type.Object({ uploads: Type.Array(UploadSchema) }, { title: "UploadList" });

export const PartQuerySchema = Type.Object({ sha256: Type.Optional(checksum) });

export const CompleteUploadBodySchema = Type.Object(
  { sha256: maybe(checksum) },
  { ...CLOSED, title: "CompleteUploadBody" },
);

export const CompletedUploadSchema = Type.Object(
  { id: Type.String(), sha256: checksum, file: MachineFileSchema },
  { title: "CompletedUpload" },
);

export const AbortedUploadSchema = Type.Object(
  { id: Type.String(), aborted: Type.Literal(true) },
  { title: "AbortedUpload" },
);

const seconds = Type.Integer({
  minimum: MIN_TRANSFER_SEC,
  maximum: MAX_TRANSFER_SEC,
  description: `How long it is good. Default ${DEFAULT_TRANSFER_SEC}.`,
});

export const UploadUrlBodySchema = Type.Object(
  {
    path,
    expires_in_seconds: maybe(seconds),
    mode: maybe(permissions),
    max_bytes: maybe(
      Type.Integer({ minimum: 0, description: "Longer bodies are refused. Default: the size of the disk." }),
    ),
  },
  { ...CLOSED, title: "UploadUrlBody" },
);

export const DownloadUrlBodySchema = Type.Object(
  { path, expires_in_seconds: maybe(seconds) },
  { ...CLOSED, title: "DownloadUrlBody" },
);

export const TransferUrlSchema = Type.Object(
  {
    url: Type.String({ description: "Whoever has it may do this and nothing else. No key is sent with it." }),
    method: oneOf(["PUT", "GET"]),
    headers: Type.Unsafe<Record<string, string>>({
      type: "object",
      additionalProperties: { type: "string" },
      description: "To be sent with it.",
    }),
    path: Type.String(),
    max_bytes: orNull(Type.Integer({ description: "Of an upload." })),
    expires_at: instant("The end of the permission; a transfer that has begun goes on."),
  },
  { title: "TransferUrl" },
);

/** Imports: the same as builds, in the words of the newest clients. */
import { Type, type Static } from "typebox";
import { BUILD_ARGS, BUILD_FIELDS } from "./build.ts";
import { nullable } from "./nullable.ts";
import { stringMap } from "./string-map.ts";

const text = (description: string) => nullable(Type.String({ description }));

const SourceSchema = Type.Object(
  {
    type: Type.Unsafe<"image" | "dockerfile">({ type: "string", enum: ["image", "dockerfile"] }),
    image: Type.Optional(text("image: its reference.")),
    platform: Type.Optional(text("Only `linux/amd64`, which is the default.")),
    contextRef: Type.Optional(
      text(
        "dockerfile: as `context-presign` answered, after a ZIP or `tar.gz` was PUT. Good for one import.",
      ),
    ),
    dockerfilePath: Type.Optional(
      text("dockerfile: relative to the context, without `..`. Default `Dockerfile`."),
    ),
    target: Type.Optional(text("dockerfile: the stage to stop at. Default: the last one.")),
    buildArgs: Type.Optional(BUILD_ARGS),
    registryUsername: Type.Optional(text("For this import alone; kept nowhere.")),
    registryPassword: Type.Optional(text("Goes with `registryUsername`.")),
    registryHost: Type.Optional(text("Whose they are; required for them with a Dockerfile.")),
  },
  { title: "SnapshotImportSource" },
);

export const SnapshotImportBodySchema = Type.Object(
  { source: SourceSchema, ...BUILD_FIELDS },
  { title: "SnapshotImportBody" },
);
export type SnapshotImportBody = Static<typeof SnapshotImportBodySchema>;

const SourceViewSchema = Type.Object(
  {
    type: Type.Unsafe<"image" | "dockerfile">({ type: "string", enum: ["image", "dockerfile"] }),
    image: Type.Optional(Type.String()),
    platform: Type.String(),
    dockerfilePath: Type.Optional(Type.String()),
    target: Type.Optional(Type.String()),
    buildArgs: Type.Optional(stringMap("As they were asked for.")),
    contextSizeBytes: Type.Optional(Type.Integer()),
  },
  { title: "SnapshotImportSourceView", description: "Without secrets." },
);

const EventSchema = Type.Object(
  {
    phase: Type.String({
      description: "`preparing`, `fetch_context`, `pull`, `build`, `export`, `saving`, `warming`, `done`.",
    }),
    status: Type.String({ description: "`started`, `completed`, `failed`, `skipped`, `cancelled`." }),
    timestampMs: Type.Integer(),
    message: Type.Optional(Type.String()),
  },
  { title: "SnapshotImportEvent" },
);

export const SnapshotImportSchema = Type.Object(
  {
    id: Type.String({ description: "UUID. The same for `builds`." }),
    name: Type.Optional(Type.String()),
    status: Type.String({ description: "`pending`, `running`, `succeeded`, `failed`, `cancelled`." }),
    source: SourceViewSchema,
    cpu: Type.Integer(),
    memoryMiB: Type.Integer(),
    diskGiB: Type.Integer(),
    machineName: Type.String(),
    events: Type.Array(EventSchema),
    error: Type.Optional(Type.String({ description: "Why it failed. At most 4 KiB." })),
    snapshotId: Type.Optional(Type.String({ description: "When it has succeeded." })),
    createdAt: Type.String({ format: "date-time" }),
    startedAt: Type.Optional(Type.String({ format: "date-time" })),
    finishedAt: Type.Optional(Type.String({ format: "date-time" })),
    updatedAt: Type.String({ format: "date-time" }),
  },
  { title: "SnapshotImport" },
);
export type SnapshotImport = Static<typeof SnapshotImportSchema>;

export const ContextPresignBodySchema = Type.Object(
  {
    sizeBytes: Type.Optional(
      nullable(
        Type.Integer({ minimum: 0, description: "Of what will be uploaded; refused if it is too much." }),
      ),
    ),
  },
  { title: "ContextPresignBody" },
);

export const ContextPresignSchema = Type.Object(
  {
    contextRef: Type.String(),
    uploadUrl: Type.String({ description: "PUT the ZIP or `tar.gz`. Do not send the API key." }),
    expiresInSec: Type.Integer(),
    maxUploadBytes: Type.Integer(),
  },
  { title: "ContextPresign" },
);

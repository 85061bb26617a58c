/** Full snapshots of sandboxes, with memory and processes, and forks. */
import { Type, type Static } from "typebox";
import { CLOSED, instant, oneOf, orNull, strings } from "./parts.ts";
import { SandboxSchema } from "./sandbox.ts";

const name = (description: string) => Type.String({ minLength: 1, maxLength: 64, description });

export const CreateSandboxSnapshotSchema = Type.Object(
  {
    name: name("Unique among the snapshots of sandboxes and VMs."),
    full: Type.Literal(true, { description: "With memory and processes, which is what there is." }),
  },
  { ...CLOSED, title: "CreateSnapshotBody" },
);

/** In the words of the local client. */
export const SnapshotSpecSchema = Type.Object(
  {
    source_sandbox: Type.String({ minLength: 1, description: "By name. It must be stopped." }),
    destination: Type.Object(
      { Name: Type.Optional(name("Of the snapshot.")), Path: Type.Optional(Type.String()) },
      { ...CLOSED, description: "By name; a path is refused." },
    ),
    labels: Type.Optional(
      Type.Array(Type.Array(Type.String(), { minItems: 2, maxItems: 2 }), {
        description: "Of the snapshot, beside its source's.",
      }),
    ),
    force: Type.Optional(Type.Boolean({ description: "In place of the snapshot that has this name." })),
    record_integrity: Type.Optional(
      Type.Boolean({ description: "Whether digests of its files are kept, which `verify` compares." }),
    ),
  },
  { ...CLOSED, title: "SnapshotSpec" },
);

export const SandboxSnapshotSchema = Type.Object(
  {
    id: Type.String({ description: "UUID." }),
    name: Type.String(),
    source_sandbox: orNull(Type.String({ description: "Its name; null when it is gone." })),
    kind: oneOf(["full"]),
    status: oneOf(["creating", "ready", "error"]),
    labels: strings("Of its source, and its own."),
    integrity: orNull(
      Type.String({ description: "SHA-256 of what its files are; null where it was not asked for." }),
    ),
    created_at: instant(""),
  },
  { title: "Snapshot" },
);
export type SandboxSnapshotView = Static<typeof SandboxSnapshotSchema>;

export const SandboxSnapshotListSchema = Type.Object(
  { data: Type.Array(SandboxSnapshotSchema, { description: "Newest first." }) },
  { title: "SnapshotList" },
);

export const VerifiedSnapshotSchema = Type.Object(
  {
    verified: Type.Boolean({ description: "Whether all of its files are what they were." }),
    differing: Type.Array(Type.String(), { description: "Those that are not." }),
  },
  { title: "VerifiedSnapshot" },
);

export const RestoreSandboxSchema = Type.Object(
  { name: Type.String({ description: "Of the sandbox that goes on from there." }) },
  { ...CLOSED, title: "RestoreBody" },
);

export const ForkSandboxSchema = Type.Object(
  { names: Type.Array(Type.String(), { minItems: 1, maxItems: 100, description: "One for each child." }) },
  { ...CLOSED, title: "ForkBody" },
);

export const ForkedSandboxesSchema = Type.Object(
  {
    children: Type.Array(
      Type.Object({
        name: Type.String(),
        sandbox: orNull({ ...SandboxSchema, type: "object" }),
        error: orNull(Type.String({ description: "Why there is none." })),
      }),
      { description: "In the order of the names." },
    ),
  },
  { title: "ForkedSandboxes" },
);

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

export const SandboxSnapshotSchema = Type.Object(
  {
    id: Type.String({ description: "UUID." }),
    name: Type.String(),
    source_sandbox: orNull(Type.String({ description: "Its name; null when it is gone." })),
    kind: oneOf(["full"]),
    status: oneOf(["creating", "ready", "error"]),
    labels: strings("Of its source."),
    created_at: instant(""),
  },
  { title: "Snapshot" },
);
export type SandboxSnapshotView = Static<typeof SandboxSnapshotSchema>;

export const SandboxSnapshotListSchema = Type.Object(
  { data: Type.Array(SandboxSnapshotSchema, { description: "Newest first." }) },
  { title: "SnapshotList" },
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

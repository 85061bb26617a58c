/** Snapshots: reusable ones, from which machines are created, and those of a pause, by which one machine goes on. */
import { Type, type Static } from "typebox";
import { instant, oneOf, orNull } from "./parts.ts";

export const MachineSnapshotSchema = Type.Object(
  {
    id: Type.String({ description: "`snap_…`." }),
    kind: oneOf(
      ["reusable", "pause"],
      "`pause`: it is resumed, once; `reusable`: machines are created from it.",
    ),
    machine_id: Type.String({ description: "The machine that it was made of." }),
    status: oneOf(["creating", "ready", "deleting", "error"]),
    template: Type.String(),
    created_at: orNull(instant("When it was made.")),
  },
  { title: "Snapshot" },
);
export type MachineSnapshot = Static<typeof MachineSnapshotSchema>;

export const SnapshotListSchema = Type.Object(
  { snapshots: Type.Array(MachineSnapshotSchema) },
  { title: "SnapshotList" },
);

export const DeletedSnapshotSchema = Type.Object(
  { id: Type.String(), deleted: Type.Literal(true) },
  { title: "DeletedSnapshot" },
);

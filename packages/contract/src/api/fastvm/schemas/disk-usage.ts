/** What an organisation's VMs and snapshots take of the host's disk. */
import { Type } from "typebox";

const Bytes = (description: string) => Type.Integer({ minimum: 0, description });

const DiskShareSchema = Type.Object(
  {
    id: Type.String({ description: "Of the VM or snapshot." }),
    usedBytes: Bytes("What its files take: disk, captured memory and whatever else there is."),
    ownBytes: Bytes(
      "Of these, what comes free when it alone is deleted; the rest it shares with others, or with a template.",
    ),
  },
  { title: "DiskShare" },
);

export const DiskUsageSchema = Type.Object(
  {
    host: Type.Object({
      totalBytes: Bytes("Of the filesystem on which VMs lie, for all organisations."),
      freeBytes: Bytes("What is free there."),
    }),
    usedBytes: Bytes("What all VMs and snapshots below take together; what they share counts once."),
    vms: Type.Array(DiskShareSchema),
    snapshots: Type.Array(DiskShareSchema),
  },
  { title: "DiskUsage" },
);

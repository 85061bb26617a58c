/** What an organisation may use, what it uses, and how much room the host has. */
import { Type, type Static } from "typebox";

const ResourceAmountsSchema = Type.Object(
  {
    vcpu: Type.Integer({ minimum: 0 }),
    memoryMiB: Type.Integer({ minimum: 0 }),
    diskGiB: Type.Integer({ minimum: 0 }),
    snapshotCount: Type.Integer({ minimum: 0 }),
    volumeCount: Type.Integer({ minimum: 0 }),
    volumeGiB: Type.Integer({ minimum: 0 }),
  },
  { title: "ResourceAmounts" },
);
export type ResourceAmounts = Static<typeof ResourceAmountsSchema>;

/** Of the host, and so of all organisations together. */
const HostRoomSchema = Type.Object(
  {
    memoryMiB: Type.Integer({ minimum: 0, description: "What running VMs may be promised" }),
    promisedMemoryMiB: Type.Integer({ minimum: 0, description: "What they are promised now" }),
  },
  { title: "HostRoom" },
);

export const QuotasSchema = Type.Object(
  {
    orgId: Type.String(),
    limits: ResourceAmountsSchema,
    usage: ResourceAmountsSchema,
    host: Type.Optional(HostRoomSchema),
  },
  { title: "Quotas" },
);

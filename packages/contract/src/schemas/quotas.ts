import { Type, type Static } from "typebox";

export const ResourceAmountsSchema = Type.Object(
  {
    vcpu: Type.Integer({ minimum: 0 }),
    memoryMiB: Type.Integer({ minimum: 0 }),
    diskGiB: Type.Integer({ minimum: 0 }),
    snapshotCount: Type.Integer({ minimum: 0 }),
  },
  { title: "ResourceAmounts" },
);
export type ResourceAmounts = Static<typeof ResourceAmountsSchema>;

export const QuotasSchema = Type.Object(
  { orgId: Type.String(), limits: ResourceAmountsSchema, usage: ResourceAmountsSchema },
  { title: "Quotas" },
);
export type Quotas = Static<typeof QuotasSchema>;

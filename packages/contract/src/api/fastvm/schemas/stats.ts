/** What a VM uses of its host now. */
import { Type, type Static } from "typebox";
import { HitsSchema } from "./firewall-report.ts";
import { VM_STATUSES, type VmStatus } from "../../../model/vm-status.ts";

const Amount = (description: string) => Type.Number({ minimum: 0, description });
const Count = (description: string) => Type.Integer({ minimum: 0, description });

export const VmStatsSchema = Type.Object(
  {
    status: Type.Unsafe<VmStatus>({ type: "string", enum: [...VM_STATUSES] }),
    uptimeMs: Count("Since it was launched, restored or resumed last; 0 while it does not run."),
    cpuSeconds: Amount("Processor time that its process has used; 0 while it does not run."),
    cpuPercent: Amount("Just now: 100 is one of the host's processors at full use."),
    memoryMiB: Type.Object({
      limit: Count("What the guest has."),
      resident: Amount(
        "What it takes of the host's memory; pages that VMs share count in parts. 0 while it does not run.",
      ),
      own: Type.Optional(Amount("What no other process has of it; 0 while it does not run.")),
    }),
    diskBytes: Type.Object({
      limit: Count("The size of its disk."),
      used: Count("What the layers of its disk take of the host's."),
      own: Count("Of these, what no other VM, snapshot or template shares."),
    }),
    network: Type.Optional(
      Type.Object(
        { sent: HitsSchema, received: HitsSchema, dropped: HitsSchema },
        {
          description:
            "Since its present life began, while it runs and has a network. `sent` left the guest; " +
            "`dropped` is what its policy, or a rule for all VMs, stopped.",
        },
      ),
    ),
  },
  { title: "VmStats" },
);
export type VmStats = Static<typeof VmStatsSchema>;

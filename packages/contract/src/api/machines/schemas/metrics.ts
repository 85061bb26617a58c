/** What a machine's guest says of itself. */
import { Type, type Static } from "typebox";
import { instant, orNull } from "./parts.ts";

const MetricsSampleSchema = Type.Object(
  {
    timestamp: instant("When it was looked at."),
    cpu_count: Type.Integer(),
    cpu_percent: orNull(
      Type.Number({
        description: "Of all its processors, since the look before; of the first, since the machine's start.",
      }),
    ),
    memory_used_bytes: Type.Integer({ description: "What is not available to programs." }),
    memory_total_bytes: Type.Integer(),
    disk_used_bytes: orNull(
      Type.Integer({ description: "Of the root filesystem; null where the image has no df." }),
    ),
    disk_total_bytes: orNull(Type.Integer()),
  },
  { title: "MetricsSample" },
);
export type MetricsSample = Static<typeof MetricsSampleSchema>;

export const MachineMetricsSchema = Type.Object(
  { metrics: Type.Array(MetricsSampleSchema, { description: "Oldest first." }) },
  { title: "MachineMetrics" },
);

/** What a VM used of its host in the last hour. */
import { Type, type Static } from "typebox";

const Amount = (description: string) => Type.Number({ minimum: 0, description });
const Count = (description: string) => Type.Integer({ minimum: 0, description });

const VmSampleSchema = Type.Object(
  {
    at: Type.String({ format: "date-time" }),
    cpuPercent: Amount("Since the sample before: 100 is one of the host's processors at full use."),
    cpuSeconds: Amount("Processor time that its process has used in its present life."),
    memoryBytes: Type.Object({
      resident: Count("What its process takes, with what VMs share in full."),
      own: Count("Of it, what is in no file, as its template's memory is."),
    }),
    diskBytes: Count("What layers of its disk take that nothing else shares."),
  },
  { title: "VmSample" },
);

export const VmMetricsSchema = Type.Object(
  {
    intervalMs: Count("Between two samples of a VM that runs; one that does not has none."),
    samples: Type.Array(VmSampleSchema, { description: "Oldest first." }),
  },
  { title: "VmMetrics" },
);
export type VmMetrics = Static<typeof VmMetricsSchema>;

export const VmMetricsQuerySchema = Type.Object({
  since: Type.Optional(Type.String({ description: "RFC 3339. Default: an hour ago." })),
});

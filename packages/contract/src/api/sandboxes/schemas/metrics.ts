/** What a sandbox used, in samples. */
import { Type, type Static } from "typebox";
import { instant, orNull } from "./parts.ts";

const whole = (description: string) => Type.Integer({ minimum: 0, description });

export const SandboxMetricsSchema = Type.Object(
  {
    interval_ms: Type.Integer({ minimum: 0, description: "How often samples are taken." }),
    samples: Type.Array(
      Type.Object({
        timestamp: instant(""),
        cpu_percent: Type.Number({ minimum: 0, description: "Of one processor of the host." }),
        vcpu_time_ns: whole("Since its last start."),
        memory_bytes: whole("Of the host, and shared with no other VM's."),
        memory_host_resident_bytes: whole("With what is shared."),
        memory_limit_bytes: whole("What its guest has."),
        uptime_ms: orNull(whole("Since its last start; null in samples that the host keeps.")),
        upper_host_allocated_bytes: whole("In layers of its disk that are its own."),
        net_rx_bytes: orNull(whole("Since its last start; null in samples that the host keeps.")),
        net_tx_bytes: orNull(whole("The same.")),
      }),
      { description: "Oldest first." },
    ),
  },
  { title: "SandboxMetrics" },
);
export type SandboxMetricsView = Static<typeof SandboxMetricsSchema>;

/** Operations on what is watched and used at sockets: terminals, and figures of a machine. */
import type { Operation } from "../operation.ts";
import { KilledSchema } from "./schemas/exec.ts";
import { MachineMetricsSchema } from "./schemas/metrics.ts";
import { PtyListSchema, ResizeBodySchema, ResizedSchema } from "./schemas/pty.ts";

const MACHINE = "/v1/machines/{machineId}";
const PTY = `${MACHINE}/pty`;
const RUNNING = ["guest_unresponsive", "vm_died", "vm_wrong_state"] as const;

export const SESSION_OPERATIONS = {
  listPtys: {
    method: "GET",
    path: PTY,
    tag: "Commands",
    summary: "List terminals, oldest first",
    description:
      "They are begun and used at the machine's WebSocket, `/v1/machines/{machineId}/ws`, as are streamed commands and watches of folders.",
    responses: { 200: PtyListSchema },
    errors: RUNNING,
  },
  resizePty: {
    method: "POST",
    path: `${PTY}/{sessionId}/resize`,
    tag: "Commands",
    summary: "Change the size of a terminal",
    body: ResizeBodySchema,
    responses: { 200: ResizedSchema },
    errors: RUNNING,
  },
  killPty: {
    method: "POST",
    path: `${PTY}/{sessionId}/kill`,
    tag: "Commands",
    summary: "End a terminal, with all that runs in it",
    responses: { 200: KilledSchema },
    errors: RUNNING,
  },
  getMachineMetrics: {
    method: "GET",
    path: `${MACHINE}/metrics`,
    tag: "Machines",
    summary: "Get figures of processors, memory and disk",
    description:
      "Over and over: WebSockets at `…/metrics/ws` and, with the machine's record and its processes, `/v1/monitor/ws`.",
    responses: { 200: MachineMetricsSchema },
    errors: RUNNING,
  },
} as const satisfies Readonly<Record<string, Operation>>;

export { readConfig } from "./config.ts";
export type { DaemonConfig, DaemonFlags } from "./config.ts";
export { runDoctor } from "./doctor.ts";
export type { DoctorCheck, DoctorReport } from "./doctor.ts";
export { serve } from "./serve.ts";
export { startDaemon } from "./start-daemon.ts";
export type { StartedDaemon } from "./start-daemon.ts";
export { stopDaemon } from "./stop-daemon.ts";

/** What is promised of the programs themselves. */
import type { Promised } from "./promised.ts";

const COMMAND_MS = 60;
const DAEMON_MIB = 90;

export const WEIGHT_PROMISES: readonly Promised[] = [
  {
    figure: "`fastvm vm ls`, bundled, until its first byte, p50 (floor: Node that writes a line)",
    bound: `≤ ${COMMAND_MS} ms`,
    measure: "weight",
    unit: "ms",
    measured: "command_ms_p50",
    floor: "floor_command_ms_p50",
    limit: () => COMMAND_MS,
    cost:
      "half of it is Node's own start; of the rest a third is reading the command's code, a third Node's HTTP client, which is loaded " +
      "and asks the daemon, and the rest declares the command and looks for the server and its key",
  },
  {
    figure: "the daemon, bundled, with no VM, at rest (floor: Node that waits)",
    bound: `≤ ${DAEMON_MIB} MiB`,
    measure: "weight",
    unit: "MiB",
    measured: "daemon_idle_mib",
    floor: "floor_daemon_mib",
    limit: () => DAEMON_MIB,
    cost:
      "50 MiB are pages of Node's own program, which all processes of it share; of the rest 30 MiB are V8's heap, in which the code with " +
      "its compiled form takes half, and 15 what C libraries keep: SQLite, the threads that read files, the cache of compiled code",
  },
];

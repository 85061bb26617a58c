/** Ctrl-C and its kin: the first ends the work cleanly (the VM's command is killed with its connection), the second at once. */
import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** What a shell reports for a process that a signal ended. */
const SIGNAL_EXIT_BASE = 128;

const controller = new AbortController();
let received: number | undefined;
let isListening = false;

/** Fires at the first signal. */
export const interruptSignal: AbortSignal = controller.signal;

export function listenForInterrupts(): void {
  if (isListening) return;
  isListening = true;
  for (const name of SIGNALS) {
    process.on(name, () => {
      const exitCode = SIGNAL_EXIT_BASE + constants.signals[name];
      if (received !== undefined) process.exit(exitCode);
      received = exitCode;
      controller.abort();
    });
  }
}

/** The exit code to end with, once a signal has come. */
export function interruptedExitCode(): number | undefined {
  return received;
}

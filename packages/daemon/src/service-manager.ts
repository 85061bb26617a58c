/**
 * Tells systemd that the daemon serves, that it still turns, and that it ends. By systemd's own program, as Node has no datagram sockets
 * of the file system; its parent is the daemon, so that systemd takes its word for the daemon's (`NotifyAccess=main`).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { runTool } from "@fastvm/worker";

export interface ManagerSettings {
  readonly socket: string;
  /** What it waits between two signs of life before it ends the daemon and starts another; absent: it does not watch. */
  readonly watchdogMs: number | undefined;
}

/** How many signs of life fit into the time that it waits: one may be late, or fail. */
const SIGNS_PER_WAIT = 3;
/** The program waits until it was heard. It must not outlive the wait that it is to be heard in, which systemd says in seconds at least. */
const TELL_TIMEOUT_MS = 10_000;
const MICROS_PER_MILLI = 1000;

/** Of the environment that it starts the daemon in. A watchdog of another process is not ours, though we were given its environment. */
export function serviceManagerOf(env: NodeJS.ProcessEnv, pid = process.pid): ManagerSettings | undefined {
  const socket = env["NOTIFY_SOCKET"];
  if (socket === undefined || socket === "") return undefined;
  const isWatched = env["WATCHDOG_PID"] === undefined || env["WATCHDOG_PID"] === String(pid);
  const watchdogMs = Number(env["WATCHDOG_USEC"] ?? "") / MICROS_PER_MILLI;
  return { socket, watchdogMs: isWatched && watchdogMs > 0 ? watchdogMs : undefined };
}

interface Manager {
  /** Nobody waits for it: a manager that does not hear must not keep the daemon from its end. */
  tellEnd(): void;
}

/** The daemon serves: says so, and gives signs of life until the signal. Each comes from the event loop that serves all else. */
export function tellManager(
  settings: ManagerSettings | undefined,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Manager {
  if (settings === undefined) return { tellEnd: () => undefined };
  const tell = async (state: string): Promise<void> => {
    try {
      await runTool("systemd-notify", [state], {
        timeoutMs: TELL_TIMEOUT_MS,
        env: { PATH: SYSTEM_PATH, NOTIFY_SOCKET: settings.socket },
      });
    } catch (error) {
      onError(error);
    }
  };
  void (async () => {
    await tell("READY=1");
    if (settings.watchdogMs === undefined) return;
    while (!signal.aborted) {
      await sleep(settings.watchdogMs / SIGNS_PER_WAIT, undefined, { signal, ref: false }).catch(
        () => undefined,
      );
      if (!signal.aborted) await tell("WATCHDOG=1");
    }
  })();
  return { tellEnd: () => void tell("STOPPING=1") };
}

const SYSTEM_PATH = "/usr/bin:/bin";

/**
 * Machines that are watched: `/v1/monitor/ws`, whose client names a machine, and `/v1/machines/{id}/metrics/ws?interval_ms=…` of one.
 *
 *     → {"type": "monitor_subscribe", "id", "interval_ms", "include_processes"}     another takes its place
 *     ← {"type": "snapshot", "id", "machine": {…}}    at first
 *     ← {"type": "update", "id", "machine": {…}}      when it changed
 *     ← {"type": "metrics", "id", "metrics": {…}}     in each interval, while it runs
 *     ← {"type": "processes", "id", "processes": […]} likewise, if they are wanted
 *     ← {"type": "error", "id", "code", "message"}    of a subscription, which ends; the socket stays
 */
import { setTimeout as sleep } from "node:timers/promises";
import { FastvmError, MonitorSubscribeSchema, type Machine } from "@fastvm/contract";
import type { Figures } from "../../../engine/engine.ts";
import { findMachine } from "../ids.ts";
import type { MachinesScope } from "../machines-scope.ts";
import { machineView } from "../views/machine-view.ts";
import { metricsView, processView } from "../views/metrics-view.ts";
import { checkersOf, Inbox, parse } from "./inbox.ts";
import { send, type Connected } from "../../shared/serve-socket.ts";
import { errorMessage, serveSocket } from "./serve-socket.ts";

const MONITOR = /^(?:\/nullspace)?\/v1\/monitor\/ws$/;
const METRICS = /^(?:\/nullspace)?\/v1\/machines\/([^/]+)\/metrics\/ws$/;
const MAX_MESSAGE_BYTES = 4096;
/** As documented: what is asked for is brought into this. */
const MIN_INTERVAL_MS = 500;
const MAX_INTERVAL_MS = 10_000;
const DEFAULT_INTERVAL_MS = 1000;
const SUBSCRIPTIONS = checkersOf({ monitor_subscribe: MonitorSubscribeSchema });

type Api = Omit<MachinesScope, "routes">;

interface Watched {
  readonly id: string;
  readonly intervalMs: number;
  readonly processes: boolean;
  /** Also of its record. */
  readonly machine: boolean;
}

export function serveMonitorSockets(api: Api): void {
  serveSocket<object>(api, {
    path: MONITOR,
    needs: "read",
    maxMessageBytes: MAX_MESSAGE_BYTES,
    wantedOf: () => ({}),
    run: (connected) => takeSubscriptions(api, connected),
  });
  serveSocket<Watched>(api, {
    path: METRICS,
    needs: "read",
    maxMessageBytes: MAX_MESSAGE_BYTES,
    wantedOf: ({ pathname, searchParams }) => {
      const id = METRICS.exec(pathname)?.[1];
      const interval = Number(searchParams.get("interval_ms") ?? DEFAULT_INTERVAL_MS);
      if (id === undefined || !Number.isInteger(interval)) return undefined;
      return { id, intervalMs: bounded(interval), processes: false, machine: false };
    },
    run: (connected, watched) => tell(api, connected, watched, connected.signal),
  });
}

function bounded(intervalMs: number): number {
  return Math.min(Math.max(intervalMs, MIN_INTERVAL_MS), MAX_INTERVAL_MS);
}

interface Subscribe {
  readonly id: string;
  readonly interval_ms?: number | null;
  readonly include_processes?: boolean | null;
}

async function takeSubscriptions(api: Api, connected: Connected): Promise<void> {
  const { socket, signal } = connected;
  await using inbox = new Inbox(socket);
  let replaced = new AbortController();
  let telling = Promise.resolve();
  for (;;) {
    const text = await inbox.next();
    if (text === undefined) break;
    replaced.abort();
    // Nothing of the one before comes after the answer to this one.
    await telling;
    replaced = new AbortController();
    telling = subscription(api, connected, text, AbortSignal.any([signal, replaced.signal]));
  }
  await telling;
}

async function subscription(
  api: Api,
  connected: Connected,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  let id: string | null = null;
  try {
    const said = parse(text, SUBSCRIPTIONS) as Subscribe;
    id = said.id;
    const intervalMs = bounded(said.interval_ms ?? DEFAULT_INTERVAL_MS);
    const processes = said.include_processes ?? false;
    await tell(api, connected, { id, intervalMs, processes, machine: true }, signal);
  } catch (error) {
    if (signal.aborted) return;
    await send(connected.socket, { ...errorMessage(error), id }).catch(() => undefined);
  }
}

async function tell(
  api: Api,
  { caller, socket }: Connected,
  watched: Watched,
  signal: AbortSignal,
): Promise<void> {
  const { engine, clock } = api;
  const { id, intervalMs, processes } = watched;
  let shown: string | undefined;
  let before: Figures | undefined;
  const tellMachine = async (machine: Machine): Promise<void> => {
    // Of what changes with every look nothing is told.
    const { remaining_ms: _left, last_active_at: _used, ...rest } = machine;
    const text = JSON.stringify(rest);
    if (text === shown) return;
    await send(socket, { type: shown === undefined ? "snapshot" : "update", id, machine });
    shown = text;
  };
  while (!signal.aborted) {
    const vm = await findMachine(engine, caller, id);
    if (watched.machine) await tellMachine(machineView(vm, { now: clock.now(), activity: engine.activity }));
    if (vm.status === "running") {
      const now = await look(api, vm.id, processes, signal);
      if (now !== undefined) {
        await send(socket, { type: "metrics", id, metrics: metricsView(now, before) });
        if (processes)
          await send(socket, { type: "processes", id, processes: now.processes.map(processView) });
        before = now;
      }
    }
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
  }
}

/** `undefined` of a machine that ended or was paused meanwhile, of which the next look tells. */
async function look(
  { engine }: Api,
  vmId: Parameters<Api["engine"]["figures"]["look"]>[0],
  processes: boolean,
  signal: AbortSignal,
): Promise<Figures | undefined> {
  try {
    return await engine.figures.look(vmId, { processes, signal });
  } catch (error) {
    const isGone = error instanceof FastvmError && ["vm_wrong_state", "vm_died"].includes(error.code);
    if (isGone || signal.aborted) return undefined;
    throw error;
  }
}

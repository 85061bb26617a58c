/** `machine.monitor`: its record and its guest's figures as they change, over whatever connections that takes. */
import { toCamel } from "./camel.ts";
import type { CallOptions, MachineConnection } from "./connection.ts";
import { MachineChannel } from "./machine-channel.ts";
import type { MachineInfo, MetricsSample } from "./types.ts";

export interface MonitorOptions extends CallOptions {
  /** Between two looks; 500 to 10,000, default 1000. */
  readonly intervalMs?: number | undefined;
  /** Also tells the processes of each look. */
  readonly includeProcesses?: boolean | undefined;
}

export interface MonitoredProcess {
  readonly pid: number;
  readonly parentPid: number;
  readonly command: string;
  readonly state: string;
  readonly memoryBytes: number;
}

/** `snapshot`: its record at first, and again where the connection was lost; `update`: when that changed. */
export type MonitorEvent =
  | { readonly type: "snapshot" | "update"; readonly machine: MachineInfo }
  | { readonly type: "metrics"; readonly metrics: MetricsSample }
  | { readonly type: "processes"; readonly processes: readonly MonitoredProcess[] };

const TYPES: readonly unknown[] = ["snapshot", "update", "metrics", "processes"];

export async function* monitor(
  { config }: MachineConnection,
  id: string,
  { intervalMs, includeProcesses, signal }: MonitorOptions,
): AsyncGenerator<MonitorEvent, void, undefined> {
  const first = { type: "monitor_subscribe", id, intervalMs, includeProcesses };
  const channel = new MachineChannel(
    { config, path: "/v1/monitor", channel: "monitor", signal },
    () => first,
  );
  try {
    while (!channel.isClosed) {
      const message = await channel.next();
      // What a later server tells besides is nothing to this client.
      if (message !== undefined && TYPES.includes(message["type"])) yield toCamel(message) as MonitorEvent;
    }
  } finally {
    await channel.close();
  }
}

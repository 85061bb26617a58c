/** `fastvm stats`: what a VM uses. */
import { Option, type Command } from "commander";
import { setTimeout as sleep } from "node:timers/promises";
import type { Vm, VmStats } from "fastvm";
import { duration as durationOf, timerSeconds } from "../../command-line/option-values.ts";
import { bytes, duration, gib, shortId } from "../../output/format.ts";
import { printJson, printJsonLine, printLine, redraw } from "../../output/print.ts";
import { renderTable } from "../../output/table.ts";
import type { Session } from "../../session.ts";
import { showPast } from "./past-stats.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

const DEFAULT_INTERVAL_SECONDS = 2;
const HEADER = [
  "ID",
  "NAME",
  "STATUS",
  "CPU",
  "MEMORY",
  "OWN",
  "OF",
  "DISK",
  "OWN",
  "OF",
  "SENT",
  "RECEIVED",
  "UPTIME",
];

interface StatsOptions {
  readonly watch?: boolean;
  readonly interval?: number;
  /** In milliseconds. */
  readonly past?: number;
}

interface Reading {
  readonly vm: Vm;
  readonly stats: VmStats;
}

export function vmStatsCommand(): Command {
  return apiCommand<StatsOptions>({
    name: "stats",
    operands: ["[vm...]"],
    summary: "Show what VMs use of this host now: the ones that are named, or all that run",
    configure: (command) =>
      command
        .alias("metrics")
        .option("-w, --watch", "again and again, until Ctrl-C; with --json one line each time")
        .option(
          "--interval <seconds>",
          `between two readings (default: ${DEFAULT_INTERVAL_SECONDS})`,
          timerSeconds,
        )
        .addOption(
          new Option("--past <duration>", "what they used in that time instead, an hour at most: 5m, 1h")
            .argParser(durationOf)
            .conflicts("watch"),
        ),
    run: async ({ session, operands, options: { watch, past, interval = DEFAULT_INTERVAL_SECONDS } }) => {
      const vmIds = await Promise.all(operands.map((ref) => vmIdFor(session, ref)));
      if (past !== undefined) return await showPast(session, vmIds, past);
      if (watch !== true) show(session, await read(session, vmIds));
      else await watchStats(session, vmIds, interval * 1000);
    },
  });
}

async function watchStats(session: Session, vmIds: readonly string[], intervalMs: number): Promise<void> {
  for (;;) {
    const readings = await read(session, vmIds);
    if (session.isJson) printJsonLine(readings.map(row));
    else redraw(table(readings));
    await sleep(intervalMs, undefined, { signal: session.signal });
  }
}

async function read({ client, signal }: Session, vmIds: readonly string[]): Promise<Reading[]> {
  if (vmIds.length > 0) {
    return Promise.all(
      vmIds.map(async (id) => ({
        vm: await client.vms.get(id, { signal }),
        stats: await client.vms.stats(id, { signal }),
      })),
    );
  }
  const vms = await client.vms.list({ status: "running" }, { signal });
  const readings = await Promise.all(
    vms.map(async (vm) => {
      const stats = await client.vms.stats(vm, { signal }).catch(ignoreGone);
      return stats === undefined ? [] : [{ vm, stats }];
    }),
  );
  return readings.flat();
}

/** Of all that run one may be deleted meanwhile. */
function ignoreGone(error: unknown): undefined {
  if (error instanceof Error && "status" in error && error.status === 404) return undefined;
  throw error;
}

function show(session: Session, readings: readonly Reading[]): void {
  if (session.isJson) printJson(readings.map(row));
  else printLine(table(readings));
}

function row({ vm, stats }: Reading): object {
  return { id: vm.id, name: vm.name, ...stats };
}

function table(readings: readonly Reading[]): string {
  const rows = readings.map(({ vm, stats }) => [
    shortId(vm.id),
    vm.name,
    stats.status,
    `${stats.cpuPercent} %`,
    `${stats.memoryMiB.resident.toFixed(1)} MiB`,
    stats.memoryMiB.own === undefined ? "-" : `${stats.memoryMiB.own.toFixed(1)} MiB`,
    gib(stats.memoryMiB.limit),
    bytes(stats.diskBytes.used),
    bytes(stats.diskBytes.own),
    bytes(stats.diskBytes.limit),
    stats.network === undefined ? "-" : bytes(stats.network.sent.bytes),
    stats.network === undefined ? "-" : bytes(stats.network.received.bytes),
    stats.uptimeMs === 0 ? "-" : duration(stats.uptimeMs),
  ]);
  return renderTable(HEADER, rows);
}

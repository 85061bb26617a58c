/** What runs in a machine: `machine process …`, `machine metrics`. */
import { Command } from "commander";
import { positiveInteger } from "../../command-line/option-values.ts";
import { renderTable } from "../../output/table.ts";
import { machineCommand } from "./machine-command.ts";
import { show } from "./show.ts";

const MIB = 1024 * 1024;

export function metricsCommand(): Command {
  return machineCommand({
    name: "metrics",
    operands: ["<machine>"],
    summary: "Processors, memory and disk, as its guest says",
    example: "metrics MACHINE",
    run: async ({ operands: [id = ""], isJson, api, machines }) => {
      const samples = await (await machines.attach(id, api)).getMetrics(api);
      show(isJson, samples, () =>
        renderTable(
          ["CPU", "MEMORY", "DISK"],
          samples.map(({ cpuPercent, memoryUsedBytes, memoryTotalBytes, diskUsedBytes, diskTotalBytes }) => [
            cpuPercent === null ? "-" : `${cpuPercent.toFixed(1)} %`,
            ofMib(memoryUsedBytes, memoryTotalBytes),
            ofMib(diskUsedBytes, diskTotalBytes),
          ]),
        ),
      );
    },
  });
}

function ofMib(used: number | null, total: number | null): string {
  return used === null || total === null
    ? "-"
    : `${Math.round(used / MIB)} of ${Math.round(total / MIB)} MiB`;
}

export function processCommand(): Command {
  const command = new Command("process").description("Work with a machine's processes in the background");
  for (const each of [listProcesses(), processLogs(), sendStdin(), killProcess()]) command.addCommand(each);
  return command;
}

function listProcesses(): Command {
  return machineCommand({
    name: "list",
    operands: ["<machine>"],
    summary: "Those that were begun with exec --background, oldest first",
    example: "process list MACHINE",
    run: async ({ operands: [id = ""], isJson, api, machines }) => {
      const found = await (await machines.attach(id, api)).commands.list(api);
      show(isJson, found, () =>
        renderTable(
          ["PID", "RUNNING", "COMMAND"],
          found.map(({ pid, running, command }) => [String(pid), running ? "yes" : "no", command]),
        ),
      );
    },
  });
}

function processLogs(): Command {
  return machineCommand({
    name: "logs",
    operands: ["<machine>", "<pid>"],
    summary: "What it has written",
    example: "process logs MACHINE 7",
    run: async ({ operands: [id = "", pid = ""], isJson, api, machines }) => {
      const logs = await (await machines.attach(id, api)).commands.getLogs(positiveInteger(pid), api);
      show(isJson, logs, () => logs.output.replace(/\n$/, ""));
    },
  });
}

function sendStdin(): Command {
  return machineCommand<{ readonly close?: boolean }>({
    name: "stdin",
    operands: ["<machine>", "<pid>", "<text>"],
    summary: "Write to its stdin; prints how many bytes went",
    example: "process stdin MACHINE 7 hello",
    configure: (command) => command.option("--close", "its stdin ends behind it"),
    run: async ({ operands: [id = "", pid = "", text = ""], options: { close }, isJson, api, machines }) => {
      const { commands } = await machines.attach(id, api);
      const ends = close === undefined ? {} : { close };
      const bytesSent = await commands.sendStdin(positiveInteger(pid), text, { ...ends, signal: api.signal });
      show(isJson, { bytesSent }, () => String(bytesSent));
    },
  });
}

function killProcess(): Command {
  return machineCommand({
    name: "kill",
    operands: ["<machine>", "<pid>"],
    summary: "Kill it, with all that it has started",
    example: "process kill MACHINE 7",
    run: async ({ operands: [id = "", pid = ""], isJson, api, machines }) => {
      const killed = await (await machines.attach(id, api)).commands.kill(positiveInteger(pid), api);
      show(isJson, { killed }, () => (killed ? pid : `${pid} had ended`));
    },
  });
}

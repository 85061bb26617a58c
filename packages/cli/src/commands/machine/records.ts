/** `machine create`, `list` and `get`. */
import { Option } from "commander";
import type { Command } from "commander";
import type { CreateMachineParams, MachineStatus } from "fastvm/machines";
import { keyValue, positiveInteger } from "../../command-line/option-values.ts";
import { printJson, printLine } from "../../output/print.ts";
import { machineCommand } from "./machine-command.ts";
import { machineTable } from "./show-machines.ts";

interface CreateFlags {
  readonly template?: string;
  readonly snapshotId?: string;
  readonly vcpus?: number;
  readonly memoryMb?: number;
  readonly diskMb?: number;
  readonly timeout?: number;
  readonly onTimeout?: "destroy" | "pause";
  readonly autoResume?: boolean;
  readonly env?: Record<string, string>;
  readonly metadata?: Record<string, string>;
  readonly cwd?: string;
  readonly idempotencyKey?: string;
}

export function createMachineCommand(): Command {
  return machineCommand<CreateFlags>({
    name: "create",
    summary: "Make a machine and print its id when it runs",
    example: "create --memory-mb 2048 --timeout 600 --on-timeout pause --metadata project=docs",
    configure: (command) =>
      command
        .option("--template <template>", "base, or an image that the host keeps (default: base)")
        .option("--snapshot-id <id>", "a reusable snapshot, which says what the machine is")
        .option("--vcpus <count>", "virtual processors", positiveInteger)
        .option("--memory-mb <MiB>", "memory", positiveInteger)
        .option("--disk-mb <MiB>", "root disk, at least", positiveInteger)
        .option("--timeout <seconds>", "how long it may run (default: 300)", positiveInteger)
        .addOption(
          new Option("--on-timeout <action>", "what then becomes of it").choices(["destroy", "pause"]),
        )
        .option("--auto-resume", "requests to its ports wake it; with --on-timeout pause")
        .option("--env <key=value>", "variable of every command; may be repeated", keyValue)
        .option("--metadata <key=value>", "for filters; may be repeated", keyValue)
        .option("--cwd <folder>", "where commands run (default: /workspace)")
        .option("--idempotency-key <key>", "the same key gives the same machine"),
    run: async ({ options, isJson, api, machines }) => {
      const { env: envs, idempotencyKey, ...rest } = options;
      const { template, snapshotId, vcpus, memoryMb, diskMb, timeout, onTimeout, autoResume, metadata, cwd } =
        rest;
      const size = { template, snapshotId, vcpus, memoryMb, diskMb };
      const params: CreateMachineParams = { ...size, timeout, onTimeout, autoResume, envs, metadata, cwd };
      const { info } = await machines.create(params, { ...api, idempotencyKey });
      if (isJson) printJson(info);
      else printLine(info.id);
    },
  });
}

interface ListFlags {
  readonly state?: string;
  readonly template?: string;
  readonly metadata?: Record<string, string>;
  readonly limit?: number;
  readonly nextToken?: string;
  readonly fields?: string;
}

export function listMachinesCommand(): Command {
  return machineCommand<ListFlags>({
    name: "list",
    summary: "List machines, newest first",
    example: "list --state running,paused --metadata project=docs",
    configure: (command) =>
      command
        .alias("ls")
        .option("--state <states>", "those in one of these states, separated by commas")
        .option("--template <template>", "those of this template")
        .option("--metadata <key=value>", "those with this pair; may be repeated", keyValue)
        .option("--limit <count>", "of a page, at most 100", positiveInteger)
        .option("--next-token <token>", "of the page before")
        .option("--fields <names>", "these alone, separated by commas, as JSON"),
    run: async ({ options, isJson, api, machines }) => {
      const { state, template, metadata, limit, nextToken, fields } = options;
      // The API says which states there are.
      const states = state?.split(",") as MachineStatus[] | undefined;
      const filter = { state: states, template, metadata, limit, nextToken };
      if (fields !== undefined) {
        printJson(await machines.list({ ...filter, fields: fields.split(",") }, api));
        return;
      }
      const page = await machines.list(filter, api);
      if (isJson) printJson(page);
      else printLine(machineTable(page.machines));
    },
  });
}

export function getMachineCommand(): Command {
  return machineCommand<{ readonly fields?: string }>({
    name: "get",
    operands: ["<machine>"],
    summary: "Show a machine; wakes nothing",
    example: "get MACHINE --fields id,status",
    configure: (command) => command.option("--fields <names>", "these alone, separated by commas, as JSON"),
    run: async ({ operands: [id = ""], options: { fields }, isJson, api, machines }) => {
      if (fields !== undefined) {
        printJson(await machines.getInfoById(id, { ...api, fields: fields.split(",") }));
        return;
      }
      const info = await machines.getInfoById(id, api);
      if (isJson) printJson(info);
      else printLine(machineTable([info]));
    },
  });
}

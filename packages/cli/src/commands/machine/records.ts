/** `machine create`, `list` and `get`. */
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import type { CreateMachineParams, MachineStatus, VolumeMount } from "fastvm/machines";
import { keyValue, positiveInteger } from "../../command-line/option-values.ts";
import { printJson, printLine } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
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
  readonly volume?: readonly VolumeMount[];
  readonly warmPool?: string;
  readonly warmPoolMode?: "prefer" | "require" | "bypass";
  readonly warmPoolWait?: number;
  readonly idempotencyKey?: string;
}

/** `ref=data,mount=/mnt/data,subpath=a,ro=true`. */
function volumeMount(text: string, previous: readonly VolumeMount[] = []): VolumeMount[] {
  const pairs = text.split(",").map((part) => part.split("=", 2));
  const given = new Map(pairs.map(([name = "", value]) => [name, value]));
  const [ref, mountPath] = [given.get("ref"), given.get("mount")];
  const isKnown = [...given.keys()].every((name) => ["ref", "mount", "subpath", "ro"].includes(name));
  if (ref === undefined || mountPath === undefined || !isKnown) {
    throw new InvalidArgumentError("It must be ref=VOLUME,mount=FOLDER[,subpath=FOLDER][,ro=true].");
  }
  const readOnly = given.get("ro") === "true" ? true : undefined;
  return [...previous, { ref, mountPath, subpath: given.get("subpath"), readOnly }];
}

export function createMachineCommand(): Command {
  return machineCommand<CreateFlags>({
    name: "create",
    summary: "Make a machine and print its id when it runs",
    example: "create --memory-mb 2048 --timeout 600 --on-timeout pause --volume ref=data,mount=/mnt/data",
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
        .option(
          "--volume <mount>",
          "ref=VOLUME,mount=FOLDER[,subpath=FOLDER][,ro=true]; may be repeated",
          volumeMount,
        )
        .option("--warm-pool <id>", "take one that is ready there")
        .addOption(
          new Option("--warm-pool-mode <mode>", "what if there is none").choices([
            "prefer",
            "require",
            "bypass",
          ]),
        )
        .option("--warm-pool-wait <ms>", "wait so long for one", positiveInteger)
        .option("--idempotency-key <key>", "the same key gives the same machine"),
    run: async ({ options, isJson, api, machines }) => {
      const { env: envs, idempotencyKey, volume: volumes, warmPool, warmPoolMode, ...rest } = options;
      const pool = { warmPool, warmPoolMode, warmPoolWaitMs: options.warmPoolWait };
      const { template, snapshotId, vcpus, memoryMb, diskMb, timeout, onTimeout, autoResume, metadata, cwd } =
        rest;
      const size = { template, snapshotId, vcpus, memoryMb, diskMb };
      const lease = { timeout, onTimeout, autoResume };
      const params: CreateMachineParams = { ...size, ...lease, ...pool, envs, metadata, cwd, volumes };
      const order = { ...api, idempotencyKey };
      const { info } = await withProgress("Making a machine", () => machines.create(params, order));
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

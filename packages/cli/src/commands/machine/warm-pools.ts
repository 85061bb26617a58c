/** `machine template warm-pool …`: machines of a template that run before they are asked for. */
import { Command, Option } from "commander";
import type { CheckoutMode, WarmPool, WarmPoolInfo } from "fastvm/machines";
import { keyValue, positiveInteger, wholeNumber } from "../../command-line/option-values.ts";
import { renderTable } from "../../output/table.ts";
import { machineCommand } from "./machine-command.ts";
import { show } from "./show.ts";

export function warmPoolCommand(): Command {
  const command = new Command("warm-pool").description("Keep machines of a template ready");
  const orders = [
    order("enable", "Fill it, and give out what is ready", (pool, options) => pool.enable(options)),
    order("disable", "Neither fill it nor give out what is ready, which stays", (pool, options) =>
      pool.disable(options),
    ),
    order("drain", "End what is ready", (pool, options) => pool.drain(options)),
    order("reconcile", "Look now at what it has", (pool, options) => pool.reconcile(options)),
  ];
  for (const each of [create(), list(), get(), update(), ...orders, wait(), remove()])
    command.addCommand(each);
  return command;
}

interface ChangeFlags {
  readonly name?: string;
  readonly minReady?: number;
  readonly maxReady?: number;
  readonly checkoutPolicy?: CheckoutMode;
  readonly versionPolicy?: "pinned_build" | "track_tag";
  readonly staleAfter?: number;
  readonly label?: Record<string, string>;
}

function withChanges(command: Command): Command {
  return command
    .option("--min-ready <count>", "how many are kept ready", wholeNumber)
    .option("--max-ready <count>", "more are ended (default: --min-ready)", wholeNumber)
    .addOption(
      new Option("--checkout-policy <mode>", "of creates that name no mode").choices([
        "prefer",
        "require",
        "bypass",
      ]),
    )
    .addOption(
      new Option("--version-policy <policy>", "whether a new build is followed").choices([
        "pinned_build",
        "track_tag",
      ]),
    )
    .option("--stale-after <seconds>", "ready machines that are older are replaced", positiveInteger)
    .option("--label <key=value>", "of the pool; may be repeated", keyValue);
}

function changesOf({ staleAfter: staleAfterSeconds, label: labels, ...rest }: ChangeFlags) {
  const { minReady, maxReady, checkoutPolicy, versionPolicy } = rest;
  return { minReady, maxReady, checkoutPolicy, versionPolicy, staleAfterSeconds, labels };
}

interface CreateFlags extends ChangeFlags {
  readonly vcpus?: number;
  readonly memoryMb?: number;
  readonly diskMb?: number;
}

function create(): Command {
  return machineCommand<CreateFlags>({
    name: "create",
    operands: ["<name>", "[template]"],
    summary: "Make a pool and print its id; it is filled from now on",
    example: "template warm-pool create web app:stable --min-ready 2 --memory-mb 2048",
    configure: (command) =>
      withChanges(command)
        .option("--vcpus <count>", "of its machines", positiveInteger)
        .option("--memory-mb <MiB>", "of its machines", positiveInteger)
        .option("--disk-mb <MiB>", "of its machines", positiveInteger),
    run: async ({ operands: [name = "", templateRef], options, isJson, api }) => {
      const { WarmPool: Pool } = await import("fastvm/machines");
      const { vcpus, memoryMb, diskMb, minReady = 1 } = options;
      const resources = { vcpus, memoryMb, diskMb };
      const made = await Pool.create({ ...changesOf(options), name, templateRef, minReady, resources }, api);
      show(isJson, made.info, () => made.id);
    },
  });
}

function list(): Command {
  return machineCommand({
    name: "list",
    summary: "Pools, oldest first",
    example: "template warm-pool list",
    run: async ({ isJson, api }) => {
      const { WarmPool: Pool } = await import("fastvm/machines");
      const found = await Pool.list(api);
      show(isJson, found, () => poolTable(found));
    },
  });
}

function get(): Command {
  return machineCommand({
    name: "get",
    operands: ["<pool>"],
    summary: "Show a pool with its counts",
    example: "template warm-pool get twp_1",
    run: async ({ operands: [id = ""], isJson, api }) => {
      const { WarmPool: Pool } = await import("fastvm/machines");
      const { info } = await Pool.get(id, api);
      show(isJson, info, () => poolTable([info]));
    },
  });
}

function update(): Command {
  return machineCommand<ChangeFlags>({
    name: "update",
    operands: ["<pool>"],
    summary: "Change a pool; what is not named stays",
    example: "template warm-pool update twp_1 --min-ready 1 --max-ready 3",
    configure: (command) => withChanges(command).option("--name <name>", "another name"),
    run: async ({ operands: [id = ""], options, isJson, api }) => {
      const { WarmPool: Pool } = await import("fastvm/machines");
      const pool = await Pool.get(id, api);
      const info = await pool.update({ ...changesOf(options), name: options.name }, api);
      show(isJson, info, () => poolTable([info]));
    },
  });
}

function order(
  name: string,
  summary: string,
  give: (pool: WarmPool, options: { readonly signal: AbortSignal }) => Promise<WarmPoolInfo>,
): Command {
  return machineCommand({
    name,
    operands: ["<pool>"],
    summary,
    example: `template warm-pool ${name} twp_1`,
    run: async ({ operands: [id = ""], isJson, api }) => {
      const { WarmPool: Pool } = await import("fastvm/machines");
      const info = await give(await Pool.get(id, api), api);
      show(isJson, info, () => poolTable([info]));
    },
  });
}

function wait(): Command {
  return machineCommand<{ readonly minReady?: number; readonly timeout?: number }>({
    name: "wait",
    operands: ["<pool>"],
    summary: "Wait until so many are ready, by default all that it keeps",
    example: "template warm-pool wait twp_1 --min-ready 1 --timeout 60",
    configure: (command) =>
      command
        .option("--min-ready <count>", "so many", positiveInteger)
        .option("--timeout <seconds>", "give up after this (default: 300)", positiveInteger),
    run: async ({ operands: [id = ""], options: { minReady, timeout = 300 }, isJson, api }) => {
      const { WarmPool: Pool } = await import("fastvm/machines");
      const pool = await Pool.get(id, api);
      const info = await pool.waitUntilReady(minReady, { waitMs: timeout * 1000, signal: api.signal });
      show(isJson, info, () => poolTable([info]));
    },
  });
}

function remove(): Command {
  return machineCommand({
    name: "delete",
    operands: ["<pool>"],
    summary: "Delete a pool with what is ready in it; machines that came out of it stay",
    example: "template warm-pool delete twp_1",
    run: async ({ operands: [id = ""], isJson, api }) => {
      const { WarmPool: Pool } = await import("fastvm/machines");
      await (await Pool.get(id, api)).delete(api);
      show(isJson, { id, deleted: true }, () => id);
    },
  });
}

function poolTable(pools: readonly WarmPoolInfo[]): string {
  return renderTable(
    ["ID", "NAME", "TEMPLATE", "STATE", "READY", "WARMING", "CLAIMED", "WHY NOT FULL"],
    pools.map(({ id, name, templateRef, state, minReady, counts, conditions }) => [
      id,
      name,
      templateRef,
      state,
      `${counts.ready} of ${minReady}`,
      String(counts.warming),
      String(counts.claimed),
      conditions.map(({ code }) => code).join(", "),
    ]),
  );
}

/** `machine lifecycle webhooks …`: who is told of what happens by a request, and what came of each. */
import { Command, Option } from "commander";
import type { DeliveryStatus, WebhookDelivery, WebhookInfo } from "fastvm/machines";
import { collect, positiveInteger } from "../../command-line/option-values.ts";
import { localTime } from "../../output/format.ts";
import { renderTable } from "../../output/table.ts";
import { machineCommand } from "./machine-command.ts";
import { show } from "./show.ts";

export function webhooksCommand(): Command {
  const command = new Command("webhooks").description("Tell programs of yours what happens");
  for (const each of [create(), list(), get(), update(), remove(), deliveries(), replay()])
    command.addCommand(each);
  return command;
}

const OPERATION = [
  "--operation <operation>",
  "tell of this alone; may be repeated (default: all)",
  collect,
] as const;
const SECRET = ["--signing-secret <secret>", "requests are signed with it; 16 characters or more"] as const;

function create(): Command {
  return machineCommand<{ readonly operation?: readonly string[]; readonly signingSecret: string }>({
    name: "create",
    operands: ["<url>"],
    summary: "Send what happens from now on there; prints the webhook's id",
    example: "lifecycle webhooks create https://example.com/hook --signing-secret 0123456789abcdef",
    configure: (command) => command.option(...OPERATION).requiredOption(...SECRET),
    run: async ({ operands: [url = ""], options: { operation: operations, signingSecret }, isJson, api }) => {
      const { Lifecycle } = await import("fastvm/machines");
      const made = await new Lifecycle(api).webhooks.create({ url, operations, signingSecret }, api);
      show(isJson, made, () => made.id);
    },
  });
}

function list(): Command {
  return machineCommand({
    name: "list",
    summary: "Webhooks, oldest first",
    example: "lifecycle webhooks list",
    run: async ({ isJson, api }) => {
      const { Lifecycle } = await import("fastvm/machines");
      const found = await new Lifecycle(api).webhooks.list(api);
      show(isJson, found, () => webhookTable(found));
    },
  });
}

function get(): Command {
  return machineCommand({
    name: "get",
    operands: ["<webhook>"],
    summary: "Show one",
    example: "lifecycle webhooks get wh_1",
    run: async ({ operands: [id = ""], isJson, api }) => {
      const { Lifecycle } = await import("fastvm/machines");
      const found = await new Lifecycle(api).webhooks.get(id, api);
      show(isJson, found, () => webhookTable([found]));
    },
  });
}

interface UpdateFlags {
  readonly url?: string;
  readonly operation?: readonly string[];
  readonly signingSecret?: string;
  readonly enable?: boolean;
  readonly disable?: boolean;
}

function update(): Command {
  return machineCommand<UpdateFlags>({
    name: "update",
    operands: ["<webhook>"],
    summary: "Change one; what is not named stays",
    example: "lifecycle webhooks update wh_1 --disable",
    configure: (command) =>
      command
        .option("--url <url>", "send it there")
        .option(...OPERATION)
        .option(...SECRET)
        .option("--enable", "tell again of what happens")
        .addOption(new Option("--disable", "tell nothing of what happens").conflicts("enable")),
    run: async ({ operands: [id = ""], options, isJson, api }) => {
      const { Lifecycle } = await import("fastvm/machines");
      const { url, operation: operations, signingSecret, enable, disable } = options;
      const enabled = disable === true ? false : enable;
      const changed = await new Lifecycle(api).webhooks.update(
        id,
        { url, operations, signingSecret, enabled },
        api,
      );
      show(isJson, changed, () => webhookTable([changed]));
    },
  });
}

function remove(): Command {
  return machineCommand({
    name: "delete",
    operands: ["<webhook>"],
    summary: "Delete one, with what waits to be told",
    example: "lifecycle webhooks delete wh_1",
    run: async ({ operands: [id = ""], isJson, api }) => {
      const { Lifecycle } = await import("fastvm/machines");
      await new Lifecycle(api).webhooks.delete(id, api);
      show(isJson, { id, deleted: true }, () => id);
    },
  });
}

function deliveries(): Command {
  return machineCommand<{ readonly status?: DeliveryStatus; readonly limit?: number }>({
    name: "deliveries",
    operands: ["<webhook>"],
    summary: "What it was told or is to be told, by event, newest first",
    example: "lifecycle webhooks deliveries wh_1 --status dead_letter",
    configure: (command) =>
      command
        .addOption(
          new Option("--status <status>", "of this alone").choices([
            "queued",
            "in_progress",
            "succeeded",
            "dead_letter",
          ]),
        )
        .option("--limit <count>", "at most 100 (default: 50)", positiveInteger),
    run: async ({ operands: [id = ""], options: { status, limit }, isJson, api }) => {
      const { Lifecycle } = await import("fastvm/machines");
      const page = await new Lifecycle(api).webhooks.listDeliveries(id, { status, limit }, api);
      show(isJson, page, () => deliveryTable(page.deliveries));
    },
  });
}

function replay(): Command {
  return machineCommand({
    name: "replay",
    operands: ["<webhook>", "[delivery]"],
    summary: "Send again all that was given up, or one delivery; prints how many",
    example: "lifecycle webhooks replay wh_1",
    run: async ({ operands: [id = "", delivery], isJson, api }) => {
      const { Lifecycle } = await import("fastvm/machines");
      const { webhooks } = new Lifecycle(api);
      const replayed = delivery === undefined ? await webhooks.replay(id, api) : 1;
      if (delivery !== undefined) await webhooks.replayDelivery(id, delivery, api);
      show(isJson, { replayed }, () => String(replayed));
    },
  });
}

function webhookTable(webhooks: readonly WebhookInfo[]): string {
  return renderTable(
    ["ID", "URL", "OPERATIONS", "ENABLED"],
    webhooks.map(({ id, url, operations, enabled }) => [
      id,
      url,
      operations.length === 0 ? "all" : operations.join(", "),
      enabled ? "yes" : "no",
    ]),
  );
}

function deliveryTable(found: readonly WebhookDelivery[]): string {
  return renderTable(
    ["DELIVERY", "OPERATION", "STATUS", "ATTEMPTS", "LAST ERROR", "QUEUED"],
    found.map(({ id, operation, status, attempts, createdAt }) => [
      id,
      operation,
      status,
      String(attempts.length),
      attempts.at(-1)?.error ?? "",
      localTime(createdAt),
    ]),
  );
}

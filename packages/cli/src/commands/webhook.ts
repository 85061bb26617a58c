/** Webhooks: URLs to which events are sent, and what came of each. */
import { text } from "node:stream/consumers";
import { Command, Option } from "commander";
import type { Webhook, WebhookDelivery } from "fastvm";
import { collect, positiveInteger } from "../command-line/option-values.ts";
import { localTime } from "../output/format.ts";
import { printJson, printLine, remark } from "../output/print.ts";
import { renderTable } from "../output/table.ts";
import { apiCommand } from "./api-command.ts";

interface OrderFlags {
  readonly type?: readonly string[];
  readonly url?: string;
  readonly secretStdin?: boolean;
  readonly enable?: boolean;
  readonly disable?: boolean;
}

const STATUSES: readonly WebhookDelivery["status"][] = ["queued", "in_progress", "succeeded", "dead_letter"];
const DEFAULT_LAST = 20;

export function webhookCommand(): Command {
  return new Command("webhook")
    .description("Have events sent to URLs of yours")
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(updateCommand())
    .addCommand(removeCommand())
    .addCommand(deliveriesCommand())
    .addCommand(replayCommand());
}

const withOrder = (command: Command): Command =>
  command
    .option("--type <type>", "of this type only, such as vm.deleted; any number of times", collect)
    .option("--secret-stdin", "read the secret to sign with from stdin");

async function orderOf({ type, secretStdin }: OrderFlags) {
  const secret = secretStdin === true ? (await text(process.stdin)).replace(/\r?\n$/, "") : undefined;
  return { ...(type !== undefined && { types: type }), ...(secret !== undefined && { secret }) };
}

function createCommand(): Command {
  return apiCommand<OrderFlags>({
    name: "create",
    operands: ["<url>"],
    summary: "Have events sent to a URL from now on; prints the secret that they are signed with",
    configure: withOrder,
    run: async ({ session: { client, isJson, signal }, operands: [url = ""], options }) => {
      const made = await client.webhooks.create({ url, ...(await orderOf(options)) }, { signal });
      if (isJson) printJson(made);
      else {
        printLine(made.secret === undefined ? made.id : `${made.id} ${made.secret}`);
        if (made.secret !== undefined) remark("The secret is not shown again.");
      }
    },
  });
}

function listCommand(): Command {
  return apiCommand({
    name: "ls",
    summary: "List webhooks, oldest first",
    configure: (command) => command.alias("list"),
    run: async ({ session: { client, isJson, signal } }) =>
      show(await client.webhooks.list({ signal }), isJson),
  });
}

function updateCommand(): Command {
  return apiCommand<OrderFlags>({
    name: "update",
    operands: ["<webhook>"],
    summary: "Change what a webhook is sent, or where",
    configure: (command) =>
      withOrder(command)
        .option("--url <url>", "where what waits goes, too")
        .option("--enable", "send what happens from now on")
        .addOption(new Option("--disable", "send nothing until it is enabled").conflicts("enable")),
    run: async ({ session: { client, isJson, signal }, operands: [id = ""], options }) => {
      const { url, enable, disable } = options;
      const changes = {
        ...(await orderOf(options)),
        ...(url !== undefined && { url }),
        ...((enable === true || disable === true) && { enabled: enable === true }),
      };
      const changed = await client.webhooks.update(id, changes, { signal });
      if (isJson) printJson(changed);
      else show([changed], false);
    },
  });
}

function removeCommand(): Command {
  return apiCommand({
    name: "rm",
    operands: ["<webhook...>"],
    summary: "Delete webhooks, with what waits to be sent",
    run: async ({ session: { client, isJson, signal }, operands }) => {
      for (const id of operands) await client.webhooks.delete(id, { signal });
      if (isJson) printJson(operands);
      else for (const id of operands) printLine(id);
    },
  });
}

function deliveriesCommand(): Command {
  return apiCommand<{ readonly status?: WebhookDelivery["status"]; readonly last: number }>({
    name: "deliveries",
    operands: ["<webhook>"],
    summary: "Show what a webhook was sent or is to be sent, newest first",
    configure: (command) =>
      command
        .addOption(new Option("--status <status>", "only these").choices(STATUSES))
        .option("-n, --last <count>", "so many, 100 at most", positiveInteger, DEFAULT_LAST),
    run: async ({ session: { client, isJson, signal }, operands: [id = ""], options: { status, last } }) => {
      const { deliveries } = await client.webhooks.deliveries(id, { status, limit: last }, { signal });
      if (isJson) printJson(deliveries);
      else {
        const columns = ["ID", "EVENT", "TYPE", "STATUS", "TRIES", "LAST ERROR", "NEXT"];
        printLine(renderTable(columns, deliveries.map(rowOf)));
      }
    },
  });
}

function rowOf({ id, event, status, attempts, nextAttemptAt }: WebhookDelivery): string[] {
  const next = nextAttemptAt === undefined ? "-" : localTime(nextAttemptAt);
  const error = attempts.at(-1)?.error ?? "-";
  return [id, String(event.id), event.type, status, String(attempts.length), error, next];
}

function replayCommand(): Command {
  return apiCommand({
    name: "replay",
    operands: ["<webhook>", "[delivery]"],
    summary: "Send again one event, or all that was given up",
    run: async ({ session: { client, isJson, signal }, operands: [id = "", delivery] }) => {
      const answer =
        delivery === undefined
          ? await client.webhooks.replay(id, { signal })
          : await client.webhooks.replayDelivery(id, delivery, { signal });
      if (isJson) printJson(answer);
      else printLine("replayed" in answer ? `${answer.replayed} are sent again` : answer.id);
    },
  });
}

function show(webhooks: readonly Webhook[], isJson: boolean): void {
  if (isJson) {
    printJson(webhooks);
    return;
  }
  const rows = webhooks.map(({ id, url, types, enabled, createdAt }) => [
    id,
    url,
    types.length === 0 ? "all" : types.join(","),
    enabled ? "yes" : "no",
    localTime(createdAt),
  ]);
  printLine(renderTable(["ID", "URL", "TYPES", "ENABLED", "CREATED"], rows));
}

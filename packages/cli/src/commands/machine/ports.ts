/** What leads to a machine's ports: `machine url`, `preview-url …`, `preview-proxy-target create`. What opens one is printed as it is. */
import { Command } from "commander";
import { collect, positiveInteger } from "../../command-line/option-values.ts";
import { localTime } from "../../output/format.ts";
import { renderTable } from "../../output/table.ts";
import { machineCommand } from "./machine-command.ts";
import { show } from "./show.ts";

const EXPIRY = ["--expires-in <seconds>", "how long it is good, up to a day (default: 3600)"] as const;

interface Expiry {
  readonly expiresIn?: number;
}

export function urlCommand(): Command {
  return machineCommand({
    name: "url",
    operands: ["<machine>", "<port>"],
    summary: "Print a signed URL of a port: it opens the port to whoever has it",
    example: "url MACHINE 8080",
    run: async ({ operands: [id = "", port = ""], isJson, api, machines }) => {
      const machine = await machines.attach(id, api);
      const info = await machine.getHost(positiveInteger(port), api);
      show(isJson, info, () => info.url ?? info.host);
    },
  });
}

export function previewUrlCommand(): Command {
  return new Command("preview-url")
    .description("Work with signed URLs of a machine's ports")
    .addCommand(createPreviewUrl())
    .addCommand(listPreviewUrls())
    .addCommand(revokePreviewUrl());
}

function createPreviewUrl(): Command {
  return machineCommand<Expiry>({
    name: "create",
    operands: ["<machine>", "<port>"],
    summary: "Sign a URL with an end of its own",
    example: "preview-url create MACHINE 8080 --expires-in 600",
    configure: (command) => command.option(...EXPIRY, positiveInteger),
    run: async ({ operands: [id = "", port = ""], options: { expiresIn }, isJson, api, machines }) => {
      const machine = await machines.attach(id, api);
      const order = { expiresInSeconds: expiresIn, signal: api.signal };
      const made = await machine.createSignedPreviewUrl(positiveInteger(port), order);
      show(isJson, made, () => made.url);
    },
  });
}

function listPreviewUrls(): Command {
  return machineCommand<{ readonly port?: number }>({
    name: "list",
    operands: ["<machine>"],
    summary: "Who may come in, and who did",
    example: "preview-url list MACHINE",
    configure: (command) => command.option("--port <port>", "of this port alone", positiveInteger),
    run: async ({ operands: [id = ""], options: { port }, isJson, api, machines }) => {
      const machine = await machines.attach(id, api);
      const only = port === undefined ? {} : { port };
      const items = await machine.listPreviewUrls({ ...only, signal: api.signal });
      show(isJson, items, () => {
        const rows = items.map((grant) => [
          grant.id,
          String(grant.port),
          grant.revokedAt === null ? localTime(grant.expiresAt) : "revoked",
          String(grant.useCount),
        ]);
        return renderTable(["GRANT", "PORT", "EXPIRES", "USES"], rows);
      });
    },
  });
}

function revokePreviewUrl(): Command {
  return machineCommand({
    name: "revoke",
    operands: ["<machine>", "<grant>"],
    summary: "Close what was opened by it to all that comes after",
    example: "preview-url revoke MACHINE grant_1",
    run: async ({ operands: [id = "", grant = ""], isJson, api, machines }) => {
      await (await machines.attach(id, api)).revokePreviewUrl(grant, api);
      show(isJson, { id: grant, revoked: true }, () => grant);
    },
  });
}

interface TargetFlags extends Expiry {
  readonly transport?: readonly ("http" | "websocket")[];
}

export function proxyTargetCommand(): Command {
  const create = machineCommand<TargetFlags>({
    name: "create",
    operands: ["<machine>", "<port>"],
    summary: "Make upstream URLs, and the tokens that a proxy sends with each request in a header",
    example: "preview-proxy-target create MACHINE 8080 --transport http",
    configure: (command) =>
      command
        .option(...EXPIRY, positiveInteger)
        .option("--transport <http|websocket>", "of this kind; may be repeated (default: both)", collect),
    run: async ({ operands: [id = "", port = ""], options, isJson, api, machines }) => {
      const machine = await machines.attach(id, api);
      const { expiresIn: expiresInSeconds, transport: transports } = options;
      const order = { expiresInSeconds, transports, signal: api.signal };
      const target = await machine.createPreviewProxyTarget(positiveInteger(port), order);
      show(isJson, target, () => {
        const { tokenHeaderName: header } = target;
        const kinds = [
          ["http", target.httpUrl, target.httpToken],
          ["websocket", target.websocketUrl, target.websocketToken],
        ] as const;
        const given = kinds.filter(([, url]) => url !== null);
        return given
          .map(([kind, url, token]) => `${kind}  ${url ?? ""}  ${header}: ${token ?? ""}`)
          .join("\n");
      });
    },
  });
  return new Command("preview-proxy-target").description("Work with targets of a proxy").addCommand(create);
}

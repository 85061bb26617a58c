/** Services: ports of a VM that have a URL. */
import { Command } from "commander";
import type { Service } from "fastvm";
import { printJson, printLine } from "../output/print.ts";
import { renderTable } from "../output/table.ts";
import type { Session } from "../session.ts";
import { UserError } from "../user-error.ts";
import { apiCommand } from "./api-command.ts";
import { vmIdFor } from "./resolve.ts";

export function serviceCommand(): Command {
  return new Command("service")
    .description("Work with the ports of a VM that have a URL")
    .addCommand(addCommand())
    .addCommand(listCommand())
    .addCommand(removeCommand());
}

function addCommand(): Command {
  return apiCommand<{ readonly h2c?: boolean }>({
    name: "add",
    operands: ["<vm>", "<name>", "<port>"],
    summary: "Give a port of a VM a URL, which needs no key; or change the port of one",
    configure: (command) => command.option("--h2c", "it speaks HTTP/2 in cleartext, as gRPC does"),
    run: async ({ session, operands: [vm = "", name = "", port = ""], options: { h2c = false } }) => {
      const { client, signal } = session;
      const service = { port: portOf(port), h2c };
      const vmId = await vmIdFor(session, vm);
      showServices(session, await client.vms.services.update(vmId, name, service, { signal }));
    },
  });
}

function listCommand(): Command {
  return apiCommand({
    name: "ls",
    operands: ["<vm>"],
    summary: "List a VM's services and their URLs",
    configure: (command) => command.alias("list"),
    run: async ({ session, operands: [vm = ""] }) => {
      const { client, signal } = session;
      showServices(session, await client.vms.services.list(await vmIdFor(session, vm), { signal }));
    },
  });
}

function removeCommand(): Command {
  return apiCommand({
    name: "rm",
    operands: ["<vm>", "<name>"],
    summary: "Take a service's URL away",
    run: async ({ session, operands: [vm = "", name = ""] }) => {
      const { client, signal } = session;
      await client.vms.services.delete(await vmIdFor(session, vm), name, { signal });
      if (!session.isJson) printLine(name);
    },
  });
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new UserError(`"${text}" is not a port`, "Give a number from 1024 to 65535");
}

export function showServices(session: Session, services: Service | readonly Service[]): void {
  if (session.isJson) return printJson(services);
  const rows = [services]
    .flat()
    .map(({ name, port, h2c, url, pathUrl }: Service) => [
      name,
      String(port),
      h2c ? "HTTP/2" : "HTTP/1.1",
      url ?? "-",
      pathUrl ?? "-",
    ]);
  printLine(renderTable(["NAME", "PORT", "SPEAKS", "URL", "BY PATH"], rows));
}

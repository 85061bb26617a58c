/** `machine snapshot …`: reusable snapshots, of which machines are made. */
import { Command } from "commander";
import { localTime } from "../../output/format.ts";
import { renderTable } from "../../output/table.ts";
import { withProgress } from "../../output/progress.ts";
import { machineCommand } from "./machine-command.ts";
import { show } from "./show.ts";

export function machineSnapshotCommand(): Command {
  const command = new Command("snapshot").description("Work with reusable snapshots of machines");
  for (const each of [create(), list(), get(), remove()]) command.addCommand(each);
  return command;
}

function create(): Command {
  return machineCommand<{ readonly idempotencyKey?: string }>({
    name: "create",
    operands: ["<machine>"],
    summary: "Capture a machine, which runs on; prints the snapshot's id",
    example: "snapshot create MACHINE",
    configure: (command) => command.option("--idempotency-key <key>", "the same key gives the same snapshot"),
    run: async ({ operands: [id = ""], options: { idempotencyKey }, isJson, api, machines }) => {
      const machine = await machines.attach(id, api);
      const order = { idempotencyKey, signal: api.signal };
      const made = await withProgress(`Capturing ${id}`, () => machine.createSnapshot(order));
      show(isJson, made, () => made.id);
    },
  });
}

function list(): Command {
  return machineCommand<{ readonly machineId?: string }>({
    name: "list",
    summary: "Those of all machines, or of one",
    example: "snapshot list --machine-id MACHINE",
    configure: (command) => command.option("--machine-id <machine>", "of this machine alone"),
    run: async ({ options: { machineId }, isJson, api, machines }) => {
      const only = machineId === undefined ? {} : { machineId };
      const found = await machines.listSnapshots({ ...api, ...only });
      show(isJson, found, () => {
        const rows = found.map(({ id, machineId: of, status, createdAt }) => [
          id,
          of,
          status,
          createdAt === null ? "-" : localTime(createdAt),
        ]);
        return renderTable(["ID", "MACHINE", "STATUS", "CREATED"], rows);
      });
    },
  });
}

function get(): Command {
  return machineCommand({
    name: "get",
    operands: ["<snapshot>"],
    summary: "Show one",
    example: "snapshot get snap_1",
    run: async ({ operands: [id = ""], isJson, api, machines }) => {
      const found = await machines.getSnapshot(id, api);
      show(isJson, found, () => `${found.id}  ${found.kind}  ${found.status}`);
    },
  });
}

function remove(): Command {
  return machineCommand({
    name: "delete",
    operands: ["<snapshot>"],
    summary: "Delete one; machines made of it stay",
    example: "snapshot delete snap_1",
    run: async ({ operands: [id = ""], isJson, api, machines }) => {
      await machines.deleteSnapshot(id, api);
      show(isJson, { id, deleted: true }, () => id);
    },
  });
}

/** `machine volume …`: volumes, and what machines have of them. */
import { Command } from "commander";
import { positiveInteger } from "../../command-line/option-values.ts";
import { renderTable } from "../../output/table.ts";
import { machineCommand } from "./machine-command.ts";
import { show } from "./show.ts";

export function machineVolumeCommand(): Command {
  const command = new Command("volume").description(
    "Work with volumes that several machines may have at once",
  );
  for (const each of [create(), list(), remove(), attach(), attachments(), detach()])
    command.addCommand(each);
  return command;
}

function create(): Command {
  return machineCommand<{ readonly maxSizeGib?: number }>({
    name: "create",
    operands: ["<name>"],
    summary: "Make a volume and print its id",
    example: "volume create data --max-size-gib 2",
    configure: (command) =>
      command.option("--max-size-gib <GiB>", "what it can hold (default: 1)", positiveInteger),
    run: async ({ operands: [name = ""], options: { maxSizeGib }, isJson, api }) => {
      const { Volume } = await import("fastvm/machines");
      const size = maxSizeGib === undefined ? {} : { maxSizeBytes: maxSizeGib * 1024 ** 3 };
      const { info } = await Volume.create(name, { ...api, ...size });
      show(isJson, info, () => info.id);
    },
  });
}

function list(): Command {
  return machineCommand({
    name: "list",
    summary: "Volumes, newest first",
    example: "volume list",
    run: async ({ isJson, api }) => {
      const { Volume } = await import("fastvm/machines");
      const found = await Volume.list(api);
      show(isJson, found, () =>
        renderTable(
          ["ID", "NAME", "STATUS", "MACHINES"],
          found.map(({ id, name, status, mountCount }) => [id, name, status, String(mountCount)]),
        ),
      );
    },
  });
}

function remove(): Command {
  return machineCommand({
    name: "delete",
    operands: ["<volume>"],
    summary: "Delete one that no machine has, with all that is in it",
    example: "volume delete data",
    run: async ({ operands: [ref = ""], isJson, api }) => {
      const { Volume } = await import("fastvm/machines");
      const volume = await Volume.get(ref, api);
      await volume.delete(api);
      show(isJson, { id: volume.id, deleted: true }, () => volume.id);
    },
  });
}

function attach(): Command {
  return machineCommand<{ readonly subpath?: string; readonly readOnly?: boolean }>({
    name: "attach",
    operands: ["<machine>", "<volume>", "<folder>"],
    summary: "Give a machine a volume",
    example: "volume attach MACHINE data /mnt/data",
    configure: (command) =>
      command
        .option("--subpath <folder>", "of the volume, instead of all of it")
        .option("--read-only", "for reading alone"),
    run: async ({ operands: [id = "", ref = "", mountPath = ""], options, isJson, api, machines }) => {
      const { subpath, readOnly } = options;
      const { volumes } = await machines.attach(id, api);
      const made = await volumes.attach({ ref, mountPath, subpath, readOnly }, api);
      show(isJson, made, () => `${made.id}  ${made.status}`);
    },
  });
}

function attachments(): Command {
  return machineCommand({
    name: "attachments",
    operands: ["<machine>"],
    summary: "What a machine has of volumes",
    example: "volume attachments MACHINE",
    run: async ({ operands: [id = ""], isJson, api, machines }) => {
      const found = await (await machines.attach(id, api)).volumes.list(api);
      show(isJson, found, () =>
        renderTable(
          ["ID", "FOLDER", "STATUS", "ERROR"],
          found.map((each) => [each.id, each.mountPath, each.status, each.lastErrorMessage ?? ""]),
        ),
      );
    },
  });
}

function detach(): Command {
  return machineCommand<{ readonly force?: boolean }>({
    name: "detach",
    operands: ["<machine>", "<attachment>"],
    summary: "Take a volume from a machine",
    example: "volume detach MACHINE vat_1",
    configure: (command) => command.option("--force", "also while files of it are open"),
    run: async ({
      operands: [id = "", attachment = ""],
      options: { force = false },
      isJson,
      api,
      machines,
    }) => {
      const { volumes } = await machines.attach(id, api);
      await volumes.detach(attachment, { force, signal: api.signal });
      show(isJson, { id: attachment, status: "released" }, () => attachment);
    },
  });
}

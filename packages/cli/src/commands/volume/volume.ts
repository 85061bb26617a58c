/** Volumes: storage with a life of its own, which VMs mount. */
import { Command } from "commander";
import { positiveInteger } from "../../command-line/option-values.ts";
import { confirm } from "../../output/confirm.ts";
import { printJson, printLine, remark } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { showVolume, volumeTable } from "../../output/show-volumes.ts";
import { renderTable } from "../../output/table.ts";
import { UserError } from "../../user-error.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor, volumeIdFor } from "../resolve.ts";
import { volumeCopyCommand, volumeFilesCommand } from "./files.ts";
import { parseMount } from "./mount.ts";

export function volumeCommand(): Command {
  return new Command("volume")
    .description("Work with volumes: storage that outlives VMs and that several of them share")
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(getCommand())
    .addCommand(resizeCommand())
    .addCommand(removeCommand())
    .addCommand(attachCommand())
    .addCommand(detachCommand())
    .addCommand(volumeCopyCommand())
    .addCommand(volumeFilesCommand());
}

interface CreateOptions {
  readonly size: number;
  readonly readOnly?: boolean;
  readonly disk?: boolean;
  readonly quiet?: boolean;
}

function createCommand(): Command {
  return apiCommand<CreateOptions>({
    name: "create",
    operands: ["<name>"],
    summary: "Make a volume; its bytes are reserved on the host",
    configure: (command) =>
      command
        .requiredOption("--size <GiB>", "size in GiB", positiveInteger)
        .option("--read-only", "no VM writes to it")
        .option("--disk", "a disk for one VM at a time, in place of files that several share")
        .option("-q, --quiet", "print the id alone"),
    run: async ({ session, operands: [name = ""], options: { size, readOnly, disk, quiet } }) => {
      const params = {
        name,
        sizeGiB: size,
        accessMode: readOnly === true ? "ro" : "rw",
        ...(disk === true ? { kind: "disk" as const } : {}),
      } as const;
      const { client, signal } = session;
      const made = await withProgress(`Making ${name}`, () => client.volumes.create(params, { signal }));
      showVolume(session, made, quiet);
    },
  });
}

function listCommand(): Command {
  return apiCommand<{ readonly quiet?: boolean }>({
    name: "ls",
    summary: "List volumes",
    configure: (command) => command.alias("list").option("-q, --quiet", "print full ids alone"),
    run: async ({ session, options: { quiet } }) => {
      const volumes = await session.client.volumes.list({ signal: session.signal });
      if (session.isJson) printJson(volumes);
      else if (quiet !== true) printLine(volumeTable(volumes));
      else for (const { id } of volumes) printLine(id);
    },
  });
}

function getCommand(): Command {
  return apiCommand({
    name: "get",
    operands: ["<volume>"],
    summary: "Show a volume and the VMs that have it",
    run: async ({ session, operands: [reference = ""] }) => {
      const { client, signal } = session;
      const id = await volumeIdFor(session, reference);
      const volume = await client.volumes.get(id, { signal });
      const attachments = await client.volumes.attachments(id, { signal });
      if (session.isJson) return printJson({ ...volume, attachments });
      printLine(volumeTable([volume]));
      if (attachments.length === 0) return;
      const rows = attachments.map(({ vmId, mountPath, mountStatus, readOnly, statusMessage }) => [
        vmId,
        mountPath,
        readOnly === true ? "ro" : "rw",
        statusMessage === undefined ? mountStatus : `${mountStatus}: ${statusMessage}`,
      ]);
      printLine(renderTable(["VM", "AT", "ACCESS", "STATUS"], rows));
    },
  });
}

function resizeCommand(): Command {
  return apiCommand({
    name: "resize",
    operands: ["<volume>", "<GiB>"],
    summary: "Let a volume grow, while VMs use it",
    run: async ({ session, operands: [reference = "", size = ""] }) => {
      const { client, signal } = session;
      if (!/^[1-9]\d{0,6}$/.test(size)) throw new UserError(`"${size}" is no size`, "Give GiB, such as 20");
      const id = await volumeIdFor(session, reference);
      const change = { sizeGiB: Number(size) };
      const resize = () => client.volumes.update(id, change, { signal });
      showVolume(session, await withProgress(`Resizing ${reference}`, resize));
    },
  });
}

function removeCommand(): Command {
  return apiCommand<{ readonly yes?: boolean }>({
    name: "rm",
    operands: ["<volume...>"],
    summary: "Delete volumes with all that is in them",
    configure: (command) => command.option("-y, --yes", "do not ask"),
    run: async ({ session, operands, options }) => {
      const { client, signal } = session;
      const ids = await Promise.all(operands.map((volume) => volumeIdFor(session, volume)));
      if (options.yes !== true) await confirm(`Delete ${operands.join(", ")} with all that is in it?`);
      const remove = () => Promise.all(ids.map((id) => client.volumes.delete(id, { signal })));
      const deleted = await withProgress(`Deleting ${operands.join(", ")}`, remove);
      if (session.isJson) printJson(deleted);
      else for (const id of ids) printLine(id);
    },
  });
}

function attachCommand(): Command {
  return apiCommand({
    name: "attach",
    operands: ["<vm>", "<volume:path>"],
    summary: "Mount a volume in a VM: attach dev data:/mnt/data, or data:/mnt/data:ro to read only",
    run: async ({ session, operands: [vm = "", text = ""] }) => {
      const { client, signal } = session;
      const mount = parseMount(text);
      const vmId = await vmIdFor(session, vm);
      const attached = await withProgress(`Mounting it in ${vm}`, () =>
        client.vms.volumes.attach(vmId, mount, { signal }),
      );
      if (session.isJson) printJson(attached);
      else printLine(attached.mountPath);
    },
  });
}

function detachCommand(): Command {
  return apiCommand<{ readonly force?: boolean }>({
    name: "detach",
    operands: ["<vm>", "<volume>"],
    summary: "Take a volume from a VM",
    configure: (command) => command.option("-f, --force", "also while the VM has files of it open"),
    run: async ({ session, operands: [vm = "", volume = ""], options: { force } }) => {
      const { client, signal } = session;
      const vmId = await vmIdFor(session, vm);
      const detach = () => client.vms.volumes.detach(vmId, volume, { force, signal });
      const detached = await withProgress(`Taking ${volume} from ${vm}`, detach);
      if (session.isJson) return printJson(detached);
      for (const { message } of detached.warnings ?? []) remark(message);
      printLine(volume);
    },
  });
}

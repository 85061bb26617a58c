/** Files of a machine: `machine upload`, and `machine file …`. */
import { openAsBlob } from "node:fs";
import { stat } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { Command, Option } from "commander";
import { collect, positiveInteger } from "../../command-line/option-values.ts";
import { renderTable } from "../../output/table.ts";
import { UserError } from "../../user-error.ts";
import { machineCommand } from "./machine-command.ts";
import { show } from "./show.ts";

interface UploadFlags {
  readonly mode?: string;
  readonly keep?: boolean;
  readonly onConflict?: "overwrite" | "skip" | "fail";
  readonly ignore?: readonly string[];
  readonly uploadId?: string;
}

export function uploadCommand(): Command {
  return machineCommand<UploadFlags>({
    name: "upload",
    operands: ["<machine>", "<file>", "<path>"],
    summary: "Send a file of any length in parts, or a folder; a file that failed goes on by its upload's id",
    example: "upload MACHINE /etc/hostname /workspace/name",
    configure: (command) =>
      command
        .option("--mode <octal>", "permissions")
        .option("--keep", "fail where the file is there")
        .addOption(
          new Option("--on-conflict <policy>", "of a folder's files that are there (default: overwrite)")
            .choices(["overwrite", "skip", "fail"])
            .conflicts("keep"),
        )
        .option(
          "--ignore <pattern>",
          "of a folder: leave this out, as .nullspaceignore does; may be repeated",
          collect,
        )
        .option("--upload-id <id>", "go on with this one"),
    run: async ({ operands: [id = "", local = "", path = ""], options, isJson, api, machines }) => {
      const { mode, keep, uploadId, ignore } = options;
      const { files } = await machines.attach(id, api);
      const policy = options.onConflict ?? (keep === true ? "fail" : "overwrite");
      if ((await stat(local).catch(() => undefined))?.isDirectory() === true) {
        const { signal } = api;
        const made = await files.uploadDir(local, path, { onConflict: policy, ignore, signal });
        show(isJson, made, () => made.uploaded.join("\n"));
        return;
      }
      if (policy === "skip")
        throw new UserError("Only a folder's files are skipped", "Give --on-conflict fail");
      const onConflict = policy === "fail" ? policy : undefined;
      const order = { mode, onConflict, uploadId, signal: api.signal };
      const sent = await files.uploadFile(path, await contentOf(local), order);
      show(isJson, sent, () => sent.path);
    },
  });
}

async function contentOf(local: string): Promise<Blob> {
  try {
    return await openAsBlob(local);
  } catch (error) {
    throw new UserError(`${local} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function fileCommand(): Command {
  const command = new Command("file").description("Work with files of a running machine");
  for (const each of [listFiles(), readFile(), writeFile(), ...changes()]) command.addCommand(each);
  return command;
}

function listFiles(): Command {
  return machineCommand<{ readonly depth?: number }>({
    name: "list",
    operands: ["<machine>", "<folder>"],
    summary: "What is in a folder",
    example: "file list MACHINE /workspace",
    configure: (command) =>
      command.option("--depth <count>", "with so many folders below it", positiveInteger),
    run: async ({ operands: [id = "", path = ""], options: { depth = 0 }, isJson, api, machines }) => {
      const { files } = await machines.attach(id, api);
      const found = await files.list(path, { depth, signal: api.signal });
      show(isJson, found, () =>
        renderTable(
          ["PATH", "TYPE", "SIZE", "MODE"],
          found.map((file) => [file.path, file.type, String(file.size), file.mode]),
        ),
      );
    },
  });
}

function readFile(): Command {
  return machineCommand({
    name: "read",
    operands: ["<machine>", "<path>"],
    summary: "Print a file as it is; with --json what is known of it",
    example: "file read MACHINE /etc/hostname",
    run: async ({ operands: [id = "", path = ""], isJson, api, machines }) => {
      const { files } = await machines.attach(id, api);
      if (isJson) {
        show(isJson, await files.info(path, api), () => path);
        return;
      }
      for await (const chunk of files.stream(path, api)) process.stdout.write(chunk);
    },
  });
}

function writeFile(): Command {
  return machineCommand<{ readonly content?: string; readonly mode?: string }>({
    name: "write",
    operands: ["<machine>", "<path>"],
    summary: "Write what comes at stdin, or --content",
    example: "file write MACHINE /workspace/a.txt --content hello",
    configure: (command) =>
      command.option("--content <text>", "instead of stdin").option("--mode <octal>", "permissions"),
    run: async ({ operands: [id = "", path = ""], options: { content, mode }, isJson, api, machines }) => {
      const { files } = await machines.attach(id, api);
      const written = await files.write(path, content ?? (await buffer(process.stdin)), {
        mode,
        signal: api.signal,
      });
      show(isJson, written, () => written.path);
    },
  });
}

function changes(): readonly Command[] {
  const mkdir = machineCommand({
    name: "mkdir",
    operands: ["<machine>", "<path>"],
    summary: "Make a folder, with those above it",
    example: "file mkdir MACHINE /workspace/src",
    run: async ({ operands: [id = "", path = ""], isJson, api, machines }) => {
      const made = await (await machines.attach(id, api)).files.makeDir(path, api);
      show(isJson, made, () => made.path);
    },
  });
  const move = machineCommand({
    name: "rename",
    operands: ["<machine>", "<path>", "<new-path>"],
    summary: "Give it another name",
    example: "file rename MACHINE /workspace/a.txt /workspace/b.txt",
    run: async ({ operands: [id = "", path = "", newPath = ""], isJson, api, machines }) => {
      const moved = await (await machines.attach(id, api)).files.rename(path, newPath, api);
      show(isJson, moved, () => moved.path);
    },
  });
  const remove = machineCommand<{ readonly recursive?: boolean }>({
    name: "remove",
    operands: ["<machine>", "<path>"],
    summary: "Remove a file, or a folder",
    example: "file remove MACHINE /workspace/a.txt",
    configure: (command) => command.option("--recursive", "with all that is in it"),
    run: async ({
      operands: [id = "", path = ""],
      options: { recursive = false },
      isJson,
      api,
      machines,
    }) => {
      const { files } = await machines.attach(id, api);
      await files.remove(path, { recursive, signal: api.signal });
      show(isJson, { path, removed: true }, () => path);
    },
  });
  return [mkdir, move, remove];
}

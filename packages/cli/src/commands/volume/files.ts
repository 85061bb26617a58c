/** Files of volumes, whether a VM has them or not. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Command } from "commander";
import type { FileInfo } from "fastvm";
import { bytes, localTime } from "../../output/format.ts";
import { printJson, printLine } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { renderTable } from "../../output/table.ts";
import type { Session } from "../../session.ts";
import { DEFAULT_MODE, writeWholeFile } from "../../settings/whole-file.ts";
import { UserError } from "../../user-error.ts";
import { apiCommand } from "../api-command.ts";
import { parseRemote, targetPath } from "../files/location.ts";
import { volumeIdFor } from "../resolve.ts";

export function volumeFilesCommand(): Command {
  return new Command("files")
    .description("Work with the files of a volume, without a VM")
    .addCommand(listCommand())
    .addCommand(catCommand())
    .addCommand(makeDirCommand())
    .addCommand(moveCommand())
    .addCommand(removeCommand())
    .addCommand(watchCommand());
}

function listCommand(): Command {
  return apiCommand({
    name: "ls",
    operands: ["<volume>", "[path]"],
    summary: "List a folder of a volume",
    configure: (command) => command.alias("list"),
    run: async ({ session, operands: [volume = "", path = "/"] }) => {
      const { client, signal } = session;
      const files = await client.volumes.files.list(await volumeIdFor(session, volume), path, { signal });
      if (session.isJson) printJson(files);
      else printLine(renderTable(["MODE", "SIZE", "MODIFIED", "NAME"], files.map(row)));
    },
  });
}

function row({ mode, type, sizeBytes, modifiedAt, name, linkTarget }: FileInfo): string[] {
  const shown =
    type === "directory" ? `${name}/` : linkTarget === undefined ? name : `${name} -> ${linkTarget}`;
  return [mode, bytes(sizeBytes), localTime(modifiedAt), shown];
}

function catCommand(): Command {
  return apiCommand({
    name: "cat",
    operands: ["<volume>", "<path>"],
    summary: "Print a file of a volume",
    run: async ({ session, operands: [volume = "", path = ""] }) => {
      const { client, signal } = session;
      const id = await volumeIdFor(session, volume);
      const content = await client.volumes.files.read(id, path, { format: "stream", signal });
      await pipeline(content, process.stdout, { end: false });
    },
  });
}

function makeDirCommand(): Command {
  return apiCommand({
    name: "mkdir",
    operands: ["<volume>", "<path>"],
    summary: "Make a folder in a volume, and those above it",
    run: async ({ session, operands: [volume = "", path = ""] }) => {
      const { client, signal } = session;
      const made = await client.volumes.files.makeDir(await volumeIdFor(session, volume), path, { signal });
      report(session, made);
    },
  });
}

function moveCommand(): Command {
  return apiCommand({
    name: "mv",
    operands: ["<volume>", "<path>", "<new path>"],
    summary: "Rename or move a file or a folder of a volume",
    run: async ({ session, operands: [volume = "", path = "", newPath = ""] }) => {
      const { client, signal } = session;
      const id = await volumeIdFor(session, volume);
      report(session, await client.volumes.files.rename(id, path, newPath, { signal }));
    },
  });
}

function removeCommand(): Command {
  return apiCommand<{ readonly recursive?: boolean }>({
    name: "rm",
    operands: ["<volume>", "<path>"],
    summary: "Remove a file of a volume",
    configure: (command) => command.option("-r, --recursive", "a folder with all that is in it"),
    run: async ({ session, operands: [volume = "", path = ""], options: { recursive } }) => {
      const { client, signal } = session;
      const id = await volumeIdFor(session, volume);
      await client.volumes.files.remove(id, path, { recursive, signal });
      if (!session.isJson) printLine(path);
    },
  });
}

function watchCommand(): Command {
  return apiCommand<{ readonly recursive?: boolean }>({
    name: "watch",
    operands: ["<volume>", "[path]"],
    summary: "Tell what happens in a folder of a volume, until Ctrl-C",
    configure: (command) => command.option("-r, --recursive", "with all folders below"),
    run: async ({ session, operands: [volume = "", path = "/"], options: { recursive } }) => {
      const { client, signal } = session;
      const id = await volumeIdFor(session, volume);
      for await (const event of await client.volumes.files.watch(id, path, { recursive, signal })) {
        if (session.isJson) printJson(event);
        else printLine(`${event.type} ${event.path}`.trim());
      }
    },
  });
}

function report(session: Session, file: FileInfo): void {
  if (session.isJson) printJson(file);
  else printLine(file.path);
}

/** `fastvm volume cp`: one file, between here and a volume, or within one. */
export function volumeCopyCommand(): Command {
  return apiCommand({
    name: "cp",
    operands: ["<source>", "<target>"],
    summary: "Copy a file to, from or within a volume: cp ./a data:/a, cp data:/a ./a",
    run: async ({ session, operands: [source = "", target = ""] }) => {
      const [from, to] = [parseRemote(source), parseRemote(target)];
      if (from === undefined && to !== undefined) await copyIn(session, source, to.vm, to.path);
      else if (from !== undefined && to === undefined) await copyOut(session, from.vm, from.path, target);
      else if (from !== undefined && to !== undefined && from.vm === to.vm) {
        const id = await volumeIdFor(session, from.vm);
        const path = targetPath(to.path, from.path);
        report(
          session,
          await session.client.volumes.files.copy(id, from.path, path, { signal: session.signal }),
        );
      } else throw new UserError("One of the two must be in a volume", "Write VOLUME:/path for it");
    },
  });
}

async function copyIn(session: Session, source: string, volume: string, target: string): Promise<void> {
  const { client, signal } = session;
  const id = await volumeIdFor(session, volume);
  const mode = ((await stat(source)).mode & 0o777).toString(8).padStart(4, "0");
  const content = Readable.toWeb(createReadStream(source)) as ReadableStream<Uint8Array>;
  report(
    session,
    await withProgress(`Copying ${source}`, () =>
      client.volumes.files.write(id, targetPath(target, source), content, { mode, signal }),
    ),
  );
}

async function copyOut(session: Session, volume: string, source: string, target: string): Promise<void> {
  const { client, signal } = session;
  const id = await volumeIdFor(session, volume);
  const isFolder = await stat(target).then(
    (info) => info.isDirectory(),
    () => target.endsWith("/"),
  );
  const path = isFolder ? join(target, basename(source)) : target;
  const content = await client.volumes.files.read(id, source, { format: "stream", signal });
  await withProgress(`Copying ${source}`, () => writeWholeFile(path, content, { mode: DEFAULT_MODE }));
  if (session.isJson) printJson({ source: `${volume}:${source}`, target: path });
  else printLine(path);
}

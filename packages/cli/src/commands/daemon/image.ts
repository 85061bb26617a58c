/**
 * Images of registries and archives that VMs are launched from: an organisation's own by the API; everybody's, all organisations' and
 * archives by the socket of this machine's daemon, for root.
 */
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import type { Image as HostImage } from "@fastvm/daemon";
import type { Image, ImageDetails } from "fastvm";
import { Command, Option } from "commander";
import { optionsOf } from "../../command-line/global-options.ts";
import { bytes, localTime } from "../../output/format.ts";
import { printJson, printLine } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { renderTable } from "../../output/table.ts";
import { openSession } from "../../session.ts";
import { writeWholeFile } from "../../settings/whole-file.ts";
import { UserError } from "../../user-error.ts";
import { daemonCommand, withDaemon } from "./daemon-flags.ts";
import { imagePruneCommand } from "./system.ts";
import { startCommand } from "./image-start.ts";

interface ImageFlags {
  readonly dataDir?: string;
  readonly org?: string;
  readonly everybody?: boolean;
  readonly json?: boolean;
}

interface PullFlags extends ImageFlags {
  readonly policy?: "if-missing" | "always" | "never";
  readonly username?: string;
  readonly passwordStdin?: boolean;
}

interface ImportFlags extends ImageFlags {
  readonly name: string;
  readonly format: "folder" | "raw" | "qcow2" | "vmdk";
}

/** Of `sha256:` and 64 digits, what tells two images apart in a table. */
const SHORT_DIGEST_CHARS = 19;

export function imageCommand(): Command {
  return new Command("image")
    .description(
      "Work with images of registries and archives (archives, warm and those of others: root only)",
    )
    .addCommand(pullCommand())
    .addCommand(loadCommand())
    .addCommand(importCommand())
    .addCommand(saveCommand())
    .addCommand(listCommand())
    .addCommand(inspectCommand())
    .addCommand(warmCommand())
    .addCommand(startCommand())
    .addCommand(removeCommand())
    .addCommand(imagePruneCommand());
}

function pullCommand(): Command {
  const command = daemonCommand("pull", "Bring an image of a registry here")
    .argument("<reference>", "such as python:3.13-slim or registry.example.com/team/app@sha256:…")
    .addOption(
      new Option("--policy <when>", "whether the registry is asked when the image is here")
        .choices(["if-missing", "always", "never"])
        .default("if-missing"),
    )
    .option("-u, --username <name>", "for this pull alone (default: that of fastvm registry login)")
    .option("--password-stdin", "read the password from stdin")
    .option("--everybody", "for all organisations (root only)");
  return command.action(async (reference: string) => {
    const { json, dataDir, policy, username, passwordStdin, everybody } = optionsOf<PullFlags>(command);
    if ((username === undefined) !== (passwordStdin !== true)) {
      throw new UserError("--username and --password-stdin go together");
    }
    const password = passwordStdin === true ? (await text(process.stdin)).replace(/\r?\n$/, "") : undefined;
    const wanted = { reference, policy, username, password };
    const pull = async (): Promise<void> => {
      const { client, signal } = await openSession(command);
      const pulling = client.images.pull(wanted, { signal });
      show(json, await withProgress(`Pulling ${reference}`, () => pulling));
    };
    if (everybody !== true) return await pull();
    return await withDaemon(async (daemon) => {
      const folder = daemon.readConfig({ dataDir }).dataDir;
      show(json, await withProgress(`Pulling ${reference}`, () => daemon.pullImage(folder, wanted)));
    });
  });
}

/** Of commands by the socket. */
function orgOption(command: Command, default_: string): Command {
  return command.option("--org <org>", `id, name or beginning of an id (default: ${default_})`);
}

function loadCommand(): Command {
  const command = orgOption(
    daemonCommand("load", "Bring the images of an archive here: of docker save, or an OCI layout"),
    "everybody's",
  )
    .option("-i, --input <file>", "the archive (default: stdin)")
    .option("--name <reference>", "for an archive with one image that has no name");
  return command.action(() =>
    withDaemon(async (daemon) => {
      const { json, dataDir, input, name, org } = optionsOf<ImageFlags & { input?: string; name?: string }>(
        command,
      );
      if (input === undefined && process.stdin.isTTY)
        throw new UserError("An archive comes by --input or stdin");
      const archive = input === undefined ? process.stdin : createReadStream(input);
      // What cannot be opened is said before anybody is asked.
      if (input !== undefined) await once(archive, "open");
      try {
        const folder = daemon.readConfig({ dataDir }).dataDir;
        const loaded = await withProgress("Loading", () => daemon.loadImages(folder, archive, name, org));
        if (json === true) printJson(loaded);
        else for (const { reference } of loaded) printLine(reference);
      } finally {
        archive.destroy();
      }
    }),
  );
}

function importCommand(): Command {
  const command = orgOption(
    daemonCommand("import", "Make an image of a folder, or of a virtual machine's disk"),
    "everybody's",
  )
    .argument("<path>", "in a folder that the daemon was started with --allow-import for")
    .requiredOption("--name <reference>", "what it is to be called")
    .addOption(
      new Option("--format <format>", "what the path is; a disk is never guessed at")
        .choices(["folder", "raw", "qcow2", "vmdk"])
        .default("folder"),
    );
  return command.action((path: string) =>
    withDaemon(async (daemon) => {
      const { json, dataDir, name, format, org } = optionsOf<ImportFlags>(command);
      const folder = daemon.readConfig({ dataDir }).dataDir;
      const wanted = { path: resolve(path), name, format, org };
      show(json, await withProgress(`Importing ${path}`, () => daemon.importImage(folder, wanted)));
    }),
  );
}

function saveCommand(): Command {
  const command = orgOption(
    daemonCommand("save", "Write an image as an archive that docker load, podman and skopeo read"),
    "whoever has it",
  )
    .argument("<image>", "reference or digest")
    .option("-o, --output <file>", "where to (default: stdout)");
  return command.action((image: string) =>
    withDaemon(async (daemon) => {
      const { dataDir, output, org } = optionsOf<ImageFlags & { output?: string }>(command);
      if (output === undefined && process.stdout.isTTY)
        throw new UserError("A terminal cannot show an archive: give --output");
      const archive = await daemon.saveImage(daemon.readConfig({ dataDir }).dataDir, image, org);
      if (output === undefined) {
        await pipeline(archive, process.stdout, { end: false });
        return;
      }
      await writeWholeFile(output, archive);
    }),
  );
}

function listCommand(): Command {
  const command = daemonCommand("ls", "List yours and everybody's by name")
    .alias("list")
    .option("-a, --all", "of all organisations (root only)");
  return command.action(async () => {
    const { json, dataDir, all } = optionsOf<ImageFlags & { all?: boolean }>(command);
    if (all !== true) {
      const { client, signal } = await openSession(command);
      const images = await client.images.list({ signal });
      if (json === true) printJson(images);
      else printImages(images, ({ shared }) => (shared ? "everybody" : "you"));
      return;
    }
    await withDaemon(async (daemon) => {
      const images = await daemon.listImages(daemon.readConfig({ dataDir }).dataDir);
      if (json === true) printJson(images);
      else printImages(images, ({ owner }) => owner);
    });
  });
}

function printImages<T extends Image | HostImage>(images: readonly T[], ownerOf: (image: T) => string): void {
  const rows = images.map((image) => [
    image.reference,
    image.digest.slice(0, SHORT_DIGEST_CHARS),
    bytes(image.sizeBytes),
    localTime(image.pulledAt),
    ownerOf(image),
  ]);
  printLine(renderTable(["IMAGE", "DIGEST", "SIZE", "PULLED", "OF"], rows));
}

function inspectCommand(): Command {
  const command = daemonCommand(
    "inspect",
    "Show what an image is made of, and what its maker says of running it",
  )
    .argument("<image>", "reference or digest, or the first characters of one")
    .option("--org <org>", "as that organisation sees it (root only; default: as you do)");
  return command.action(async (image: string) => {
    const { json, dataDir, org } = optionsOf<ImageFlags>(command);
    const print = (details: Omit<ImageDetails, "shared">): void => {
      if (json === true) printJson(details);
      else for (const line of describe(details)) printLine(line);
    };
    if (org === undefined) {
      const { client, signal } = await openSession(command);
      print(await client.images.retrieve(image, { signal }));
      return;
    }
    await withDaemon(async (daemon) =>
      print(await daemon.inspectImage(daemon.readConfig({ dataDir }).dataDir, image, org)),
    );
  });
}

function warmCommand(): Command {
  const command = orgOption(
    daemonCommand("warm", "Make launches of an image as quick as those of the base image"),
    "whoever has it",
  )
    .argument("<image>", "reference or digest")
    .option("-m, --machine <type>", "for this machine type (default: c1m2)");
  return command.action((image: string) =>
    withDaemon(async (daemon) => {
      const { dataDir, machine, org } = optionsOf<ImageFlags & { machine?: string }>(command);
      const folder = daemon.readConfig({ dataDir }).dataDir;
      await withProgress(`Preparing ${image}`, () => daemon.warmImage(folder, image, machine, org));
    }),
  );
}

function removeCommand(): Command {
  const command = daemonCommand("rm", "Remove images by name, or by digest with all of its names")
    .argument("<image...>", "references or digests")
    .option("--everybody", "everybody's (root only)")
    .option("--org <org>", "that organisation's (root only)");
  return command.action(async (images: string[]) => {
    const { json, dataDir, org, everybody } = optionsOf<ImageFlags>(command);
    const removed: string[] = [];
    if (everybody === true || org !== undefined) {
      await withDaemon(async (daemon) => {
        const folder = daemon.readConfig({ dataDir }).dataDir;
        for (const image of images) removed.push(...(await daemon.removeImage(folder, image, org)));
      });
    } else {
      const { client, signal } = await openSession(command);
      for (const image of images) removed.push((await client.images.delete(image, { signal })).id);
    }
    if (json === true) printJson(removed);
    else for (const reference of removed) printLine(reference);
  });
}

function show(json: boolean | undefined, image: Pick<Image, "reference" | "digest">): void {
  if (json === true) printJson(image);
  else printLine(`${image.reference} ${image.digest}`);
}

function describe({
  reference,
  digest,
  platform,
  sizeBytes,
  layers,
  settings,
}: Omit<ImageDetails, "shared">): readonly string[] {
  const { entrypoint, cmd, env, workdir, user, ports, stopSignal } = settings;
  const lines: readonly (readonly [string, string])[] = [
    ["Image", reference],
    ["Digest", digest],
    ["Platform", platform],
    ["Size", `${bytes(sizeBytes)} in ${layers.length} layers`],
    ["Entrypoint", JSON.stringify(entrypoint)],
    ["Command", JSON.stringify(cmd)],
    ["Environment", env.join(" ")],
    ["Folder", workdir],
    ["User", user],
    ["Ports", ports.join(" ")],
    ["Stop signal", stopSignal],
  ];
  return lines
    .filter(([, value]) => value !== "" && value !== "[]")
    .map(([name, value]) => `${`${name}:`.padEnd(13)}${value}`);
}

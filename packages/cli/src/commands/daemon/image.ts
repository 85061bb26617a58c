/** Images of registries and archives that this machine's daemon keeps. */
import { createWriteStream } from "node:fs";
import { open, rm } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import type { Image, ImageDetails } from "@fastvm/daemon";
import { Command, Option } from "commander";
import { optionsOf } from "../../command-line/global-options.ts";
import { bytes, localTime } from "../../output/format.ts";
import { printJson, printLine } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { renderTable } from "../../output/table.ts";
import { UserError } from "../../user-error.ts";
import { daemonCommand, withDaemon } from "./daemon-flags.ts";

interface ImageFlags {
  readonly dataDir?: string;
  readonly json?: boolean;
}

interface PullFlags extends ImageFlags {
  readonly policy?: "if-missing" | "always" | "never";
  readonly username?: string;
  readonly passwordStdin?: boolean;
}

/** Of `sha256:` and 64 digits, what tells two images apart in a table. */
const SHORT_DIGEST_CHARS = 19;

export function imageCommand(): Command {
  return new Command("image")
    .description("Work with images of registries and archives on this machine (root only)")
    .addCommand(pullCommand())
    .addCommand(loadCommand())
    .addCommand(saveCommand())
    .addCommand(listCommand())
    .addCommand(inspectCommand())
    .addCommand(warmCommand())
    .addCommand(removeCommand());
}

function pullCommand(): Command {
  const command = daemonCommand("pull", "Bring an image of a registry here")
    .argument("<reference>", "such as python:3.13-slim or registry.example.com/team/app@sha256:…")
    .addOption(
      new Option("--policy <when>", "whether the registry is asked when the image is here")
        .choices(["if-missing", "always", "never"])
        .default("if-missing"),
    )
    .option("-u, --username <name>", "for the registry; kept nowhere")
    .option("--password-stdin", "read the password from stdin");
  return command.action((reference: string) =>
    withDaemon(async (daemon) => {
      const { json, dataDir, policy, username, passwordStdin } = optionsOf<PullFlags>(command);
      if ((username === undefined) !== (passwordStdin !== true)) {
        throw new UserError("--username and --password-stdin go together");
      }
      const password = passwordStdin === true ? (await text(process.stdin)).replace(/\r?\n$/, "") : undefined;
      const folder = daemon.readConfig({ dataDir }).dataDir;
      const wanted = { reference, policy, username, password };
      show(json, await withProgress(`Pulling ${reference}`, () => daemon.pullImage(folder, wanted)));
    }),
  );
}

function loadCommand(): Command {
  const command = daemonCommand(
    "load",
    "Bring the images of an archive here: of docker save, or an OCI layout",
  )
    .option("-i, --input <file>", "the archive (default: stdin)")
    .option("--name <reference>", "for an archive with one image that has no name");
  return command.action(() =>
    withDaemon(async (daemon) => {
      const { json, dataDir, input, name } = optionsOf<ImageFlags & { input?: string; name?: string }>(
        command,
      );
      if (input === undefined && process.stdin.isTTY)
        throw new UserError("An archive comes by --input or stdin");
      // What cannot be opened is said before anybody is asked.
      const archive = input === undefined ? process.stdin : (await open(input)).createReadStream();
      const folder = daemon.readConfig({ dataDir }).dataDir;
      const loaded = await withProgress("Loading", () => daemon.loadImages(folder, archive, name));
      if (json === true) printJson(loaded);
      else for (const { reference } of loaded) printLine(reference);
    }),
  );
}

function saveCommand(): Command {
  const command = daemonCommand(
    "save",
    "Write an image as an archive that docker load, podman and skopeo read",
  )
    .argument("<image>", "reference or digest")
    .option("-o, --output <file>", "where to (default: stdout)");
  return command.action((image: string) =>
    withDaemon(async (daemon) => {
      const { dataDir, output } = optionsOf<ImageFlags & { output?: string }>(command);
      if (output === undefined && process.stdout.isTTY)
        throw new UserError("A terminal cannot show an archive: give --output");
      const archive = await daemon.saveImage(daemon.readConfig({ dataDir }).dataDir, image);
      if (output === undefined) {
        await pipeline(archive, process.stdout, { end: false });
        return;
      }
      try {
        await pipeline(archive, createWriteStream(output, { mode: 0o600 }));
      } catch (error) {
        // A part of one is no archive.
        await rm(output, { force: true });
        throw error;
      }
    }),
  );
}

function listCommand(): Command {
  const command = daemonCommand("ls", "List them by name").alias("list");
  return command.action(() =>
    withDaemon(async (daemon) => {
      const { json, dataDir } = optionsOf<ImageFlags>(command);
      const images = await daemon.listImages(daemon.readConfig({ dataDir }).dataDir);
      if (json === true) {
        printJson(images);
        return;
      }
      const rows = images.map(({ reference, digest, sizeBytes, pulledAt }) => [
        reference,
        digest.slice(0, SHORT_DIGEST_CHARS),
        bytes(sizeBytes),
        localTime(pulledAt),
      ]);
      printLine(renderTable(["IMAGE", "DIGEST", "SIZE", "PULLED"], rows));
    }),
  );
}

function inspectCommand(): Command {
  const command = daemonCommand(
    "inspect",
    "Show what an image is made of, and what its maker says of running it",
  ).argument("<image>", "reference or digest, or the first characters of one");
  return command.action((image: string) =>
    withDaemon(async (daemon) => {
      const { json, dataDir } = optionsOf<ImageFlags>(command);
      const details = await daemon.inspectImage(daemon.readConfig({ dataDir }).dataDir, image);
      if (json === true) printJson(details);
      else for (const line of describe(details)) printLine(line);
    }),
  );
}

function warmCommand(): Command {
  const command = daemonCommand("warm", "Make launches of an image as quick as those of the base image")
    .argument("<image>", "reference or digest")
    .option("-m, --machine <type>", "for this machine type (default: c1m2)");
  return command.action((image: string) =>
    withDaemon(async (daemon) => {
      const { dataDir, machine } = optionsOf<ImageFlags & { machine?: string }>(command);
      const folder = daemon.readConfig({ dataDir }).dataDir;
      await withProgress(`Preparing ${image}`, () => daemon.warmImage(folder, image, machine));
    }),
  );
}

function removeCommand(): Command {
  const command = daemonCommand("rm", "Remove images by name, or by digest with all of its names").argument(
    "<image...>",
    "references or digests",
  );
  return command.action((images: string[]) =>
    withDaemon(async (daemon) => {
      const { json, dataDir } = optionsOf<ImageFlags>(command);
      const folder = daemon.readConfig({ dataDir }).dataDir;
      const removed: string[] = [];
      for (const image of images) removed.push(...(await daemon.removeImage(folder, image)));
      if (json === true) printJson(removed);
      else for (const reference of removed) printLine(reference);
    }),
  );
}

function show(json: boolean | undefined, image: Image): void {
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
}: ImageDetails): readonly string[] {
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

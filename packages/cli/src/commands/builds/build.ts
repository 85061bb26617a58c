/** `fastvm build`: a snapshot and an image of a Dockerfile, with what it prints as it comes. The commands on builds are below it. */
import { readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import type { BuildParams, BuildRun } from "fastvm";
import { collect, keyValue, positiveInteger } from "../../command-line/option-values.ts";
import { printJson, printLine, remark } from "../../output/print.ts";
import { buildTable } from "../../output/show-builds.ts";
import { harmless } from "../../output/table.ts";
import { withTransferProgress } from "../../output/transfer-progress.ts";
import type { Session } from "../../session.ts";
import { UserError } from "../../user-error.ts";
import { apiCommand } from "../api-command.ts";
import { readPolicy } from "../firewall/policy-file.ts";
import { buildCancelCommand } from "./cancel.ts";
import { buildGetCommand } from "./get.ts";
import { buildLogsCommand } from "./logs.ts";
import { buildListCommand } from "./ls.ts";
import { buildRemoveCommand } from "./rm.ts";
import { readSecrets } from "./secrets.ts";

interface BuildOptions {
  readonly tag?: string;
  readonly file?: string;
  readonly image?: string;
  readonly buildArg?: Record<string, string>;
  readonly secret?: readonly string[];
  readonly target?: string;
  /** False by `--no-cache`. */
  readonly cache?: boolean;
  readonly name?: string;
  readonly machine?: string;
  readonly diskGib?: number;
  readonly firewall?: string;
  readonly quiet?: boolean;
}

export function buildCommand(): Command {
  return apiCommand<BuildOptions>({
    name: "build",
    operands: ["[folder]"],
    summary: "Build a snapshot and an image of a Dockerfile, or work with builds",
    configure: (command) =>
      command
        .option("-t, --tag <tag>", "keep the image under this name, for launch --image and FROM")
        .option("-f, --file <file>", "the Dockerfile; - is stdin (default: Dockerfile in the folder)")
        .option("--image <image>", "no Dockerfile: a snapshot of this image of a registry")
        .option("--build-arg <key=value>", "for ARG; may be repeated", keyValue)
        .option(
          "--secret <id=id,src=file>",
          "for RUN --mount=type=secret, or id=ID,env=NAME; may be repeated",
          collect,
        )
        .option("--target <stage>", "the stage to stop at (default: the last one)")
        .option("--no-cache", "use nothing of earlier builds")
        .option("-n, --name <name>", "of the snapshot (default: the tag)")
        .option("-m, --machine <type>", "of VMs launched from the snapshot (default: c1m2)")
        .option("--disk-gib <n>", "their disk (default: 10)", positiveInteger)
        .option(
          "--firewall <file>",
          "what the build may reach, and they: JSON as `firewall set --policy` has it",
        )
        .option("-q, --quiet", "print the snapshot's id alone"),
    run: async ({ session, operands: [folder], options }) => build(session, folder, options),
  })
    .addCommand(buildListCommand())
    .addCommand(buildGetCommand())
    .addCommand(buildLogsCommand())
    .addCommand(buildCancelCommand())
    .addCommand(buildRemoveCommand());
}

async function build(session: Session, folder: string | undefined, options: BuildOptions): Promise<void> {
  const params = await paramsOf(folder, options);
  const { client, isJson, signal } = session;
  const { building, id } = await begin(session, params);
  // What was begun would go on without whoever asked for it.
  const cancel = (): void => void client.builds.cancel(id).catch(() => undefined);
  signal.addEventListener("abort", cancel, { once: true });
  for await (const event of building) {
    if (options.quiet === true) continue;
    if (event.type === "log") remark(harmless(event.line));
    else if (event.type === "progress") remark(`==> ${event.progress}`);
  }
  const snapshot = await building;
  if (options.quiet === true && !isJson) return printLine(snapshot.id);
  const done = await client.builds.retrieve(id, { signal });
  if (isJson) printJson(done);
  else printLine(buildTable([done]));
}

/** Resolves when the context has gone over. In an object, as a promise that is returned would be waited for. */
async function begin(
  { client }: Session,
  params: BuildParams,
): Promise<{ readonly building: BuildRun; readonly id: string }> {
  let building: BuildRun | undefined;
  let id = "";
  await withTransferProgress("build context", async (onProgress) => {
    building = client.build(params, { onProgress });
    ({ id } = await building.begun);
  });
  if (building === undefined) throw new Error("nothing was begun");
  return { building, id };
}

async function paramsOf(folder: string | undefined, options: BuildOptions): Promise<BuildParams> {
  const { tag, buildArg: buildArgs, target, name, machine: machineType, diskGib: diskGiB, image } = options;
  const firewall = options.firewall === undefined ? undefined : await readPolicy(options.firewall);
  const common = { tag, name, machineType, diskGiB, firewall };
  if (image !== undefined) {
    if (folder !== undefined || options.file !== undefined) {
      throw new UserError("An image is built already", "Give --image, or a folder with a Dockerfile");
    }
    return { ...common, imageRef: image };
  }
  if (folder === undefined && options.file === undefined) {
    throw new UserError("Nothing says what to build", "Give the folder of the Dockerfile: fastvm build .");
  }
  return {
    ...common,
    buildArgs,
    target,
    secrets: await readSecrets(options.secret ?? []),
    noCache: options.cache === false ? true : undefined,
    ...(await sourceOf(folder, options.file)),
  };
}

/** A Dockerfile that lies in the folder is named, so that what stands beside it counts; any other goes as text. */
async function sourceOf(
  folder: string | undefined,
  file: string | undefined,
): Promise<Pick<BuildParams, "contextDir" | "dockerfile" | "dockerfilePath">> {
  if (file === undefined) return { contextDir: folder };
  if (file === "-") return { contextDir: folder, dockerfile: await text(process.stdin) };
  const inside = folder === undefined ? ".." : relative(folder, resolve(file));
  if (!inside.startsWith("..")) return { contextDir: folder, dockerfilePath: inside.replaceAll("\\", "/") };
  const dockerfile = await readFile(file, "utf8").catch((error: unknown) => {
    throw new UserError(`Cannot read ${file}: ${error instanceof Error ? error.message : ""}`);
  });
  return { contextDir: folder, dockerfile };
}

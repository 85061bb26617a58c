/** `fastvm launch`: a VM by machine type, awaited until it runs. */
import type { Command } from "commander";
import type { AttachVolumeParams, LaunchParams, Vm, VmTtl } from "fastvm";
import { keyValue, positiveInteger } from "../../command-line/option-values.ts";
import { PUBLISH_FLAGS, publishedList } from "../../command-line/publish-option.ts";
import type { Published } from "../../command-line/publish-option.ts";
import { isConsoleWelcome, openConsole } from "../../console/open-console.ts";
import { publish, untilInterrupted } from "../../forward/publish.ts";
import { withProgress } from "../../output/progress.ts";
import { showVm } from "../../output/show-vms.ts";
import type { Session } from "../../session.ts";
import { apiCommand } from "../api-command.ts";
import { readPolicy } from "../firewall/policy-file.ts";
import { snapshotIdFor } from "../resolve.ts";
import { mounts, tmpfsMounts } from "../volume/mount.ts";
import { addPolicyOptions, type PolicyOptions } from "./lifecycle-policy.ts";
import { readInterception, SECRETS_TEXT } from "./interception-file.ts";
import { timeToLive, TTL_TEXT } from "./time-to-live.ts";

const DEFAULT_MACHINE = "c1m2";
const HTTP_NOT_FOUND = 404;

export interface LaunchOptions extends PolicyOptions {
  readonly machine?: string;
  readonly snapshot?: string;
  readonly name?: string;
  readonly image?: string;
  readonly diskGib?: number;
  readonly env?: Record<string, string>;
  readonly metadata?: Record<string, string>;
  readonly autoResume?: boolean;
  readonly durability?: string;
  readonly restart?: string;
  readonly firewall?: string;
  readonly secrets?: string;
  readonly ttl?: VmTtl;
  readonly volume?: readonly AttachVolumeParams[];
  readonly tmpfs?: readonly AttachVolumeParams[];
  readonly publish?: readonly Published[];
  readonly quiet?: boolean;
  readonly console?: boolean;
}

/** `fastvm launch` is for people and goes on into the VM's console; `fastvm vm launch` does so only when it is told to. */
export function launchCommand(consoleBy: "default" | "request"): Command {
  const [flag, text] =
    consoleBy === "default"
      ? ["--no-console", "do not open the VM's console on this terminal"]
      : ["--console", "open the VM's console on this terminal"];
  return apiCommand<LaunchOptions>({
    name: "launch",
    summary: "Launch a VM and wait until it runs",
    configure: (command) =>
      addPolicyOptions(addLaunchOptions(command))
        .alias("create")
        .option("-s, --snapshot <snapshot>", "restore this snapshot in place of a fresh VM")
        .option("--metadata <key=value>", "label; may be repeated", keyValue)
        .option("--auto-resume", "let requests to the VM's services wake it when it is paused")
        .option(
          "--durability <kind>",
          "relaxed or strict: whether what the guest flushes outlives a power loss",
        )
        .option("--restart <policy>", "never, on-host-failure or always: when it starts by itself")
        .option("-q, --quiet", "print the id alone")
        .option(flag, text),
    run: async ({ session, options }) => {
      const vm = await launchVm(session, options);
      showVm(session, vm, options.quiet);
      await using forwards = await publish(session, vm.id, options);
      if (options.console !== true) return await untilInterrupted(session, forwards);
      if (consoleBy === "request") await openConsole(session, vm.id);
      else if (isConsoleWelcome(session, options.quiet === true))
        await openConsoleIfThereIsOne(session, vm.id);
      else await untilInterrupted(session, forwards);
    },
  });
}

/** The options that `launch` and `run` share. */
export function addLaunchOptions(command: Command): Command {
  return command
    .option("-m, --machine <type>", `c{vCPUs}m{GiB of memory} (default: ${DEFAULT_MACHINE})`)
    .option(
      "--image <image>",
      "an image that the host keeps, such as python:3.13-slim (default: the base image)",
    )
    .option("-n, --name <name>", "name (default: made from the id)")
    .option("--disk-gib <n>", "disk size (default: 10)", positiveInteger)
    .option(
      "-v, --volume <volume:path[:ro]>",
      "mount a volume, as data:/mnt/data, or a folder, file or disk image of the host, as /srv/share:/mnt/share; may be repeated",
      mounts,
    )
    .option("--tmpfs <path[:MiB]>", "files in the VM's memory, as /mnt/tmp:64; may be repeated", tmpfsMounts)
    .option(
      PUBLISH_FLAGS,
      "lead a port of this machine to one of the VM, as 8080:80, while this command runs; may be repeated",
      publishedList,
    )
    .option("-e, --env <key=value>", "environment of the VM's commands; may be repeated", keyValue)
    .option("--ttl <time[:action]>", TTL_TEXT, timeToLive)
    .option(
      "--firewall <file>",
      "its firewall from the first packet on: JSON as `firewall set --policy` has it",
    )
    .option("--secrets <file>", SECRETS_TEXT);
}

/** A server without consoles has launched the VM all the same, and nobody has asked for more. */
async function openConsoleIfThereIsOne(session: Session, vmId: string): Promise<void> {
  try {
    await openConsole(session, vmId);
  } catch (error) {
    if (!(error instanceof Error && "status" in error && error.status === HTTP_NOT_FOUND)) throw error;
  }
}

function mountsOf({ volume, tmpfs }: LaunchOptions): readonly AttachVolumeParams[] | undefined {
  return volume === undefined && tmpfs === undefined ? undefined : [...(volume ?? []), ...(tmpfs ?? [])];
}

export async function launchVm(session: Session, options: LaunchOptions): Promise<Vm> {
  const { name, diskGib: diskGiB, env: envVars, metadata, ttl, autoResume, durability } = options;
  const firewall = options.firewall === undefined ? undefined : await readPolicy(options.firewall);
  const restarts = { durability, restartPolicy: options.restart };
  const policies = { maxLife: options.maxLife, idle: options.idle };
  const volumes = mountsOf(options);
  const intercepted = await readInterception(options.secrets);
  const common = {
    name,
    diskGiB,
    envVars,
    metadata,
    ttl,
    autoResume,
    ...restarts,
    ...policies,
    firewall,
    volumes,
    ...intercepted,
  };
  const { signal } = session;
  const params: LaunchParams =
    options.snapshot === undefined
      ? { ...common, machineType: options.machine ?? DEFAULT_MACHINE, image: options.image }
      : {
          ...common,
          snapshotId: await snapshotIdFor(session, options.snapshot),
          machineType: options.machine,
          image: options.image,
        };
  return withProgress("Launching", () => session.client.vms.launch(params, { signal }));
}

/** `fastvm diff`: which files of a VM are not as in what it was made from. */
import type { Command } from "commander";
import type { LaunchParams, Vm } from "fastvm";
import { differencesOf, findCommand, parseListing } from "../../files/listing.ts";
import type { Difference, Listing } from "../../files/listing.ts";
import { printJson, printLine } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { harmless } from "../../output/table.ts";
import type { Session } from "../../session.ts";
import { UserError } from "../../user-error.ts";
import { apiCommand } from "../api-command.ts";
import { snapshotIdFor, vmIdFor } from "../resolve.ts";

/** A copy that nobody deletes, because this program was killed, goes by itself. */
const COPY_SECONDS = 3600;
const LETTERS = { added: "A", changed: "C", deleted: "D" } as const;

interface DiffOptions {
  readonly against?: string;
  readonly image?: string;
}

export function diffCommand(): Command {
  return apiCommand<DiffOptions>({
    name: "diff",
    operands: ["<vm>", "[path]"],
    summary:
      "List files of a VM that were added (A), changed (C) or deleted (D) since the snapshot, VM or image that it was made from",
    configure: (command) =>
      command
        .option("--against <snapshot>", "another snapshot to compare with, or VM")
        .option("--image <image>", "the image that it was launched from, where that was not the base image"),
    run: async ({ session, operands: [vm = "", path = "/"], options }) => {
      const { client, signal } = session;
      const after = await client.vms.get(await vmIdFor(session, vm), { signal });
      const found = await withProgress("Comparing", async () => {
        const [before, now] = await Promise.all([
          sourceListing(session, after, path, options),
          listingOf(session, after.id, path),
        ]);
        return differencesOf(before, now);
      });
      if (session.isJson) printJson(found);
      else for (const each of found) printLine(lineOf(each));
    },
  });
}

function lineOf({ kind, path }: Difference): string {
  return `${LETTERS[kind]} ${harmless(path.replaceAll("\n", "?"))}`;
}

/** Of the VM that it is a fork of; else of one that is made for it, and deleted again. */
async function sourceListing(
  session: Session,
  vm: Vm,
  path: string,
  { against, image }: DiffOptions,
): Promise<Listing> {
  const { client, signal } = session;
  const other =
    against === undefined ? vm.sourceVmId : await vmIdFor(session, against).catch(() => undefined);
  if (other !== undefined) return await listingOf(session, other, path);
  const snapshotId = against === undefined ? vm.sourceSnapshotId : await snapshotIdFor(session, against);
  const source: Pick<LaunchParams, "snapshotId" | "machineType" | "image"> =
    snapshotId === undefined ? { machineType: vm.machineName, image } : { snapshotId };
  signal.throwIfAborted();
  // Without the interrupt's signal: a launch that is given up may still make its VM, and nobody would know its id.
  const copy = await client.vms.launch({
    ...source,
    name: `diff of ${vm.name}`,
    diskGiB: vm.diskGiB,
    ttl: { action: "delete", seconds: COPY_SECONDS },
    // What a snapshot has in its memory goes on in the copy, and is to tell nobody.
    firewall: { ingress: { default: "deny" }, egress: { default: "deny" } },
    volumes: [],
  });
  try {
    return await listingOf(session, copy.id, path);
  } finally {
    await client.vms.delete(copy.id);
  }
}

async function listingOf({ client, signal }: Session, vmId: string, path: string): Promise<Listing> {
  const chunks: Uint8Array[] = [];
  let complaint = "";
  for await (const event of client.vms.stream(vmId, findCommand(path), { signal })) {
    if (event.type === "stdout") chunks.push(event.data);
    else if (event.type === "stderr") complaint += Buffer.from(event.data).toString();
    else if (event.type === "exit" && event.exitCode > 1)
      throw new UserError(
        `The files of ${vmId} cannot be listed: ${complaint || "it has no find of GNU's"}`,
        `Look for yourself with: fastvm exec ${vmId} find ${path}`,
      );
  }
  return parseListing(Buffer.concat(chunks));
}

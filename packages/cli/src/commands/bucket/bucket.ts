/** Buckets of object stores as folders of VMs. Credentials come from a file: what is typed others can read. */
import { readFile } from "node:fs/promises";
import { Command } from "commander";
import type { BucketCredentials } from "fastvm";
import { printJson, printLine } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { renderTable } from "../../output/table.ts";
import { UserError } from "../../user-error.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

export function bucketCommand(): Command {
  return new Command("bucket")
    .description("Mount buckets of object stores in VMs, which are no POSIX")
    .addCommand(listCommand())
    .addCommand(attachCommand())
    .addCommand(rotateCommand())
    .addCommand(detachCommand());
}

function listCommand(): Command {
  return apiCommand({
    name: "ls",
    operands: ["<vm>"],
    summary: "List the buckets that a VM has mounted",
    configure: (command) => command.alias("list"),
    run: async ({ session, operands: [vm = ""] }) => {
      const { client, signal } = session;
      const mounts = await client.vms.bucketMounts.list(await vmIdFor(session, vm), { signal });
      if (session.isJson) return printJson(mounts);
      const rows = mounts.map(({ id, bucketUri, mountPath, mountStatus, statusMessage }) => [
        ...[id, bucketUri, mountPath, mountStatus],
        statusMessage ?? "",
      ]);
      printLine(renderTable(["ID", "BUCKET", "FOLDER", "STATUS", ""], rows));
    },
  });
}

interface AttachOptions {
  readonly credentials: string;
  readonly readOnly?: boolean;
}

function attachCommand(): Command {
  return apiCommand<AttachOptions>({
    name: "attach",
    operands: ["<vm>", "<bucket>", "<folder>"],
    summary: "Mount s3://BUCKET or gs://BUCKET in a VM",
    configure: (command) =>
      command
        .requiredOption("--credentials <file>", "of AWS, or a service account's JSON")
        .option("--read-only", "for reading alone"),
    run: async ({ session, operands: [vm = "", bucketUri = "", mountPath = ""], options }) => {
      const { client, signal } = session;
      const credentials = await credentialsIn(options.credentials);
      const params = { bucketUri, mountPath, credentials, readOnly: options.readOnly };
      const vmId = await vmIdFor(session, vm);
      const attach = () => client.vms.bucketMounts.attach(vmId, params, { signal });
      const made = await withProgress(`Mounting ${bucketUri}`, attach);
      if (session.isJson) printJson(made);
      else printLine(made.id);
    },
  });
}

function rotateCommand(): Command {
  return apiCommand<Pick<AttachOptions, "credentials">>({
    name: "rotate",
    operands: ["<vm>", "<mount>"],
    summary: "Give a bucket mount other credentials",
    configure: (command) =>
      command.requiredOption("--credentials <file>", "of AWS, or a service account's JSON"),
    run: async ({ session, operands: [vm = "", mount = ""], options }) => {
      const { client, signal } = session;
      const credentials = await credentialsIn(options.credentials);
      const vmId = await vmIdFor(session, vm);
      const change = () => client.vms.bucketMounts.update(vmId, mount, { credentials }, { signal });
      const changed = await withProgress(`Changing ${mount}`, change);
      if (session.isJson) printJson(changed);
      else printLine(changed.mountStatus);
    },
  });
}

function detachCommand(): Command {
  return apiCommand({
    name: "detach",
    operands: ["<vm>", "<mount>"],
    summary: "Take a bucket from a VM",
    run: async ({ session, operands: [vm = "", mount = ""] }) => {
      const { client, signal } = session;
      const vmId = await vmIdFor(session, vm);
      await withProgress(`Taking ${mount} from ${vm}`, () =>
        client.vms.bucketMounts.delete(vmId, mount, { signal }),
      );
      if (!session.isJson) printLine(mount);
    },
  });
}

/** Which kind it is its content says: JSON is a service account. */
async function credentialsIn(file: string): Promise<BucketCredentials> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!text.trimStart().startsWith("{")) return { type: "aws-credentials", value: { data: text } };
  try {
    return { type: "gcp-service-account-json", value: JSON.parse(text) as Record<string, unknown> };
  } catch {
    // The parser's own words quote what is in it.
    throw new UserError(`${file} begins like JSON, and is none`);
  }
}

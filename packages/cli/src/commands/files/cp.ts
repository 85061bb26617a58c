/** `fastvm cp`: a file or a folder, between here and a VM, in either direction. */
import type { Command } from "commander";
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { printJson, printLine } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { withTransferProgress } from "../../output/transfer-progress.ts";
import type { Session } from "../../session.ts";
import { UserError } from "../../user-error.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";
import { parseRemote, targetPath } from "./location.ts";
import type { RemoteLocation } from "./location.ts";
import { copyFromStdin, copyToStdout } from "./streams.ts";

export function copyCommand(): Command {
  return apiCommand({
    name: "cp",
    operands: ["<source>", "<target>"],
    summary:
      "Copy a file or a folder between here and a VM. A - is standard input or output: a file's bytes, or a folder as a tar archive",
    configure: (command) => command.option("-a, --archive", "keep times and modes, which are kept anyway"),
    run: async ({ session, operands: [source = "", target = ""] }) => {
      const [from, to] = [parseRemote(source), parseRemote(target)];
      if (source === "-" && to !== undefined) await pipeIn(session, to);
      else if (from !== undefined && target === "-") await pipeOut(session, from);
      else if (from === undefined && to !== undefined) await copyIn(session, source, to);
      else if (from !== undefined && to === undefined) await copyOut(session, from, target);
      else throw new UserError("One of the two must be in a VM", "Write VM:/path for it");
    },
  });
}

async function pipeIn(session: Session, to: RemoteLocation): Promise<void> {
  const vmId = await vmIdFor(session, to.vm);
  const isFolder = to.path.endsWith("/") || (await isRemoteFolder(session, vmId, to.path));
  const sending = (): Promise<void> => copyFromStdin(session, vmId, to.path, isFolder);
  await withProgress(`Copying to ${to.vm}:${to.path}`, sending);
  report(session, "-", `${to.vm}:${to.path}`);
}

async function pipeOut(session: Session, from: RemoteLocation): Promise<void> {
  const vmId = await vmIdFor(session, from.vm);
  await copyToStdout(session, vmId, from.path, await isRemoteFolder(session, vmId, from.path));
}

async function copyIn(session: Session, source: string, to: RemoteLocation): Promise<void> {
  const vmId = await vmIdFor(session, to.vm);
  const path = await remoteTarget(session, vmId, source, to.path);
  const { client, signal } = session;
  await withTransferProgress(`${source} → ${to.vm}:${path}`, (onProgress) =>
    client.upload(vmId, source, path, { signal, onProgress }),
  );
  report(session, source, `${to.vm}:${path}`);
}

async function copyOut(session: Session, from: RemoteLocation, target: string): Promise<void> {
  const vmId = await vmIdFor(session, from.vm);
  const { client, signal } = session;
  const path = await localTarget(session, vmId, from.path, target);
  await withTransferProgress(`${from.vm}:${from.path} → ${path}`, (onProgress) =>
    client.download(vmId, from.path, path, { signal, onProgress }),
  );
  report(session, `${from.vm}:${from.path}`, path);
}

/** A file goes into a folder that exists, under its own name; a folder's contents join those of the target. */
async function localTarget(
  session: Session,
  vmId: string,
  remotePath: string,
  target: string,
): Promise<string> {
  if (target.endsWith("/")) return targetPath(target, remotePath);
  const isLocalFolder = await stat(target).then(
    (info) => info.isDirectory(),
    () => false,
  );
  if (!isLocalFolder) return target;
  return (await isRemoteFolder(session, vmId, remotePath)) ? target : join(target, basename(remotePath));
}

/** The same the other way. What cannot be read here is reported by the upload. */
async function remoteTarget(session: Session, vmId: string, source: string, target: string): Promise<string> {
  if (target.endsWith("/")) return targetPath(target, source);
  const isFile = await stat(source).then(
    (info) => info.isFile(),
    () => false,
  );
  return isFile && (await isRemoteFolder(session, vmId, target)) ? targetPath(`${target}/`, source) : target;
}

async function isRemoteFolder({ client, signal }: Session, vmId: string, path: string): Promise<boolean> {
  const { exitCode } = await client.vms.run(vmId, ["test", "-d", path], { signal });
  return exitCode === 0;
}

function report(session: Session, source: string, target: string): void {
  if (session.isJson) printJson({ source, target });
  else printLine(target);
}

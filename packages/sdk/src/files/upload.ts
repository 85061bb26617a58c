/** Copies a file or a folder of this machine into a VM, streaming from end to end. */
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname, posix } from "node:path";
import { vmIdOf } from "../vms/vm.ts";
import type { VmRef } from "../vms/vm.ts";
import { metadataOf, octal } from "./file-metadata.ts";
import type { FileMetadata } from "./file-metadata.ts";
import { FileTransferError } from "./file-transfer-error.ts";
import { packOptions, tarFlavor, UNPACK_ONE_FILE, unpackOptions } from "./tar-flavor.ts";
import type { TarFlavor } from "./tar-flavor.ts";
import { localTarFlavor, packFolder } from "./tar-process.ts";
import {
  putObject,
  runChecked,
  shellPath,
  shellQuote,
  shellWords,
  throwIfFailed,
  transferTimeoutSec,
} from "./transfer.ts";
import type { TransferCalls, TransferOptions } from "./transfer.ts";

/** On the VM's disk: its /tmp may lie in memory, and an archive may be large. */
const STAGING_FOLDER = "/var/tmp";

export async function upload(
  calls: TransferCalls,
  vm: VmRef,
  localPath: string,
  remotePath: string,
  options: TransferOptions,
): Promise<void> {
  const info = await stat(localPath, { bigint: true }).catch((cause: unknown) => {
    throw new FileTransferError(`There is no ${localPath} to upload`, { code: "ENOENT", cause });
  });
  if (info.isDirectory()) {
    await uploadFolder(calls, vm, localPath, remotePath, options);
    return;
  }
  // A pipe would be waited for without end, and a device read.
  if (!info.isFile()) throw new FileTransferError(`${localPath} is neither a file nor a folder`);
  const metadata = metadataOf(info);
  if (metadata.hasHoles && (await localTarFlavor()) !== "other") {
    await uploadWithHoles(calls, vm, localPath, metadata, remotePath, options);
  } else {
    await uploadFile(calls, vm, localPath, { metadata, size: Number(info.size) }, remotePath, options);
  }
}

/** It gets its mode and time under another name: under its own it is never open to more than may read it here. */
async function uploadFile(
  calls: TransferCalls,
  vm: VmRef,
  localPath: string,
  { metadata, size }: { readonly metadata: FileMetadata; readonly size: number },
  remotePath: string,
  options: TransferOptions,
): Promise<void> {
  const partial = `${posix.dirname(remotePath)}/.fastvm-upload-${randomBytes(8).toString("hex")}`;
  const staging = await calls.files.presign(vm, { path: remotePath }, { signal: options.signal });
  if (size > staging.maxUploadBytes) {
    throw new FileTransferError(`${localPath} has ${size} bytes, the VM's disk ${staging.maxUploadBytes}`);
  }
  // Files of /proc say that they are empty: what reading gives is sent, however much that is.
  const announced = size === 0 ? undefined : size;
  await putObject(calls, staging.uploadUrl, createReadStream(localPath), announced, options);
  await fetchIntoVm(calls, vm, staging.downloadUrl, partial, options);
  const { mode, modified } = metadata;
  const [source, target] = [shellPath(partial), shellPath(remotePath)];
  // Without GNU's touch there are whole seconds, or the time of now.
  const time = `{ touch -d @${modified} ${source} || touch -d @${modified.split(".")[0]} ${source} || :; } 2>/dev/null`;
  const place = `chmod ${octal(mode)} ${source} && mv -fT ${source} ${target}`;
  await runChecked(calls, vm, `${time}; ${place}; status=$?; rm -f ${source}; exit $status`, options);
}

/** As an archive, in which holes take no room. */
async function uploadWithHoles(
  calls: TransferCalls,
  vm: VmRef,
  localPath: string,
  { mode }: FileMetadata,
  remotePath: string,
  options: TransferOptions,
): Promise<void> {
  const [folder, name] = [dirname(localPath), basename(localPath)];
  const { archive, flavor } = await sendArchive(calls, vm, folder, name, options);
  const unpack = flavor === "other" ? ["-p"] : UNPACK_ONE_FILE;
  const [source, target] = [shellQuote(archive), shellPath(remotePath)];
  const [parent, unpacked] = [shellPath(posix.dirname(remotePath)), `"$made"/${shellQuote(name)}`];
  const script = [
    `mkdir -p ${parent} && made=$(mktemp -d ${parent}/.fastvm-upload-XXXXXXXX)`,
    `tar -xz ${shellWords(unpack)} -f ${source} -C "$made"`,
    `chmod ${octal(mode)} ${unpacked}`,
    `mv -fT ${unpacked} ${target}`,
  ].join(" && ");
  await runChecked(calls, vm, `${script}; status=$?; rm -rf "$made" ${source}; exit $status`, options);
}

async function uploadFolder(
  calls: TransferCalls,
  vm: VmRef,
  localPath: string,
  remotePath: string,
  options: TransferOptions,
): Promise<void> {
  const { archive, flavor } = await sendArchive(calls, vm, localPath, undefined, options);
  const [target, source] = [shellPath(remotePath), shellQuote(archive)];
  const unpack = (joinsFolder: boolean): string =>
    `tar -xz ${shellWords(unpackOptions({ flavor, isRoot: true, joinsFolder }))} -f ${source} -C ${target}`;
  const script = `if [ -d ${target} ]; then ${unpack(true)}; else mkdir -p ${target} && ${unpack(false)}; fi`;
  // The archive goes also when it could not be unpacked, for instance for want of room.
  await runChecked(
    calls,
    vm,
    `export LC_ALL=C; ${script}; status=$?; rm -f ${source}; exit $status`,
    options,
  );
}

interface SentArchive {
  /** Its path in the VM. */
  readonly archive: string;
  /** Of the VM's tar. */
  readonly flavor: TarFlavor;
}

async function sendArchive(
  calls: TransferCalls,
  vm: VmRef,
  folder: string,
  file: string | undefined,
  options: TransferOptions,
): Promise<SentArchive> {
  const archive = `${STAGING_FOLDER}/fastvm-upload-${process.pid}-${randomBytes(8).toString("hex")}.tar.gz`;
  const [staging, flavor, localFlavor] = await Promise.all([
    calls.files.presign(vm, { path: archive }, { signal: options.signal }),
    remoteTarFlavor(calls, vm, options),
    localTarFlavor(),
  ]);
  const bytes = packFolder(folder, packOptions(localFlavor, flavor), file);
  await putObject(calls, staging.uploadUrl, bytes, undefined, options);
  await fetchIntoVm(calls, vm, staging.downloadUrl, archive, options);
  return { archive, flavor };
}

async function remoteTarFlavor(
  calls: TransferCalls,
  vm: VmRef,
  options: TransferOptions,
): Promise<TarFlavor> {
  const timeoutSec = transferTimeoutSec(options.execTimeoutSec);
  const { stdout } = await calls.run(vm, ["tar", "--version"], { timeoutSec, signal: options.signal });
  return tarFlavor(stdout);
}

async function fetchIntoVm(
  calls: TransferCalls,
  vm: VmRef,
  url: string,
  path: string,
  options: TransferOptions,
): Promise<void> {
  const timeoutSec = transferTimeoutSec(options.fetchTimeoutSec);
  const result = await calls.files.fetch(vm, { url, path, timeoutSec }, { signal: options.signal });
  throwIfFailed(result, `Writing ${path} in VM ${vmIdOf(vm)}`);
}

/** Copies a file or a folder of this machine into a VM, streaming from end to end. */
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { vmIdOf } from "../vms/vm.ts";
import type { VmRef } from "../vms/vm.ts";
import { FileTransferError } from "./file-transfer-error.ts";
import { packFolder } from "./tar-process.ts";
import { putObject, runChecked, shellQuote, throwIfFailed, transferTimeoutSec } from "./transfer.ts";
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
  const info = await stat(localPath).catch((cause: unknown) => {
    throw new FileTransferError(`There is no ${localPath} to upload`, { code: "ENOENT", cause });
  });
  if (info.isDirectory()) await uploadFolder(calls, vm, localPath, remotePath, options);
  else await uploadFile(calls, vm, localPath, info.size, remotePath, options);
}

async function uploadFile(
  calls: TransferCalls,
  vm: VmRef,
  localPath: string,
  size: number,
  remotePath: string,
  options: TransferOptions,
): Promise<void> {
  const staging = await calls.files.presign(vm, { path: remotePath }, { signal: options.signal });
  if (size > staging.maxUploadBytes) {
    throw new FileTransferError(`${localPath} has ${size} bytes, the VM's disk ${staging.maxUploadBytes}`);
  }
  await putObject(calls, staging.uploadUrl, createReadStream(localPath), size, options);
  await fetchIntoVm(calls, vm, staging.downloadUrl, remotePath, options);
}

async function uploadFolder(
  calls: TransferCalls,
  vm: VmRef,
  localPath: string,
  remotePath: string,
  options: TransferOptions,
): Promise<void> {
  const archive = `${STAGING_FOLDER}/fastvm-upload-${process.pid}-${randomBytes(8).toString("hex")}.tar.gz`;
  const staging = await calls.files.presign(vm, { path: archive }, { signal: options.signal });
  await putObject(calls, staging.uploadUrl, packFolder(localPath), undefined, options);
  await fetchIntoVm(calls, vm, staging.downloadUrl, archive, options);
  const [target, source] = [shellQuote(remotePath), shellQuote(archive)];
  // The archive goes also when it could not be unpacked, for instance for want of room.
  const script = `mkdir -p ${target} && tar -xzf ${source} -C ${target}; status=$?; rm -f ${source}; exit $status`;
  await runChecked(calls, vm, script, options);
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

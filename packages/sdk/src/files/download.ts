/** Copies a file or a folder of a VM to this machine, streaming from end to end. */
import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import type { VmRef } from "../vms/vm.ts";
import { FileTransferError } from "./file-transfer-error.ts";
import { unpackInto } from "./tar-process.ts";
import { getObject, runChecked, shellQuote, throwIfFailed, transferTimeoutSec } from "./transfer.ts";
import type { TransferCalls, TransferOptions } from "./transfer.ts";

/** No percent sign, no braces: curl must take the URL as it is. */
const CURL_PUT =
  "curl --fail --silent --show-error --globoff -X PUT -H 'Content-Type: application/octet-stream'";
/** What the shell says for a path that is not there. */
const MISSING_EXIT_CODE = 2;

export async function download(
  calls: TransferCalls,
  vm: VmRef,
  remotePath: string,
  localPath: string,
  options: TransferOptions,
): Promise<void> {
  const isFolder = await isRemoteFolder(calls, vm, remotePath, options);
  const staging = await calls.files.presign(vm, { path: remotePath }, { signal: options.signal });
  const [source, url] = [shellQuote(remotePath), shellQuote(staging.uploadUrl)];
  await runChecked(
    calls,
    vm,
    isFolder ? packAndPut(source, url) : `${CURL_PUT} -T ${source} ${url}`,
    options,
  );
  const object = getObject(calls, staging.downloadUrl, options);
  if (isFolder) {
    await mkdir(localPath, { recursive: true });
    await unpackInto(localPath, object);
  } else {
    await writeWhole(localPath, object);
  }
}

async function isRemoteFolder(
  calls: TransferCalls,
  vm: VmRef,
  remotePath: string,
  options: TransferOptions,
): Promise<boolean> {
  const path = shellQuote(remotePath);
  const script = `test -e ${path} || exit ${MISSING_EXIT_CODE}; test -d ${path} && echo folder || echo file`;
  const timeoutSec = transferTimeoutSec(options.execTimeoutSec);
  const result = await calls.run(vm, ["sh", "-c", script], { timeoutSec, signal: options.signal });
  if (result.exitCode === MISSING_EXIT_CODE) {
    throw new FileTransferError(`There is no ${remotePath} in the VM`, { code: "ENOENT" });
  }
  throwIfFailed(result, `Looking at ${remotePath}`);
  return result.stdout.trim() === "folder";
}

/**
 * A plain `sh` has no pipefail: tar's own status travels through a file, so that a folder that was read in part is not taken
 * for a whole one. Status 1 means that a file changed while it was read, which on a running system is nothing unusual.
 */
function packAndPut(source: string, url: string): string {
  return [
    "status=$(mktemp) || exit 1",
    `{ tar -cz -C ${source} .; echo $? > "$status"; } | ${CURL_PUT} -T - ${url}`,
    'sent=$?; packed=$(cat "$status"); rm -f "$status"',
    '[ "$sent" -eq 0 ] && [ "$packed" -le 1 ]',
  ].join("; ");
}

/** Under the final name there is the whole file or none. */
async function writeWhole(localPath: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  await mkdir(dirname(localPath), { recursive: true });
  const partial = `${localPath}.${randomBytes(4).toString("hex")}.part`;
  try {
    await pipeline(chunks, createWriteStream(partial));
    await rename(partial, localPath);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

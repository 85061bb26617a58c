/** Copies a file or a folder of a VM to this machine, streaming from end to end. */
import { mkdir } from "node:fs/promises";
import { posix } from "node:path";
import type { VmRef } from "../vms/vm.ts";
import { parseMetadata, STAT_FORMAT } from "./file-metadata.ts";
import type { FileMetadata } from "./file-metadata.ts";
import { FileTransferError } from "./file-transfer-error.ts";
import { packOptions, tarFlavor, unpackOptions } from "./tar-flavor.ts";
import type { TarFlavor } from "./tar-flavor.ts";
import { localTarFlavor, unpackInto } from "./tar-process.ts";
import {
  getObject,
  runChecked,
  shellPath,
  shellQuote,
  shellWords,
  throwIfFailed,
  transferTimeoutSec,
} from "./transfer.ts";
import type { TransferCalls, TransferOptions } from "./transfer.ts";
import { unpackWhole, writeWhole } from "./write-whole.ts";

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
  const [found, localFlavor] = await Promise.all([lookAt(calls, vm, remotePath, options), localTarFlavor()]);
  const staging = await calls.files.presign(vm, { path: remotePath }, { signal: options.signal });
  const url = shellQuote(staging.uploadUrl);
  const isArchive =
    found.kind === "folder" ||
    (found.metadata?.hasHoles === true && found.flavor === "gnu" && localFlavor !== "other");
  const pack = shellWords(packOptions(found.flavor, localFlavor));
  const put = isArchive
    ? packAndPut(`${pack} ${membersOf(found, remotePath)}`, url)
    : putFile(shellPath(remotePath), url);
  await runChecked(calls, vm, put, options);
  const object = getObject(calls, staging.downloadUrl, options);
  if (found.kind === "folder") await unpackFolder(localPath, object, localFlavor);
  else if (isArchive) await unpackWhole(localPath, object, posix.basename(remotePath), found.metadata);
  else await writeWhole(localPath, object, found.metadata);
}

async function unpackFolder(
  localPath: string,
  archive: AsyncIterable<Uint8Array>,
  flavor: TarFlavor,
): Promise<void> {
  const made = await mkdir(localPath, { recursive: true });
  const rules = { flavor, isRoot: process.getuid?.() === 0, joinsFolder: made === undefined };
  await unpackInto(localPath, archive, unpackOptions(rules));
}

interface Found {
  readonly kind: "folder" | "file";
  /** Of the VM's tar. */
  readonly flavor: TarFlavor;
  /** Absent where there is no GNU `stat`. */
  readonly metadata?: FileMetadata | undefined;
}

async function lookAt(
  calls: TransferCalls,
  vm: VmRef,
  remotePath: string,
  options: TransferOptions,
): Promise<Found> {
  const path = shellPath(remotePath);
  const script = [
    `test -e ${path} || exit ${MISSING_EXIT_CODE}`,
    `if test -d ${path}; then echo folder; elif test -f ${path}; then echo file; else echo other; fi`,
    `LC_ALL=C stat -L -c '${STAT_FORMAT}' ${path} 2>/dev/null || echo`,
    "tar --version 2>/dev/null || :",
  ].join("; ");
  const timeoutSec = transferTimeoutSec(options.execTimeoutSec);
  const result = await calls.run(vm, ["sh", "-c", script], { timeoutSec, signal: options.signal });
  if (result.exitCode === MISSING_EXIT_CODE) {
    throw new FileTransferError(`There is no ${remotePath} in the VM`, { code: "ENOENT" });
  }
  throwIfFailed(result, `Looking at ${remotePath}`);
  const [kind = "", stat = "", version = ""] = result.stdout.split("\n");
  // A pipe would be waited for without end, and a device read.
  if (kind === "other") throw new FileTransferError(`${remotePath} is neither a file nor a folder`);
  const flavor = tarFlavor(version);
  return kind === "folder" ? { kind, flavor } : { kind: "file", flavor, metadata: parseMetadata(stat) };
}

/** Of a folder all, as `.`; of a file itself, also if a link led to it. */
function membersOf({ kind }: Found, remotePath: string): string {
  if (kind === "folder") return `-C ${shellPath(remotePath)} .`;
  const name = shellQuote(`./${posix.basename(remotePath)}`);
  return `--dereference -C ${shellPath(posix.dirname(remotePath))} ${name}`;
}

/** Files of /proc say that they are empty, and curl would believe it. */
function putFile(path: string, url: string): string {
  return `if [ -s ${path} ]; then ${CURL_PUT} -T ${path} ${url}; else ${CURL_PUT} -T - ${url} < ${path}; fi`;
}

/**
 * A plain `sh` has no pipefail: tar's own status travels through a file, so that a folder that was read in part is not taken
 * for a whole one. Status 1 means that a file changed while it was read, which on a running system is nothing unusual.
 */
function packAndPut(packArguments: string, url: string): string {
  return [
    "status=$(mktemp) || exit 1",
    `{ LC_ALL=C tar -cz ${packArguments}; echo $? > "$status"; } | ${CURL_PUT} -T - ${url}`,
    'sent=$?; packed=$(cat "$status"); rm -f "$status"',
    '[ "$sent" -eq 0 ] && [ "$packed" -le 1 ]',
  ].join("; ");
}

/** What of the host a VM may mount: beneath the folders that the operator names, by whatever links; opened later without following any. */
import { createHash } from "node:crypto";
import { mkdir, realpath, statfs } from "node:fs/promises";
import { join } from "node:path";
import { FastvmError, type MountSource } from "@fastvm/contract";
import type { WorkerConfig } from "../config.ts";
import { CLOSED_FOLDER_MODE } from "../files/closed-folder.ts";
import { isErrno } from "../files/errno.ts";
import type { ServedFolder } from "./server/programs.ts";

/** What VMs have added to folders of the host, by path: all that mount one share what may be added to it. */
const ACCOUNTS_FOLDER = "mount-accounts";
const MIB = 1024 ** 2;
/** Of the disk of a host's folder so much stays free, whatever guests write: the host itself needs some. */
const MAX_FLOOR_BYTES = 1024 * MIB;
const FLOOR_SHARE = 0.05;

type HostConfig = Pick<WorkerConfig, "dataDir" | "mountFolders">;

/** Rejects with `conflict` for what is not there or lies elsewhere. */
export async function allowedOnHost({ mountFolders = [] }: HostConfig, path: string): Promise<string> {
  const real = await whole(path);
  for (const folder of mountFolders) {
    const above = await whole(folder);
    if (real !== undefined && above !== undefined && isWithin(real, above)) return real;
  }
  // Whether it is there is told of no path that is not allowed.
  throw new FastvmError(
    "conflict",
    `the host has no ${path} that may be mounted (fastvm serve --allow-mount)`,
  );
}

export async function hostFolder(
  config: HostConfig,
  source: Extract<MountSource, { kind: "host" }>,
): Promise<ServedFolder> {
  const path = await allowedOnHost(config, source.path);
  const accounts = join(config.dataDir, ACCOUNTS_FOLDER);
  await mkdir(accounts, { recursive: true, mode: CLOSED_FOLDER_MODE });
  const account = join(accounts, createHash("sha256").update(path).digest("hex"));
  const options = [
    `stat=${source.statVirtualization}`,
    `permissions=${source.hostPermissions}`,
    `quota=${source.quotaMib * MIB}`,
    `account=${account}`,
    `floor=${await floorOf(path)}`,
  ];
  return { path, options };
}

async function floorOf(path: string): Promise<number> {
  const { blocks, bsize } = await statfs(path);
  return Math.min(MAX_FLOOR_BYTES, Math.floor(blocks * bsize * FLOOR_SHARE));
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? folder : `${folder}/`);
}

async function whole(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG")) return undefined;
    throw error;
  }
}

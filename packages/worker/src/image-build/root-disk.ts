/** A fresh file system for an image: empty, of the size that VMs get, and always the same for the same image. */
import { open } from "node:fs/promises";
import { runTool } from "../processes/spawn.ts";

const GIB = 1024 ** 3;
/** It writes some MiB. */
const TIMEOUT_MS = 120_000;
/** 1 GiB of it for root alone would be a tenth; the base image has as little. */
const RESERVED_PERCENT = 1;
/** Of the journal: a guest's disk does not outlive its memory in any case. */
const JOURNAL_MIB = 16;
/** Grows as far as disks may. */
const MAX_BLOCKS = 536_870_912;

/** `digest`: 64 hexadecimal digits, of which its identity is made. */
export async function makeRootDisk(path: string, diskGib: number, digest: string): Promise<void> {
  {
    await using file = await open(path, "wx", 0o600);
    await file.truncate(diskGib * GIB);
  }
  const [uuid, hashSeed] = [uuidOf(digest.slice(0, 32)), uuidOf(digest.slice(32, 64))];
  const extended = `resize=${MAX_BLOCKS},lazy_itable_init=1,lazy_journal_init=1,hash_seed=${hashSeed},root_owner=0:0`;
  await runTool(
    "mke2fs",
    // prettier-ignore
    ["-q", "-F", "-t", "ext4", "-L", "fastvm", "-m", `${RESERVED_PERCENT}`, "-J", `size=${JOURNAL_MIB}`, "-U", uuid, "-E", extended, path],
    { timeoutMs: TIMEOUT_MS },
  );
}

function uuidOf(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

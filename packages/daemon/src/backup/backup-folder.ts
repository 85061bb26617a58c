/**
 * What a backup is on disk: a folder that has its name only when it is whole.
 *
 *   backup.json   the digests of the others, and what is in them; written last
 *   records.db    the records, as of one moment
 *   states.tar    snapshots/ID, paused/ID, the QEMUs that they need, and keys of the data folder
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

const FORMAT = "fastvm-backup-1";
const MANIFEST = "backup.json";
export const RECORDS = "records.db";
export const STATES = "states.tar";
const FILES = [RECORDS, STATES] as const;

interface Content {
  readonly snapshots: number;
  readonly pausedVms: number;
}

/** What the records tell of and no file of a backup has. */
interface LeftOut {
  /** Running and stopped ones: their disks. */
  readonly vms: number;
  readonly volumes: number;
  /** Made or removed while the backup was. */
  readonly snapshots: number;
}

export interface BackupManifest {
  readonly format: typeof FORMAT;
  readonly createdAt: string;
  readonly content: Content;
  readonly leftOut: LeftOut;
  readonly sha256: Readonly<Record<(typeof FILES)[number], string>>;
}

export async function sealBackup(
  folder: string,
  told: Pick<BackupManifest, "content" | "leftOut">,
): Promise<BackupManifest> {
  const [records, states] = await Promise.all(FILES.map((name) => digestOf(join(folder, name))));
  const sha256 = { [RECORDS]: records ?? "", [STATES]: states ?? "" };
  const manifest: BackupManifest = { format: FORMAT, createdAt: new Date().toISOString(), ...told, sha256 };
  await using file = await open(join(folder, MANIFEST), "w", 0o600);
  await file.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
  await file.sync();
  return manifest;
}

/** Throws where the folder is no backup, or is not as it was written. */
export async function verifyBackup(folder: string): Promise<BackupManifest> {
  const manifest = await readManifest(folder);
  for (const name of FILES) {
    const digest = await digestOf(join(folder, name)).catch(() => "missing");
    if (digest === manifest.sha256[name]) continue;
    throw new Error(`${join(folder, name)} is not as it was written: it is ${digest}. Take another backup`);
  }
  return manifest;
}

async function readManifest(folder: string): Promise<BackupManifest> {
  const text = await readFile(join(folder, MANIFEST), "utf8").catch(() => undefined);
  if (text === undefined) {
    throw new Error(
      `${folder} is no backup: it has no ${MANIFEST}. Name the folder that fastvm backup made; ` +
        "a snapshot becomes a VM by fastvm snapshot restore",
    );
  }
  const manifest = JSON.parse(text) as Omit<BackupManifest, "format"> & { readonly format: string };
  const { format } = manifest;
  if (format === FORMAT) return { ...manifest, format };
  throw new Error(`${folder} was written by another version of FastVM: its format is ${format}`);
}

async function digestOf(path: string): Promise<string> {
  const digest = createHash("sha256");
  await pipeline(createReadStream(path), digest);
  return digest.digest("hex");
}

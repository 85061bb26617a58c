/** What a volume server knows of its guest, as a file of a captured state: some 100 bytes for each name and open file. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { FastvmError } from "@fastvm/contract";
import { asChecksum, checksumFile } from "../../files/checksum.ts";
import { VOLUMES_TABLE_FILE } from "../../snapshot/folder.ts";
import type { StoredFile } from "../../snapshot/manifest.ts";
import type { ControlConnection } from "./control.ts";

export interface SavedTable {
  /** Of the captured state. */
  readonly folder: string;
  readonly stored: StoredFile;
}

/** The server is frozen. */
export async function saveTable(connection: ControlConnection, folder: string): Promise<StoredFile> {
  await using file = await open(join(folder, VOLUMES_TABLE_FILE), "wx", 0o600);
  const { bytes: chunks } = await connection.ask("save");
  let bytes = 0;
  let sum = 0;
  for await (const chunk of chunks) {
    await file.appendFile(chunk);
    bytes += chunk.length;
    sum = crc32(chunk, sum);
  }
  return { bytes, crc32: asChecksum(sum) };
}

/** Before anything is attached. Rejects where it is not what was saved; the server is as before then. Locks are lost. */
export async function loadTable(
  connection: ControlConnection,
  { folder, stored }: SavedTable,
): Promise<void> {
  const path = join(folder, VOLUMES_TABLE_FILE);
  if ((await checksumFile(path)) !== stored.crc32) {
    throw new FastvmError("snapshot_incompatible", "what its guest knew of its volumes is damaged");
  }
  await using file = await open(path, "r");
  const content = file.createReadStream({ autoClose: false });
  await connection.ask("load", { words: { bytes: `${stored.bytes}` }, content });
}

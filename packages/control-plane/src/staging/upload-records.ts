/**
 * Uploads in parts, on disk beside their parts, for the daemon that starts next: one file each, replaced whole. What was written before
 * the host itself ended is not trusted, as nothing of it was synced.
 *
 *   uploads/<upload id>.json    { bootId, …, parts: [[number, { objectId, bytes, sha256 }], …] }
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Upload } from "./upload-ledger.ts";

/** No VM's id, and no organisation's. */
export const UPLOADS_FOLDER = "uploads";
const BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id";
const SUFFIX = ".json";

interface UploadRecord extends Omit<Upload, "parts" | "isCompleting"> {
  readonly bootId: string;
  readonly parts: readonly (readonly [number, NonNullable<ReturnType<Upload["parts"]["get"]>>])[];
}

export class UploadRecords {
  readonly #folder: string;
  readonly #turns = new Map<string, Promise<void>>();

  constructor(stagingFolder: string) {
    this.#folder = join(stagingFolder, UPLOADS_FOLDER);
  }

  /** As the upload is when its turn comes: of two at once, the later has what both brought. */
  async write(upload: Upload): Promise<void> {
    await this.#inTurn(upload.id, async () => {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      const { parts, isCompleting: _isCompleting, ...rest } = upload;
      const record: UploadRecord = { ...rest, bootId: await bootId(), parts: [...parts] };
      const path = this.#pathOf(upload.id);
      await writeFile(`${path}.part`, JSON.stringify(record), { mode: 0o600 });
      await rename(`${path}.part`, path);
    });
  }

  async remove(id: string): Promise<void> {
    await this.#inTurn(id, () => rm(this.#pathOf(id), { force: true }));
  }

  /** Oldest first. Forgets what is not to be trusted. */
  async load(): Promise<readonly Upload[]> {
    const names = await readdir(this.#folder).catch((): string[] => []);
    const boot = await bootId();
    const found: Upload[] = [];
    for (const name of names) {
      const path = join(this.#folder, name);
      const record = name.endsWith(SUFFIX) ? recordIn(await readFile(path, "utf8")) : undefined;
      if (record?.bootId === boot) found.push(uploadOf(record));
      else await rm(path, { force: true });
    }
    return found.toSorted((one, other) => one.createdAt - other.createdAt);
  }

  async #inTurn(id: string, work: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(id) ?? Promise.resolve()).then(work);
    const settled = turn.catch(() => undefined);
    this.#turns.set(id, settled);
    try {
      await turn;
    } finally {
      if (this.#turns.get(id) === settled) this.#turns.delete(id);
    }
  }

  #pathOf(id: string): string {
    return join(this.#folder, `${id}${SUFFIX}`);
  }
}

async function bootId(): Promise<string> {
  return (await readFile(BOOT_ID_FILE, "utf8")).trim();
}

/** A host that ended in the middle leaves files without content. */
function recordIn(text: string): UploadRecord | undefined {
  try {
    return JSON.parse(text) as UploadRecord;
  } catch {
    return undefined;
  }
}

function uploadOf({ bootId: _bootId, parts, ...rest }: UploadRecord): Upload {
  return { ...rest, parts: new Map(parts), isCompleting: false };
}

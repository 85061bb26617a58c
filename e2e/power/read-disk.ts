/** What the disk of a VM at rest holds, read from outside: a boot takes longest of all. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** e2fsck: it has replayed the journal, as the guest's kernel would have. */
const REPAIRED = 1;

/** Throws where the layers or the file system on them are damaged. The file must be there. */
export async function readFromDisk(folder: string, file: string): Promise<string> {
  const own = await mkdtemp(join(tmpdir(), "fastvm-disk-"));
  const raw = join(own, "raw");
  try {
    const layers = (await readdir(folder)).toSorted((one, other) => number(one) - number(other));
    for (const layer of layers) if (layer.endsWith(".qcow2")) await checkLayer(join(folder, layer));
    await run("qemu-img", ["convert", "-O", "raw", `json:${JSON.stringify(chainOf(folder, layers))}`, raw]);
    await replayJournal(raw);
    await run("e2fsck", ["-f", "-n", raw]);
    const { stdout } = await run("debugfs", ["-R", `cat ${file}`, raw], { maxBuffer: MAX_FILE_BYTES });
    return stdout;
  } catch (error) {
    const { stdout = "" } = error as { stdout?: string };
    throw new Error(`the disk ${folder} is damaged: ${String(error)} ${stdout}`, { cause: error });
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

/** Throws where QEMU could not start with these layers, whatever is on them. */
export async function expectOpens(folder: string): Promise<void> {
  for (const layer of await readdir(folder)) {
    if (layer.endsWith(".qcow2")) await run("qemu-img", ["info", alone(join(folder, layer))]);
  }
}

function number(layer: string): number {
  return Number(layer.slice(0, layer.indexOf(".")));
}

/** Clusters that nobody uses (3) do no harm. */
async function checkLayer(path: string): Promise<void> {
  await run("qemu-img", ["check", "-q", alone(path)]).catch((error: { code?: number }) => {
    if (error.code !== 3) throw error;
  });
}

function alone(path: string): string {
  const image = { driver: "qcow2", backing: null, file: { driver: "file", filename: path } };
  return `json:${JSON.stringify(image)}`;
}

async function replayJournal(raw: string): Promise<void> {
  await run("e2fsck", ["-E", "journal_only", "-y", raw]).catch((error: { code?: number }) => {
    if (error.code !== REPAIRED) throw error;
  });
}

function chainOf(folder: string, layers: readonly string[]): unknown {
  let below: unknown = null;
  for (const layer of layers) {
    const file = { driver: "file", filename: join(folder, layer) };
    below = layer.endsWith(".raw") ? { driver: "raw", file } : { driver: "qcow2", file, backing: below };
  }
  return below;
}

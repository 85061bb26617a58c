/**
 * The root file system of a virtual machine's disk as a layer. The host only copies the file: what is in it, its format, its partitions and
 * its file systems, is a stranger's, and is looked at in a VM of nobody, which opens nothing else for it.
 */
import { chown, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { DiskFormat } from "@fastvm/contract";
import { DISK_FOLDER } from "../../disk/chain.ts";
import { putBehindSpare } from "../../disk/spare-disk.ts";
import { MAX_IMAGE_BYTES } from "../../images/image-limits.ts";
import { invalidImage } from "../../images/invalid-image.ts";
import { runTool } from "../../processes/spawn.ts";
import { bindSpare } from "../bind-spare.ts";
import type { BoundDisk } from "../bind-spare.ts";
import { BuildVm } from "../build-vm.ts";
import type { BuildVmContext } from "../build-vm.ts";
import type { ImportSource } from "./open-source.ts";

const READER = new URL("./read-disk.py", import.meta.url);
const READER_IN_GUEST = "/run/fastvm-read-disk.py";
const PACKER = new URL("./pack-root.sh", import.meta.url);
const PACKER_IN_GUEST = "/run/fastvm-pack-root.sh";
const REFUSED = "refused: ";
const [SOURCE_SPARE, CONTENT_SPARE] = [0, 1];
/** Tens of GiB on a slow disk. */
const COPY_TIMEOUT_MS = 600_000;
/** What disks of VMs may be. */
const MAX_DISK_BYTES = 2 * 1024 ** 4;
const SECTOR_BYTES = 512;

export async function* packDisk(
  context: BuildVmContext,
  source: ImportSource,
  { format, fstype }: { readonly format: DiskFormat; readonly fstype?: string | undefined },
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  if (source.bytes > MAX_IMAGE_BYTES) throw invalidImage(`the file has more than ${MAX_IMAGE_BYTES} bytes`);
  await using build = await BuildVm.start(context, signal);
  await build.mustRun(`cat >${READER_IN_GUEST}`, [], await readFile(READER));
  await build.mustRun(`cat >${PACKER_IN_GUEST}`, [], await readFile(PACKER));
  const { disk } = await putSource(context, build, source);
  const content = format === "raw" ? disk : await unpackFormat(build, format, disk, source.bytes);
  yield* build.output(["sh", PACKER_IN_GUEST, content, fstype ?? ""], MAX_IMAGE_BYTES, refusal);
}

/** A copy, which is the VM's alone: the operator's file may be written meanwhile, and is not that user's to read. */
async function putSource(context: BuildVmContext, build: BuildVm, source: ImportSource): Promise<BoundDisk> {
  const { folder, record } = build.vm;
  const [file, overlay] = [`${DISK_FOLDER}/source.raw`, `${DISK_FOLDER}/source.qcow2`];
  const copy = join(folder, file);
  const args = ["--dereference", "--sparse=always", "--reflink=auto", "--", source.path, copy];
  await runTool("cp", args, { timeoutMs: COPY_TIMEOUT_MS });
  await chown(copy, record.uid, record.uid);
  const bytes = Math.max(SECTOR_BYTES, Math.ceil(source.bytes / SECTOR_BYTES) * SECTOR_BYTES);
  // Whatever its format says: its bytes are the disk's.
  await context.overlays.create(join(folder, overlay), bytes, record.uid);
  await putBehindSpare(build.vm.requireGuest().qemu.qmp, SOURCE_SPARE, "source", {
    kind: "read",
    file,
    overlay,
  });
  return await bindSpare(build);
}

/** The disk that the file describes, as one of its own; its path in the guest. */
async function unpackFormat(
  build: BuildVm,
  format: DiskFormat,
  disk: string,
  bytes: number,
): Promise<string> {
  const reader = ["python3", READER_IN_GUEST];
  const told = await build.run([...reader, "size", format, disk, `${bytes}`]);
  if (told.exitCode !== 0) throw refusal(told.stderr, told.exitCode);
  const size = Number(told.stdout.trim());
  // Said by the guest, who is a stranger by now.
  if (
    !Number.isSafeInteger(size) ||
    size < SECTOR_BYTES ||
    size > MAX_DISK_BYTES ||
    size % SECTOR_BYTES !== 0
  )
    throw invalidImage(`the disk has ${told.stdout.trim().slice(0, 40)} bytes`);
  const { folder, record } = build.vm;
  const file = `${DISK_FOLDER}/content.raw`;
  {
    await using content = await open(join(folder, file), "wx", 0o600);
    await content.truncate(size);
    await content.chown(record.uid, record.uid);
  }
  await putBehindSpare(build.vm.requireGuest().qemu.qmp, CONTENT_SPARE, "content", { kind: "raw", file });
  const target = await bindSpare(build);
  const copied = await build.run([
    ...reader,
    "copy",
    format,
    disk,
    `${bytes}`,
    target.disk,
    `${MAX_IMAGE_BYTES}`,
  ]);
  if (copied.exitCode !== 0) throw refusal(copied.stderr, copied.exitCode);
  return target.disk;
}

function refusal(stderr: string, exitCode: number): Error {
  const last = stderr.trim().split("\n").at(-1) ?? "";
  return last.startsWith(REFUSED)
    ? invalidImage(last.slice(REFUSED.length))
    : new Error(`The reader of disks ended with ${exitCode}: ${stderr}`);
}

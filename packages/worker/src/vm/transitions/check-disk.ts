/**
 * Whether the disk of a VM that its host lost may boot: whether QEMU's tables of its layers are whole, and the file system in it. Both are
 * a stranger's by now, so the first are read by a process that may do nothing, the second in a VM of nobody.
 */
import { join } from "node:path";
import { FastvmError } from "@fastvm/contract";
import { DISK_FOLDER } from "../../disk/chain.ts";
import { putBehindSpare } from "../../disk/spare-disk.ts";
import { linkOrCopy } from "../../files/copy.ts";
import { bindSpare } from "../../image-build/bind-spare.ts";
import { BuildVm } from "../../image-build/build-vm.ts";
import type { BuildVmContext } from "../../image-build/build-vm.ts";
import { runTool } from "../../processes/spawn.ts";
import type { VmRecord } from "../state/vm.ts";

const GIB = 1024 ** 3;
const SPARE = 0;
/** Tables of the largest disk, on a slow one. */
const CHECK_TIMEOUT_MS = 10 * 60_000;
/** Of what a check says, which may be a line for each block. */
const MAX_WORDS = 500;

/**
 * The file comes as a descriptor, as its folder is closed to who checks it. Clusters that are lost to everybody (3) do no harm. Files that
 * the layer names are not opened: it is read as one that stands on nothing.
 */
const CHECK_LAYER = `
exec <"$1"
setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --bounding-set=-all \\
  qemu-img check -q 'json:{"driver":"qcow2","backing":null,"file":{"driver":"file","filename":"/dev/stdin","locking":"off"}}'
code=$?
[ $code -eq 0 ] || [ $code -eq 3 ]
`;

/** With its journal replayed, as its own kernel would do it; all that is written is thrown away. */
const CHECK_FILES = `
e2fsck -E journal_only -y "$1" >/dev/null 2>&1
e2fsck -f -n "$1" 2>&1
`;

/** Throws `launch_failed` with what is wrong. */
export async function checkDisk(
  context: BuildVmContext,
  { chain, diskGib }: Pick<VmRecord, "chain" | "diskGib">,
  diskFolder: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  for (const layer of chain)
    if (layer.endsWith(".qcow2")) await checkLayer(join(diskFolder, layer), layer, signal);
  await using build = await BuildVm.start(context, signal);
  const { folder, record } = build.vm;
  const fileOf = (name: string) => `${DISK_FOLDER}/checked-${name}`;
  for (const layer of chain) await linkOrCopy(join(diskFolder, layer), join(folder, fileOf(layer)));
  await context.overlays.create(join(folder, fileOf("top")), diskGib * GIB, record.uid);
  await putBehindSpare(build.vm.requireGuest().qemu.qmp, SPARE, "checked", {
    kind: "chain",
    files: chain.map(fileOf),
    overlay: fileOf("top"),
  });
  const { disk } = await bindSpare(build);
  const { exitCode, stdout } = await build.run(["sh", "-c", CHECK_FILES, "check", disk]);
  if (exitCode !== 0) throw refused(`its file system is damaged: ${stdout.trim()}`);
}

async function checkLayer(path: string, layer: string, signal: AbortSignal): Promise<void> {
  try {
    await runTool("sh", ["-c", CHECK_LAYER, "check", path], { timeoutMs: CHECK_TIMEOUT_MS, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw refused(
      `its layer ${layer} is damaged: ${error instanceof Error ? error.message : String(error)}`,
      error,
    );
  }
}

function refused(detail: string, cause?: unknown): FastvmError {
  const words = detail.slice(0, MAX_WORDS);
  return new FastvmError(
    "launch_failed",
    `its disk does not pass the check, and starts by force alone; ${words}`,
    { cause },
  );
}

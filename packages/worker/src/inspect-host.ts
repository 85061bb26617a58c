/** What a worker would decide about this host, for people who ask before they start one. */
import { join } from "node:path";
import { cpuModel } from "./host/cpu.ts";
import { loadImage } from "./image/image.ts";
import { QEMU_PATH } from "./open-context.ts";
import { decideAccelerator } from "./qemu/accelerator.ts";
import type { Verdict } from "./qemu/accelerator.ts";
import { readQemuVersion } from "./qemu/qemu-version.ts";

export async function inspectHost(
  imageDir: string,
  cacheDir: string,
): Promise<{ qemuVersion: string; verdict: Verdict }> {
  const qemuVersion = await readQemuVersion(QEMU_PATH);
  const verdict = await decideAccelerator({
    qemuPath: QEMU_PATH,
    qemuVersion,
    cpuModel: cpuModel(),
    image: await loadImage(imageDir),
    cacheFolder: join(cacheDir, "accelerator"),
  });
  return { qemuVersion, verdict };
}

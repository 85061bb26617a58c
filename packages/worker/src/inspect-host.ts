/** What a worker would decide about this host, for people who ask before they start one. */
import { join } from "node:path";
import type { Controller } from "./host/cgroup-files.ts";
import { Cgroups } from "./host/cgroups.ts";
import { cpuModel } from "./host/cpu.ts";
import { probeNamespaces } from "./host/namespaces.ts";
import type { Namespaces } from "./host/namespaces.ts";
import { loadImage } from "./image/image.ts";
import { PagesHelper } from "./memory/pages-helper.ts";
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

/** Whether captures here copy only what was written, and if not, why. */
export async function inspectTracking(): Promise<{
  readonly tracksWrites: boolean;
  readonly detail: string;
}> {
  return await PagesHelper.probe();
}

/** How far a VM's QEMU would be confined here. */
export interface Confinement {
  readonly namespaces: Namespaces;
  readonly controllers: ReadonlyMap<Controller, 1 | 2>;
}

export async function inspectConfinement(): Promise<Confinement> {
  // As a daemon would do it, for a moment: whether a group can be bounded shows when one is made.
  const cgroups = await Cgroups.open(`doctor-${process.pid}`);
  await cgroups.close();
  return { namespaces: await probeNamespaces(), controllers: cgroups.inForce };
}

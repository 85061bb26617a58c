/** From a Dockerfile to an image that VMs boot. */
import type { BuildVmContext } from "../image-build/build-vm.ts";
import { BuildFailure } from "./build-failure.ts";
import type { BuildRunner } from "./image-builds.ts";

export function buildRunner(_context: BuildVmContext): BuildRunner {
  return async (build, signal) =>
    await build.during("preparing", signal, async () => {
      throw new BuildFailure("host", "This host has no builder");
    });
}

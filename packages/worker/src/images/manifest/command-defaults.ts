/** Of what an image's maker says of running it, what holds for every command in a VM of it. All else is told and not done. */
import type { ImageSettings } from "@fastvm/contract";
import type { CommandDefaults } from "../../image/image.ts";
import { invalidImage } from "../invalid-image.ts";

/** A program's whole environment may be some megabytes; of this even the longest are a small part, and VMs add their own. */
const MAX_ENVIRONMENT_BYTES = 128 * 1024;
/** As the kernel has it. */
const MAX_PATH_BYTES = 4096;

/** Rejects with `image_invalid` what no command could be started with. */
export function commandDefaults({ env, workdir }: Pick<ImageSettings, "env" | "workdir">): CommandDefaults {
  const bytes = env.reduce((sum, variable) => sum + Buffer.byteLength(variable) + 1, 0);
  if (bytes > MAX_ENVIRONMENT_BYTES)
    throw invalidImage(`its environment has ${bytes} bytes, and may have ${MAX_ENVIRONMENT_BYTES}`);
  if (Buffer.byteLength(workdir) > MAX_PATH_BYTES || workdir.includes("\0"))
    throw invalidImage("its working folder is no path");
  if (env.some((variable) => variable.includes("\0")))
    throw invalidImage("its environment has a zero byte in it");
  const pairs = env.flatMap((variable) => {
    const [, name, value] = /^([^=]+)=([^]*)$/.exec(variable) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value] as const];
  });
  return {
    env: Object.fromEntries(pairs),
    // Makers leave the slash out; runtimes add it.
    ...(workdir !== "" && { workdir: workdir.startsWith("/") ? workdir : `/${workdir}` }),
  };
}

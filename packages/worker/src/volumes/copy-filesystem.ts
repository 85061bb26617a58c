/**
 * A copy of a mounted filesystem as it is at one moment: frozen, so nobody writes to it, its image is whole without its journal, and the
 * blocks that are in use are copied. Writers wait meanwhile. Blocks are not shared with the original: they would be reserved for neither.
 */
import { step } from "@fastvm/contract";
import { runTool } from "../processes/spawn.ts";

/** A disk reads and writes tens of MiB a second at worst; so long writers wait at most. */
const COPY_TIMEOUT_MS = 600_000;
const TOOL_TIMEOUT_MS = 120_000;

/** `into` is as long as the image then, with holes where nothing is. */
export async function copyMounted(image: string, target: string, into: string): Promise<void> {
  await runTool("fsfreeze", ["--freeze", target], { timeoutMs: TOOL_TIMEOUT_MS });
  try {
    await step("volume.frozen");
    // By force, as it is mounted.
    await runTool("e2image", ["-f", "-ra", image, into], { timeoutMs: COPY_TIMEOUT_MS });
  } finally {
    await runTool("fsfreeze", ["--unfreeze", target], { timeoutMs: TOOL_TIMEOUT_MS });
  }
}

/** What a daemon left which ended while it copied. Nothing to one that is not frozen. */
export async function thawMounted(target: string): Promise<void> {
  try {
    await runTool("fsfreeze", ["--unfreeze", target], { timeoutMs: TOOL_TIMEOUT_MS });
  } catch (error) {
    if (!/Invalid argument/.test(String(error))) throw error;
  }
}

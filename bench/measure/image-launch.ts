/** A launch of an image of a registry beside one of the base image, in turns: once its template is there, it is to cost the same. */
import { setTimeout as sleep } from "node:timers/promises";
import { runCli } from "../../e2e/harness/cli.ts";
import { ImageKinds } from "../../e2e/harness/image-kinds.ts";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";

/** The smallest Debian with Python: what most images are made from. */
const KIND = "python";
/** The kernel frees an ended VM's memory after its process has gone. */
const SETTLE_MS = 100;

interface ImageLaunchSamples {
  readonly baseMs: readonly number[];
  readonly imageMs: readonly number[];
}

export async function measureImageLaunch(
  { daemon, client }: Session,
  rounds: number,
): Promise<ImageLaunchSamples> {
  await using kinds = await ImageKinds.make(daemon.config.cacheDir, [KIND]);
  const loaded = await runCli(["image", "load", "--input", kinds.archive], daemon.environment);
  if (loaded.exitCode !== 0) throw new Error(`The images were not loaded: ${loaded.stderr}`);
  const launchOnce = async (image: string | undefined): Promise<number> => {
    const startedAt = performance.now();
    const vm = await client.vms.launch({ machineType: MACHINE_TYPE, image });
    const launchMs = performance.now() - startedAt;
    await client.vms.delete(vm);
    await sleep(SETTLE_MS);
    return launchMs;
  };
  const image = kinds.nameOf(KIND);
  const samples = { baseMs: [] as number[], imageMs: [] as number[] };
  // The first round makes the template, warms every cache, and does not count.
  for (let round = 0; round <= rounds; round++) {
    const baseMs = await launchOnce(undefined);
    const imageMs = await launchOnce(image);
    if (round === 0) continue;
    samples.baseMs.push(baseMs);
    samples.imageMs.push(imageMs);
  }
  // What it was made into stays in the cache for the next run, as long as there is room.
  await runCli(["image", "rm", "--everybody", image], daemon.environment);
  return samples;
}

/**
 * From a Dockerfile to an image that VMs boot: everything of a stranger's is done in a VM of nobody. On the host base images are asked for,
 * and what comes out of the VM is taken as any archive of the organisation's, which may lack layers that it has.
 */
import { Readable } from "node:stream";
import { stat } from "node:fs/promises";
import { step } from "@fastvm/contract";
import type { BuildOrder, BuildSteps, BuiltImage, HeldImage } from "@fastvm/contract";
import { ensureImage } from "../image-build/ensure-image.ts";
import { invalidImage } from "../images/invalid-image.ts";
import { findBase, layersOf, makeBasesDisk } from "./base-images.ts";
import type { BaseImage } from "./base-images.ts";
import type { Build } from "./build.ts";
import { BuildFailure } from "./build-failure.ts";
import { BuilderVm } from "./builder-vm.ts";
import type { BuilderContext } from "./builder-vm.ts";
import { basesIn, digestsIn, stepsIn } from "./guest-answers.ts";
import type { BuildRunner } from "./image-builds.ts";
import { LogLines } from "./log-lines.ts";

/** A large project compiles for half of it under emulation. */
const BUILD_LIMIT_MS = 30 * 60_000;
const DEFAULT_DOCKERFILE = "Dockerfile";

export function buildRunner(context: BuilderContext): BuildRunner {
  return async (build, cancelled) => {
    const deadline = AbortSignal.timeout(BUILD_LIMIT_MS);
    const signal = AbortSignal.any([cancelled, deadline]);
    try {
      return await runBuild(context, build, signal);
    } catch (error) {
      if (!deadline.aborted || cancelled.aborted) throw error;
      throw new BuildFailure("order", `It took more than ${BUILD_LIMIT_MS / 60_000} minutes`, {
        cause: error,
      });
    }
  };
}

async function runBuild(
  context: BuilderContext,
  build: Build,
  signal: AbortSignal,
): Promise<{ readonly image: BuiltImage; readonly steps: BuildSteps }> {
  const { orgId } = build.order;
  const { held, steps } = await buildInVm(context, build, signal);
  try {
    await step("build.vm-removed");
    await build.during("applying", signal, () => ensureImage(context, held.digest, orgId, signal));
    const { settings } = await context.images.inspect(held.reference, orgId);
    return { image: { ...pick(held), settings }, steps };
  } catch (error) {
    await context.images.remove(held.reference, orgId);
    throw error;
  }
}

async function buildInVm(
  context: BuilderContext,
  build: Build,
  signal: AbortSignal,
): Promise<{ readonly held: HeldImage; readonly steps: BuildSteps }> {
  const { order } = build;
  await using vm = await build.during("preparing", signal, async () => {
    // Disposed of again unless it is given out.
    await using starting = new AsyncDisposableStack();
    const started = starting.use(await BuilderVm.start(context, order, signal));
    await started.ask(["begin"], orderForGuest(order));
    starting.move();
    return started;
  });
  let result;
  try {
    await fetchContext(build, vm, signal);
    const bases = await build.during("pull", signal, () => bringBases(context, build, vm, signal));
    const steps = await build.during("build", signal, () => runSteps(build, vm));
    const held = await build.during("export", signal, () => exportImage(context, order, vm, bases, signal));
    result = { held, steps };
  } finally {
    // Of a build that failed, too: it is begun again with one line changed.
    await vm.keepCache().catch(context.onError);
  }
  return result;
}

async function fetchContext(build: Build, vm: BuilderVm, signal: AbortSignal): Promise<void> {
  const { context } = build.order;
  if (context === undefined) {
    build.phase("fetch_context", "skipped");
    return;
  }
  await build.during("fetch_context", signal, async () => {
    const { size } = await stat(context.path);
    await vm.ask(["unpack", await vm.attach(context.path, "context"), `${size}`, context.format]);
  });
}

async function bringBases(
  context: BuilderContext,
  build: Build,
  vm: BuilderVm,
  signal: AbortSignal,
): Promise<readonly BaseImage[]> {
  const wanted: Record<string, BaseImage> = {};
  for (const written of basesIn(await vm.ask(["bases"]))) {
    const base = await findBase(context, build.order, written, signal);
    build.log(`${written} is ${base.digest}`);
    wanted[written] = base;
  }
  const bases = Object.values(wanted);
  const here = new Set(bases.map(({ digest }) => digest));
  // The guest's word: only of those that it may have.
  const asked = digestsIn(await vm.ask(["lacking"], wanted));
  const lacking = asked.filter((digest) => here.has(digest));
  if (lacking.length > 0) {
    const disk = vm.pathOf("bases.raw");
    await makeBasesDisk(context, lacking, disk);
    await vm.ask(["take", await vm.attach(disk, "bases")]);
  }
  return bases;
}

async function runSteps(build: Build, vm: BuilderVm): Promise<BuildSteps> {
  const lines = new LogLines();
  let end = "";
  for await (const data of vm.read(["build"], undefined, (words) => (end = words)))
    for (const line of lines.take(data)) build.log(line);
  return stepsIn(end);
}

async function exportImage(
  context: BuilderContext,
  { buildId, orgId }: BuildOrder,
  vm: BuilderVm,
  bases: readonly BaseImage[],
  signal: AbortSignal,
): Promise<HeldImage> {
  const layers = await layersOf(context, bases);
  const archive = Readable.from(vm.read(["export"], layers));
  const name = `localhost/build/${buildId}:latest`;
  const [held] = await context.images.load(archive, { name, owner: orgId, signal });
  if (held === undefined) throw invalidImage("the builder gave no image");
  return held;
}

function orderForGuest({
  dockerfile,
  args = {},
  labels = {},
  secrets = {},
  target = "",
  noCache = false,
}: BuildOrder) {
  const path = "path" in dockerfile ? dockerfile.path : DEFAULT_DOCKERFILE;
  return {
    text: "text" in dockerfile ? dockerfile.text : null,
    path,
    args,
    labels,
    secrets,
    target,
    noCache,
  };
}

function pick({ reference, digest, sizeBytes }: HeldImage): Omit<BuiltImage, "settings"> {
  return { reference, digest, sizeBytes };
}

/** A daemon that ends in the middle of a build, at each of its steps: the next one finishes what is there, or says why nothing is. */
import { hookSteps, STEPS, type StepName } from "@fastvm/contract";
import { afterEach, describe, expect, test } from "vitest";
import type { Store } from "../../store/store.ts";
import { openMemoryStore } from "../../testing/memory-store.ts";
import { eventually } from "../../testing/eventually.ts";
import { FakeImages } from "../../testing/fake-images.ts";
import { FakeWorker } from "../../testing/fake-worker.ts";
import { testApp, type TestApp } from "../../testing/test-app.ts";

const OF_BUILDS = STEPS.filter((name) => name.startsWith("control.build."));
const HELD = { digest: "sha256:00", platform: "linux/amd64", sizeBytes: 4096, pulledAtMs: 1 };
const NEVER = new Promise<never>(() => undefined);
/** Nothing of a process that has ended is waited for. */
const config = { closeGraceMs: 1, queueRetryMs: 20 };

interface World {
  readonly store: Store;
  readonly worker: FakeWorker;
  readonly images: FakeImages;
  readonly first: TestApp;
}

let unhook: (() => void) | undefined;
afterEach(() => unhook?.());

async function world(): Promise<World> {
  const [store, worker, images] = [await openMemoryStore(), new FakeWorker(), new FakeImages()];
  const { dockerfile } = worker.builds;
  worker.builds.dockerfile = async (order, log, signal) => {
    const reference = `localhost/build/${order.buildId}:latest`;
    images.held.push({ ...HELD, owner: order.orgId, reference });
    return dockerfile(order, log, signal);
  };
  return { store, worker, images, first: await testApp({ store, worker, images, config }) };
}

/** Of the first daemon nothing goes on. Resolves to what the second one tells of the build. */
async function afterRestart({ store, worker, images, first }: World, id: string) {
  for (const { buildId } of await worker.builds.list()) worker.builds.lose(buildId);
  await using second = await testApp({ store, worker, images, config, changesStatuses: true });
  unhook?.();
  const build = (await second.call(`GET /v1/builds/${id}`)).body;
  expect((await second.call("GET /v1/vms")).body).toEqual([]);
  expect([...worker.vms.keys()]).toEqual([]);
  const snapshots = (await second.call("GET /v1/snapshots")).body.map((each: { id: string }) => each.id);
  expect([...worker.snapshots]).toEqual(snapshots);
  expect(snapshots).toEqual(build.status === "completed" ? [build.snapshotId] : []);
  const tags = build.status === "completed" ? [`localhost/build/${id}:latest`] : [];
  expect(images.held.map(({ reference }) => reference)).toEqual(tags);
  expect(await store.builds.listUnfinished()).toEqual([]);
  await first.app.close();
  return build;
}

async function begin({ first }: World): Promise<string> {
  const id: Promise<string> = first
    .call("POST /v1/builds", { dockerfileContent: "FROM debian", tag: "app" })
    .then(({ body }) => body.id);
  // A request that never comes to its answer has made its record all the same.
  return Promise.race([id, eventually(async () => idOf(first)).then(() => idOf(first))]);
}

async function idOf({ store, orgId }: TestApp): Promise<string> {
  const [build] = await store.builds.list(orgId);
  if (build === undefined) throw new Error("there is no build yet");
  return build.id;
}

/** The daemon stands still there, as if it had ended. */
function standStillAt(at: StepName): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  unhook = hookSteps(async (name) => {
    if (name !== at) return;
    resolve();
    await NEVER;
  });
  return promise;
}

describe("a build whose daemon ended", () => {
  test.each(OF_BUILDS)("at %s", async (at) => {
    const cut = await world();
    const reached = standStillAt(at);
    const id = await begin(cut);
    await reached;
    const build = await afterRestart(cut, id);
    const isMade = at === "control.build.captured" || at === "control.build.settled";
    expect(build).toMatchObject(
      isMade
        ? { status: "completed", imageDigest: expect.any(String) }
        : { status: "failed", error: "The server ended while it was built; build it again" },
    );
  });

  test.each(["launch", "createSnapshot"] as const)("while the worker was at %s", async (method) => {
    const cut = await world();
    cut.worker.hold(method);
    const id = await begin(cut);
    await eventually(() => expect(cut.worker.calls.map((call) => call.method)).toContain(method));
    expect(await afterRestart(cut, id)).toMatchObject({ status: "failed" });
  });

  test("while its Dockerfile was built, or it waited for its turn", async () => {
    const cut = await world();
    cut.worker.builds.dockerfile = () => NEVER;
    const id = await begin(cut);
    await eventually(() => expect(cut.worker.builds.orders).toHaveLength(1));
    expect(await afterRestart(cut, id)).toMatchObject({ status: "failed" });
  });

  test("by being stopped says so at once", async () => {
    await using app = await testApp({ config });
    app.worker.builds.dockerfile = (_order, _log, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const { id } = (await app.call("POST /v1/builds", { dockerfileContent: "FROM debian" })).body;
    await eventually(() => expect(app.worker.builds.orders).toHaveLength(1));
    await app.app.close();
    expect(await app.store.builds.get(id)).toMatchObject({
      status: "failed",
      error: "The server ended while it was built; build it again",
    });
  });
});

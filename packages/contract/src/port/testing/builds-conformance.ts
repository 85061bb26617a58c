/** What everybody must do that makes images of Dockerfiles, with VMs or without: the port says it, and these are the tests of it. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newOrgId, type OrgId } from "../../model/ids.ts";
import type { BuildEvent, BuildOrder, ImageBuilds } from "../image-builds.ts";
import { caller, CLOSED, eventually } from "./worker-lab.ts";

export interface BuildsLab extends AsyncDisposable {
  readonly builds: ImageBuilds;
  /** Whose builds they are; default: of each another's. */
  readonly orgId?: OrgId;
  /** Dockerfiles: of one that succeeds; of one whose last step prints `what is wrong` and fails; of one that does not end by itself. */
  readonly dockerfiles: { readonly good: string; readonly failing: string; readonly endless: string };
}

/** Under emulation, with the making of what builders are restored from. */
const BUILD_MS = 600_000;
const PHASES = ["preparing", "fetch_context", "pull", "build", "export", "applying"];

export function describeBuilds(name: string, open: () => Promise<BuildsLab>): void {
  describe(`${name} keeps the promises about builds`, () => {
    let lab: BuildsLab;

    beforeAll(async () => {
      lab = await open();
    }, BUILD_MS);

    afterAll(async () => {
      await lab[Symbol.asyncDispose]();
    });

    const begin = async (kind: keyof BuildsLab["dockerfiles"]): Promise<string> => {
      const order: BuildOrder = {
        buildId: randomUUID(),
        orgId: lab.orgId ?? newOrgId(),
        dockerfile: { text: lab.dockerfiles[kind] },
        network: CLOSED,
      };
      await lab.builds.start(order);
      return order.buildId;
    };
    testEnds(() => lab, begin);
    testReaders(() => lab, begin);
  });
}

type Begin = (kind: keyof BuildsLab["dockerfiles"]) => Promise<string>;

function testEnds(lab: () => BuildsLab, begin: Begin): void {
  test(
    "one that succeeds has an image, and its phases come in order",
    async () => {
      const buildId = await begin("good");
      const { events, ended } = await all(lab().builds, buildId);
      expect(ended).toMatchObject({
        status: "succeeded",
        image: { digest: expect.stringMatching(/^sha256:/) },
      });
      const begun = events.flatMap((event) =>
        event.kind === "phase" && event.status !== "completed" ? [event.phase] : [],
      );
      expect(begun).toEqual(PHASES);
      const state = await stateOf(lab().builds, buildId);
      expect(state).toMatchObject({ outcome: ended, events: events.length });
      // Whoever comes later is told the same.
      expect((await all(lab().builds, buildId, events.length - 1)).events).toEqual(events.slice(-1));
      await lab().builds.forget(buildId);
    },
    BUILD_MS,
  );

  test(
    "one that fails says why, with the last lines",
    async () => {
      const buildId = await begin("failing");
      const { events, ended } = await all(lab().builds, buildId);
      expect(ended).toMatchObject({ status: "failed", fault: "order" });
      if (ended.status === "failed") {
        expect(ended.error).toContain("what is wrong");
        expect(Buffer.byteLength(ended.error)).toBeLessThanOrEqual(4096);
      }
      expect(events).toContainEqual(expect.objectContaining({ kind: "log", line: "what is wrong" }));
      expect(events.at(-2)).toMatchObject({ kind: "phase", phase: "build", status: "failed" });
      await lab().builds.forget(buildId);
    },
    BUILD_MS,
  );
}

function testReaders(lab: () => BuildsLab, begin: Begin): void {
  test(
    "a reader goes without touching the build, and one that is cancelled has ended by then, until it is forgotten",
    async () => {
      const { builds, dockerfiles } = lab();
      const buildId = await begin("endless");
      const order = { buildId, orgId: newOrgId(), dockerfile: { text: dockerfiles.good }, network: CLOSED };
      await expect(builds.start(order)).rejects.toMatchObject({ code: "conflict" });
      await eventually(async () => expect((await stateOf(builds, buildId))?.phase).toBe("build"), BUILD_MS);
      const { reason, signal, leave } = caller();
      const view = (await builds.follow(buildId, Number.MAX_SAFE_INTEGER, { signal }))[
        Symbol.asyncIterator
      ]();
      leave();
      await expect(view.next()).rejects.toBe(reason);
      expect(await stateOf(builds, buildId)).not.toHaveProperty("outcome");
      const following = all(builds, buildId);
      await builds.cancel(buildId);
      await builds.cancel(buildId);
      expect((await following).ended).toEqual({ status: "cancelled" });
      expect((await stateOf(builds, buildId))?.outcome).toEqual({ status: "cancelled" });
      await builds.forget(buildId);
      await builds.forget(buildId);
      expect(await stateOf(builds, buildId)).toBeUndefined();
      await expect(builds.cancel(buildId)).rejects.toMatchObject({ code: "not_found" });
      await expect(builds.follow(buildId, 0)).rejects.toMatchObject({ code: "not_found" });
    },
    BUILD_MS,
  );
}

async function all(builds: ImageBuilds, buildId: string, fromEvent = 0) {
  const events: BuildEvent[] = [];
  for await (const event of await builds.follow(buildId, fromEvent)) events.push(event);
  const last = events.at(-1);
  if (last?.kind !== "ended") throw new Error("the build has no end");
  expect(events.filter(({ kind }) => kind === "ended")).toHaveLength(1);
  return { events, ended: last.outcome };
}

async function stateOf(builds: ImageBuilds, buildId: string) {
  return (await builds.list()).find((state) => state.buildId === buildId);
}

/** What a worker knows of its builds, with a runner that makes nothing. */
import { randomUUID } from "node:crypto";
import { FastvmError, newOrgId } from "@fastvm/contract";
import type { BuildEvent, BuildOrder } from "@fastvm/contract";
import { expect, test } from "vitest";
import { BuildFailure } from "./build-failure.ts";
import { WorkerBuilds, type BuildRunner } from "./image-builds.ts";

const SETTINGS = {
  entrypoint: [],
  cmd: [],
  env: [],
  workdir: "",
  user: "",
  ports: [],
  labels: {},
  stopSignal: "",
};
const MADE = {
  image: { reference: "localhost/made:latest", digest: "sha256:00", sizeBytes: 1, settings: SETTINGS },
  steps: { ran: 1, cached: 0 },
};

function order(): BuildOrder {
  return {
    buildId: randomUUID(),
    orgId: newOrgId(),
    dockerfile: { text: "FROM scratch" },
    network: {
      ingress: { default: "deny", rules: [] },
      egress: { default: "deny", rules: [] },
      dns: { mode: "deny", domains: [], blockBypass: false },
    },
  };
}

function open(run: BuildRunner, maxUnderWay = 2) {
  const errors: unknown[] = [];
  return { errors, builds: new WorkerBuilds({ run, maxUnderWay, onError: (error) => errors.push(error) }) };
}

async function ended(builds: WorkerBuilds, run = order()): Promise<BuildEvent[]> {
  await builds.start(run);
  const events: BuildEvent[] = [];
  for await (const event of await builds.follow(run.buildId, 0)) events.push(event);
  return events;
}

test("a long line comes in parts, and of a long log the beginning", async () => {
  const { builds } = open(async (build) => {
    build.log("x".repeat(5000));
    build.log("");
    for (let line = 0; line < 3000; line += 1) build.log("y".repeat(4000));
    return MADE;
  });
  const lines = (await ended(builds)).flatMap((event) => (event.kind === "log" ? [event.line] : []));
  expect(lines.slice(0, 3).map((line) => line.length)).toEqual([4096, 904, 0]);
  expect(lines.at(-1)).toMatch(/not kept/);
  expect(lines.join("").length).toBeLessThan(4.2 * 1024 * 1024);
});

test("a failure says whose doing it was; a bug's own words go to the log alone", async () => {
  const throws: [unknown, string, RegExp][] = [
    [new BuildFailure("order", "RUN failed"), "order", /RUN failed/],
    [new FastvmError("registry_denied", "no"), "registry", /no/],
    [new FastvmError("out_of_disk"), "host", /disk/],
    [new TypeError("a secret path"), "host", /^This host/],
  ];
  for (const [error, fault, message] of throws) {
    const { builds, errors } = open(() => Promise.reject(error));
    const outcome = (await ended(builds)).at(-1);
    expect(outcome).toMatchObject({
      outcome: { status: "failed", fault, error: expect.stringMatching(message) },
    });
    expect(errors).toEqual(fault === "host" ? [error] : []);
  }
});

test("of a long error the last 4 KiB are told, whole characters", async () => {
  const { builds } = open(() => Promise.reject(new BuildFailure("order", `${"é".repeat(5000)}end`)));
  const outcome = (await ended(builds)).at(-1);
  if (outcome?.kind !== "ended" || outcome.outcome.status !== "failed") throw new Error("it did not fail");
  expect(Buffer.byteLength(outcome.outcome.error)).toBeLessThanOrEqual(4096);
  expect(outcome.outcome.error).toMatch(/^…é+end$/);
});

test("no more are under way than may be, and of those that ended the last are known", async () => {
  const { promise, resolve } = Promise.withResolvers<typeof MADE>();
  const { builds } = open(() => promise, 1);
  const first = order();
  await builds.start(first);
  await expect(builds.start(order())).rejects.toMatchObject({ code: "out_of_capacity" });
  resolve(MADE);
  for await (const event of await builds.follow(first.buildId, 0)) void event;
  for (let count = 0; count < 64; count += 1) await ended(builds);
  const known = await builds.list();
  expect(known).toHaveLength(64);
  expect(known.map(({ buildId }) => buildId)).not.toContain(first.buildId);
});

test("a worker that closes ends what is under way", async () => {
  const { builds, errors } = open((_build, signal) => {
    const { promise, reject } = Promise.withResolvers<typeof MADE>();
    signal.addEventListener("abort", () => reject(new Error("aborted")));
    return promise;
  });
  await builds.start(order());
  await builds.close();
  expect(await builds.list()).toMatchObject([{ outcome: { status: "cancelled" } }]);
  await expect(builds.start(order())).rejects.toMatchObject({ code: "out_of_capacity" });
  expect(errors).toEqual([]);
});

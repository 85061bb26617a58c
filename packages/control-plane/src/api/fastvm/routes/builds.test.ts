/** Builds and imports over a worker and images that make nothing: what clients of each generation send, see, and are refused. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { PassThrough } from "node:stream";
import { gzipSync } from "node:zlib";
import { FastvmError, type BuildOrder, type BuildOutcome, type VmId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../../../testing/eventually.ts";
import { builtImage } from "../../../testing/fake-builds.ts";
import { FakeImages } from "../../../testing/fake-images.ts";
import { OTHER_KEY, testApp, type CallOptions, type TestApp } from "../../../testing/test-app.ts";

const DOCKERFILE = "FROM debian\nRUN true\n";
const CONTEXT = gzipSync("a tar");
const ZIP = Buffer.from("PK\u0003\u0004 and so on");
const OTHER: CallOptions = { key: OTHER_KEY };

let api: TestApp;
let images: FakeImages;

beforeEach(async () => {
  images = new FakeImages();
  api = await testApp({ images, config: { queueRetryMs: 20 } });
  const { builds } = api.worker;
  const { dockerfile } = builds;
  builds.dockerfile = async (order, log, signal) => {
    keep(images, order);
    return dockerfile(order, log, signal);
  };
});

afterEach(() => api[Symbol.asyncDispose]());

/** As the worker keeps what it has built. */
function keep(kept: FakeImages, { orgId, buildId }: BuildOrder): string {
  const reference = `localhost/build/${buildId}:latest`;
  const digest = `sha256:${buildId.replaceAll("-", "").repeat(2)}`;
  kept.held.push({
    owner: orgId,
    reference,
    digest,
    platform: "linux/amd64",
    sizeBytes: 4096,
    pulledAtMs: 1,
  });
  return reference;
}

async function create(body: object, options?: CallOptions): Promise<string> {
  const { status, body: build, text } = await api.call("POST /v1/builds", body, options);
  expect(status, text).toBe(202);
  expect(build).toMatchObject({ status: "pending", createdAt: expect.any(String) });
  return build.id;
}

async function ended(id: string, options?: CallOptions) {
  await eventually(async () => {
    const { status } = (await api.call(`GET /v1/builds/${id}`, undefined, options)).body;
    expect(["completed", "failed"]).toContain(status);
  });
  return (await api.call(`GET /v1/builds/${id}`, undefined, options)).body;
}

async function inPhase(id: string, progress: string): Promise<void> {
  await eventually(async () => expect((await api.call(`GET /v1/builds/${id}`)).body.progress).toBe(progress));
}

async function put(url: string, payload: Buffer, type: string): Promise<number> {
  const { pathname, search } = new URL(url);
  const sent = { method: "PUT", url: pathname + search, payload, headers: { "content-type": type } } as const;
  return (await api.app.inject(sent)).statusCode;
}

async function context(payload = CONTEXT, options?: CallOptions): Promise<string> {
  const { uploadUrl, downloadUrl } = (await api.call("POST /v1/build-contexts/presign", undefined, options))
    .body;
  expect(await put(uploadUrl, payload, "application/gzip")).toBe(200);
  return downloadUrl;
}

/** A build that prints a line and goes on until it is cancelled, or told to end. */
function endless(): { finish: (outcome?: BuildOutcome) => void } {
  const told = Promise.withResolvers<BuildOutcome>();
  api.worker.builds.dockerfile = async (order, log, signal) => {
    log("STEP 1/2: FROM debian");
    keep(images, order);
    const cancelled = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => cancelled.reject(signal.reason));
    return Promise.race([told.promise, cancelled.promise]);
  };
  return { finish: (outcome = builtImage("made")) => told.resolve(outcome) };
}

const manyArgs = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, nth) => [`A${nth}`, ""]));

function expectNothingLeft(): void {
  expect([...api.worker.vms.keys()]).toEqual([]);
  expect(
    images.held.map(({ reference }) => reference).filter((name) => name.startsWith("localhost/")),
  ).toEqual([]);
}

const lines = (text: string) => text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));

describe("a build of a Dockerfile", () => {
  test("becomes a snapshot, and leaves neither VM nor image nor context", async () => {
    let given: { order: BuildOrder; bytes: Buffer } | undefined;
    api.worker.builds.dockerfile = async (order) => {
      given = { order, bytes: await readFile(order.context?.path ?? "") };
      keep(images, order);
      return builtImage(`localhost/build/${order.buildId}:latest`);
    };
    const id = await create({
      dockerfileContent: DOCKERFILE,
      contextDownloadUrl: await context(),
      target: "run",
      buildArgs: { VERSION: "3" },
      secrets: { token: "s3cret" },
      noCache: true,
      machineType: "c2m4",
      diskGiB: 12,
    });
    const build = await ended(id);
    expect(build).toMatchObject({ status: "completed", imageRef: "", steps: { ran: 2, cached: 1 } });
    expect(build.progress).toBeUndefined();
    const snapshot = (await api.call(`GET /v1/snapshots/${build.snapshotId}`)).body;
    expect(snapshot).toMatchObject({ name: id, status: "ready", machineName: "c2m4", diskGiB: 12 });
    expect(given?.bytes).toEqual(CONTEXT);
    expect(given?.order).toMatchObject({
      buildId: id,
      orgId: api.orgId,
      dockerfile: { text: DOCKERFILE },
      context: { format: "tar.gz" },
      target: "run",
      args: { VERSION: "3" },
      secrets: { token: "s3cret" },
      noCache: true,
      network: { egress: { default: "allow" } },
    });
    expect(existsSync(given?.order.context?.path ?? "")).toBe(false);
    expect(await api.worker.builds.list()).toEqual([]);
    expectNothingLeft();
    expect((await api.call("GET /v1/vms")).body).toEqual([]);
    expect((await api.call("GET /v1/builds")).body).toEqual([build]);
  });

  test("says how far it is, prints as it goes, and is followed to its end by any number", async () => {
    const { finish } = endless();
    const id = await create({ dockerfileContent: DOCKERFILE, name: "web" });
    await inPhase(id, "buildah bud");
    const now = (await api.call(`GET /v1/builds/${id}/logs`)).body;
    expect(now).toEqual({ log: "STEP 1/2: FROM debian\n", status: "running" });
    const accept = { headers: { accept: "application/x-ndjson" } };
    const following = [1, 2].map(() => api.call(`GET /v1/builds/web/logs`, undefined, accept));
    finish();
    for (const { text } of await Promise.all(following)) {
      const events = lines(text);
      expect(events.filter(({ t }) => t === "p").map(({ d }) => d)).toEqual([
        "creating build VM",
        "buildah pull",
        "buildah bud",
        "applying image",
        "applying image",
        "settling VM",
        "creating snapshot",
      ]);
      expect(events.filter(({ t }) => t === "l")).toEqual([{ t: "l", d: "STEP 1/2: FROM debian" }]);
      expect(events.at(-1)).toEqual({ t: "x", status: "completed", snapshotId: expect.any(String) });
    }
    const later = await api.call(`GET /v1/builds/${id}/logs`, undefined, accept);
    expect(lines(later.text)).toEqual([
      { t: "l", d: "STEP 1/2: FROM debian" },
      { t: "x", status: "completed", snapshotId: expect.any(String) },
    ]);
  });

  test("that fails says why, with the last lines and in 4 KiB", async () => {
    api.worker.builds.dockerfile = async (_order, log) => {
      log("make: *** No rule");
      return { status: "failed", fault: "order", error: `${"x".repeat(5000)}\nmake: *** No rule` };
    };
    const id = await create({ dockerfileContent: DOCKERFILE });
    const build = await ended(id);
    expect(build).toMatchObject({ status: "failed", error: expect.stringMatching(/No rule$/) });
    expect(build.error).toHaveLength(4096);
    expect(build.snapshotId).toBeUndefined();
    expect((await api.call(`GET /v1/snapshot-imports/${id}`)).body).toMatchObject({
      status: "failed",
      events: expect.arrayContaining([expect.objectContaining({ phase: "build", status: "failed" })]),
    });
    expect((await api.call("GET /v1/snapshots")).body).toEqual([]);
    expectNothingLeft();
  });

  test.each(["launch", "createSnapshot"] as const)(
    "leaves nothing when the host fails at %s",
    async (method) => {
      api.worker.failNext(method, new FastvmError("launch_failed", "no such luck"));
      const build = await ended(await create({ dockerfileContent: DOCKERFILE, tag: "app" }));
      expect(build).toMatchObject({ status: "failed", error: expect.stringContaining("no such luck") });
      expect((await api.call("GET /v1/snapshots")).body).toEqual([]);
      expectNothingLeft();
    },
  );

  test("waits for a worker that has as many under way as it takes", async () => {
    api.worker.builds.failures.push(new FastvmError("out_of_capacity"), new FastvmError("out_of_capacity"));
    expect(await ended(await create({ dockerfileContent: DOCKERFILE }))).toMatchObject({
      status: "completed",
    });
    expect(api.worker.builds.orders).toHaveLength(3);
  });

  test("keeps its secrets out of every record and answer", async () => {
    const id = await create({ dockerfileContent: DOCKERFILE, secrets: { token: "s3cret-value" } });
    await ended(id);
    for (const path of [`builds/${id}`, `builds/${id}/logs`, `snapshot-imports/${id}`]) {
      expect((await api.call(`GET /v1/${path}`)).text).not.toContain("s3cret-value");
    }
    expect(JSON.stringify(await api.store.builds.list(api.orgId))).not.toContain("s3cret-value");
  });
});

describe("a build with a tag", () => {
  test("keeps its image for launches of its organisation, until another takes the name", async () => {
    const launch = (key?: CallOptions) =>
      api.call("POST /v1/vms", { machineType: "c1m2", image: "app" }, key);
    const first = await create({ dockerfileContent: DOCKERFILE, tag: "app:latest" });
    expect(await ended(first)).toMatchObject({ status: "completed", tag: "app" });
    const imageOf = (id: string) => api.worker.vms.get(id as VmId)?.spec?.source;
    const vm = (await launch()).body;
    expect(imageOf(vm.id)).toEqual({
      kind: "template",
      image: `localhost/build/${first}:latest`,
      imageOwner: vm.orgId,
    });
    expect(await launch(OTHER)).toMatchObject({ status: 404, body: { field: "image" } });
    const second = await create({ dockerfileContent: DOCKERFILE, tag: "app" });
    expect((await ended("app")).id).toBe(second);
    expect(images.held.map(({ reference }) => reference)).toEqual([`localhost/build/${second}:latest`]);
  });
});

describe("a cancelled build", () => {
  test.each(["buildah bud", "settling VM", "creating snapshot"])(
    "while %s has failed, and nothing is left",
    async (at) => {
      const release =
        at === "buildah bud"
          ? undefined
          : api.worker.hold(at === "settling VM" ? "launch" : "createSnapshot");
      if (at === "buildah bud") endless();
      const id = await create({ dockerfileContent: DOCKERFILE });
      await inPhase(id, at);
      const cancelled = (await api.call(`POST /v1/builds/${id}/cancel`)).body;
      expect(cancelled).toMatchObject({ status: "failed", error: "It was cancelled" });
      release?.();
      expect((await api.call(`POST /v1/snapshot-imports/${id}/cancel`)).body.status).toBe("cancelled");
      expect((await api.call("GET /v1/snapshots")).body).toEqual([]);
      expect(await api.worker.builds.list()).toEqual([]);
      expectNothingLeft();
    },
  );

  test("that waited for its turn never began", async () => {
    await api[Symbol.asyncDispose]();
    api = await testApp({ images, config: { maxBuildsAtOnce: 1 } });
    const { finish } = endless();
    const first = await create({ dockerfileContent: DOCKERFILE });
    await inPhase(first, "buildah bud");
    const second = await create({ dockerfileContent: DOCKERFILE });
    expect((await api.call(`POST /v1/builds/${second}/cancel`)).body.status).toBe("failed");
    finish();
    expect(await ended(first)).toMatchObject({ status: "completed" });
    expect(api.worker.builds.orders).toHaveLength(1);
  });

  test("makes room for that of another organisation before more of one's own", async () => {
    await api[Symbol.asyncDispose]();
    api = await testApp({ images, config: { maxBuildsAtOnce: 2 } });
    const { finish } = endless();
    const ids = [];
    for (let nth = 0; nth < 3; nth++) ids.push(await create({ dockerfileContent: DOCKERFILE }));
    const other = await create({ dockerfileContent: DOCKERFILE }, OTHER);
    await inPhase(ids[1] ?? "", "buildah bud");
    await api.call(`POST /v1/builds/${ids[0]}/cancel`);
    await eventually(() => expect(api.worker.builds.orders.map(({ buildId }) => buildId)).toContain(other));
    expect(api.worker.builds.orders.map(({ buildId }) => buildId)).not.toContain(ids[2]);
    finish();
  });
});

describe("an image without a Dockerfile", () => {
  test("is pulled for its organisation and becomes a snapshot, by the login that it keeps", async () => {
    await api.call("PUT /v1/registries/registry.example", { username: "ali", password: "kept" });
    const build = await ended(await create({ imageRef: "registry.example/app", name: "base" }));
    expect(build).toMatchObject({ status: "completed", imageRef: "registry.example/app" });
    expect(images.orders).toEqual([
      {
        owner: api.orgId,
        reference: "registry.example/app",
        policy: "if-missing",
        credentials: { username: "ali", password: "kept" },
      },
    ]);
    expect((await api.call(`GET /v1/snapshots/base`)).body.id).toBe(build.snapshotId);
    expect(images.held).toHaveLength(1);
  });

  test("that the registry does not give fails with its reason", async () => {
    const pull = images.pull.bind(images);
    images.pull = async (order) => {
      if (order.credentials?.password !== "right") throw new FastvmError("registry_denied");
      return pull(order);
    };
    const source = {
      type: "image",
      image: "team/private",
      registryUsername: "ali",
      registryPassword: "wrong",
    };
    const { id } = (await api.call("POST /v1/snapshot-imports", { source })).body;
    expect(await ended(id)).toMatchObject({ status: "failed", error: expect.stringContaining("registry") });
    const right = { source: { ...source, registryPassword: "right" } };
    const { body } = await api.call("POST /v1/snapshot-imports", right);
    expect(body.source).toEqual({ type: "image", image: "team/private", platform: "linux/amd64" });
    expect(await ended(body.id)).toMatchObject({ status: "completed" });
    expect(JSON.stringify(await api.store.builds.list(api.orgId))).not.toContain("right");
  });
});

describe("an import", () => {
  const importContext = async (payload = ZIP) => {
    const place = (await api.call("POST /v1/snapshot-imports/context-presign", {})).body;
    expect(await put(place.uploadUrl, payload, "application/zip")).toBe(200);
    return place.contextRef;
  };

  test("of a ZIP goes through its phases, is listed, and goes with its snapshot", async () => {
    const source = {
      type: "dockerfile",
      contextRef: await importContext(),
      dockerfilePath: "docker/Dockerfile",
    };
    const made = await api.call("POST /v1/snapshot-imports", { source, name: "mine", machineType: "c1m2" });
    expect(made.status).toBe(202);
    await ended(made.body.id);
    const done = (await api.call("GET /v1/snapshot-imports/mine")).body;
    expect(done).toMatchObject({
      status: "succeeded",
      source: { type: "dockerfile", dockerfilePath: "docker/Dockerfile", contextSizeBytes: ZIP.length },
      cpu: 1,
      memoryMiB: 2048,
      diskGiB: 10,
    });
    const phases = ["preparing", "fetch_context", "pull", "build", "export", "saving", "warming", "done"];
    expect(
      done.events.map(({ phase, status }: { phase: string; status: string }) => `${phase} ${status}`),
    ).toEqual(phases.flatMap((phase) => [`${phase} started`, `${phase} completed`]));
    expect(api.worker.builds.orders[0]).toMatchObject({
      dockerfile: { path: "docker/Dockerfile" },
      context: { format: "zip" },
    });
    expect((await api.call("GET /v1/snapshot-imports")).body.map(({ id }: { id: string }) => id)).toEqual([
      done.id,
    ]);
    expect((await api.call(`DELETE /v1/snapshot-imports/${done.id}`)).body).toEqual({
      id: done.id,
      deleted: true,
    });
    expect((await api.call("GET /v1/snapshots")).body).toEqual([]);
    expect((await api.call(`GET /v1/snapshot-imports/${done.id}`)).status).toBe(404);
  });

  test("that has not ended cannot be deleted", async () => {
    const { finish } = endless();
    const source = { type: "dockerfile", contextRef: await importContext() };
    const { id } = (await api.call("POST /v1/snapshot-imports", { source })).body;
    expect((await api.call(`DELETE /v1/snapshot-imports/${id}`)).body).toMatchObject({ code: "conflict" });
    finish();
    await ended(id);
  });

  test.each([
    [{ type: "image" }, "source.image"],
    [{ type: "image", image: "debian", contextRef: "a" }, "source.contextRef"],
    [{ type: "image", image: "debian", target: "a" }, "source.target"],
    [{ type: "image", image: "debian", platform: "linux/arm64" }, "source.platform"],
    [{ type: "image", image: "debian", registryUsername: "a" }, "source.registryPassword"],
    [{ type: "dockerfile" }, "source.contextRef"],
    [{ type: "dockerfile", contextRef: "REF", image: "debian" }, "source.image"],
    [{ type: "dockerfile", contextRef: "REF", dockerfilePath: "../Dockerfile" }, "source.dockerfilePath"],
    [{ type: "dockerfile", contextRef: "REF", dockerfilePath: "/Dockerfile" }, "source.dockerfilePath"],
    [
      { type: "dockerfile", contextRef: "REF", registryUsername: "a", registryPassword: "b" },
      "source.registryHost",
    ],
    [{ type: "dockerfile", contextRef: "REF", buildArgs: manyArgs(65) }, "source.buildArgs"],
    [{ type: "dockerfile", contextRef: "REF", buildArgs: { "--A": "x" } }, "source.buildArgs"],
  ])("is refused for $1: %#", async (source, field) => {
    const contextRef =
      "contextRef" in source && source.contextRef === "REF" ? { contextRef: await importContext() } : {};
    const { status, body } = await api.call("POST /v1/snapshot-imports", {
      source: { ...source, ...contextRef },
    });
    expect([status, body.field]).toEqual([400, field]);
  });

  test("is told ahead that its context is too large", async () => {
    const { status, body } = await api.call("POST /v1/snapshot-imports/context-presign", {
      sizeBytes: 2 ** 40,
    });
    expect([status, body.field]).toEqual([400, "sizeBytes"]);
  });
});

describe("a context", () => {
  test("is good for one build", async () => {
    const contextDownloadUrl = await context();
    await ended(await create({ dockerfileContent: DOCKERFILE, contextDownloadUrl }));
    const again = await api.call("POST /v1/builds", { dockerfileContent: DOCKERFILE, contextDownloadUrl });
    expect([again.status, again.body.field]).toEqual([404, "contextDownloadUrl"]);
  });

  test("of another organisation, of a VM, or of nobody is refused", async () => {
    const stolen = await context(CONTEXT, OTHER);
    const vm = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
    const ofVm = (await api.call(`POST /v1/vms/${vm.id}/files/presign`, {})).body.downloadUrl;
    for (const [contextDownloadUrl, status] of [
      [stolen, 403],
      [ofVm, 403],
      ["http://169.254.169.254/latest", 400],
      [stolen.replace("method=GET", "method=PUT"), 400],
    ] as const) {
      const answer = await api.call("POST /v1/builds", { dockerfileContent: DOCKERFILE, contextDownloadUrl });
      expect([answer.status, answer.body.field]).toEqual([status, "contextDownloadUrl"]);
    }
    const reference = new URL(stolen).pathname.split("/").at(-1);
    const source = { type: "dockerfile", contextRef: reference };
    expect((await api.call("POST /v1/snapshot-imports", { source })).status).toBe(404);
    // Nor does it come into a VM.
    const body = { url: stolen, path: "/root/stolen" };
    expect((await api.call(`POST /v1/vms/${vm.id}/files/fetch`, body)).status).toBe(404);
  });

  test("that is no archive fails the build, and is gone", async () => {
    const contextDownloadUrl = await context(Buffer.from("hello"));
    const build = await ended(await create({ dockerfileContent: DOCKERFILE, contextDownloadUrl }));
    expect(build).toMatchObject({
      status: "failed",
      error: expect.stringContaining("neither a tar.gz nor a ZIP"),
    });
    expect(api.worker.builds.orders).toEqual([]);
  });
});

describe("a context that is sent without end", () => {
  test("fails its build in time, and the next one has its turn", async () => {
    await api[Symbol.asyncDispose]();
    api = await testApp({ images, config: { maxBuildsAtOnce: 1, contextWaitMs: 50 } });
    const { uploadUrl, downloadUrl } = (await api.call("POST /v1/build-contexts/presign")).body;
    const { pathname, search } = new URL(uploadUrl);
    const payload = new PassThrough();
    payload.write(CONTEXT.subarray(0, 4));
    const headers = { "content-type": "application/gzip" };
    const sending = api.app.inject({ method: "PUT", url: pathname + search, payload, headers });
    const body = { dockerfileContent: DOCKERFILE, contextDownloadUrl: downloadUrl };
    let slow = "";
    await eventually(async () => {
      const made = await api.call("POST /v1/builds", body);
      expect(made.status).toBe(202);
      slow = made.body.id;
    });
    const next = await create({ dockerfileContent: DOCKERFILE }, OTHER);
    expect(await ended(slow)).toMatchObject({
      status: "failed",
      error: "Its context was not there after 0.05 s",
    });
    expect((await ended(next, OTHER)).status).toBe("completed");
    payload.end();
    await sending;
  });
});

describe("what is asked for is refused", () => {
  test.each([
    [{}, "imageRef"],
    [{ name: "only" }, "imageRef"],
    [{ imageRef: "a b" }, "imageRef"],
    [{ imageRef: "debian", target: "run" }, "target"],
    [{ dockerfileContent: "" }, "dockerfileContent"],
    [{ dockerfilePath: "Dockerfile" }, "contextDownloadUrl"],
    [{ dockerfileContent: DOCKERFILE, tag: "App!" }, "tag"],
    [{ dockerfileContent: DOCKERFILE, target: "--help" }, "target"],
    [{ dockerfileContent: DOCKERFILE, secrets: { "a,src=/etc/shadow": "x" } }, "secrets"],
    [{ dockerfileContent: DOCKERFILE, machineType: "huge" }, "machineType"],
    [{ dockerfileContent: DOCKERFILE, diskGiB: 3 }, "diskGiB"],
  ])("%j", async (body, field) => {
    const answer = await api.call("POST /v1/builds", body);
    expect([answer.status, answer.body.field]).toEqual([400, field]);
    expect(await api.store.builds.list(api.orgId)).toEqual([]);
  });

  test("when as many have not ended as may be, and when there is no room for another snapshot", async () => {
    const { finish } = endless();
    const ids = [];
    for (let nth = 0; nth < 16; nth++) ids.push(await create({ dockerfileContent: DOCKERFILE }));
    const more = await api.call("POST /v1/builds", { dockerfileContent: DOCKERFILE });
    expect(more.body).toMatchObject({ code: "quota_exceeded", error: expect.stringContaining("16 of 16") });
    await create({ dockerfileContent: DOCKERFILE }, OTHER);
    finish();
    for (const id of ids) await ended(id);
    const limits = { ...(await api.store.organisations.limits(api.orgId)), snapshotCount: 16 };
    await api.store.organisations.setLimits(api.orgId, limits);
    const full = await api.call("POST /v1/builds", { dockerfileContent: DOCKERFILE });
    expect(full.body).toMatchObject({
      code: "quota_exceeded",
      error: expect.stringContaining("snapshotCount"),
    });
  });
});

/** Templates: built, followed, named, promoted; machines and warm pools of them. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeImages } from "../../../../testing/fake-images.ts";
import { machinesApp, type MachinesApp } from "../../../../testing/machines-app.ts";
import { vmIdOf } from "../../ids.ts";
import { builtImage } from "../../../../testing/fake-builds.ts";

/** Of one template, beside those that tags mean. */
const KEPT_BUILDS = 10;
const APP = { base_image: "python:3.13-slim", steps: [{ kind: "run", command: "true" }] };
const START = { command: "python -m http.server 8080", wait_for_port: 8080, timeout_seconds: 30 };
/** Waits for a condition, on whatever machine. */
const soon = <T>(read: () => T) => expect.poll(read, { timeout: 30_000, interval: 20 });

let api: MachinesApp;
let images: FakeImages;

beforeEach(async () => {
  images = new FakeImages();
  api = await machinesApp({ images, config: { poolEveryMs: 10 } });
  api.fastvm.worker.builds.dockerfile = async ({ buildId, orgId }, log) => {
    log("Step 1");
    log("Step 2");
    images.keep(`localhost/build/${buildId}:latest`, orgId);
    return builtImage(`localhost/build/${buildId}:latest`);
  };
});
afterEach(() => api[Symbol.asyncDispose]());

const read = async (id: string) => api.ok(`GET /v1/template-builds/${id}`);

async function begun(rest: object = {}): Promise<string> {
  return (await api.ok("POST /v1/templates", { name: "app", definition: APP, ...rest })).id;
}

async function built(rest: object = {}): Promise<string> {
  const id = await begun(rest);
  await soon(async () => (await read(id)).status).toBe("ready");
  return id;
}

/** What the worker was told to make it of. */
function sourceOf({ id }: { readonly id: string }): unknown {
  const vmId = vmIdOf(id);
  return vmId && api.fastvm.worker.vms.get(vmId)?.spec?.source;
}

const imageOf = (build: string) =>
  `localhost/build/${build.replace(/^tbd_(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")}:latest`;

describe("a build of a template", () => {
  test("is begun, printed, and meant by its tag once it is ready", async () => {
    const id = await built({ resources: { vcpus: 2, memory_mb: 1024, disk_mb: 20_480 } });
    expect(await read(id)).toMatchObject({
      id: expect.stringMatching(/^tbd_[0-9a-f]{32}$/),
      template: "app",
      tag: "latest",
      definition: APP,
      resources: { vcpus: 2, memory_mb: 1024, disk_mb: 20_480 },
      artifact_availability: "available",
      promotability: "promotable",
      promoted_tags: ["latest"],
      cache_summary: { steps_ran: 2, steps_cached: 1 },
    });
    const [order] = api.fastvm.worker.builds.orders;
    expect(order?.dockerfile).toEqual({ text: 'FROM python:3.13-slim\nRUN ["/bin/sh","-ec","true"]\n' });
    const template = await api.ok("GET /v1/templates/app");
    expect(template).toMatchObject({ canonical_ref: "app:latest", visibility: "private", aliases: [] });
    expect(template.tags).toMatchObject([{ tag: "latest", build_id: id }]);
    expect(await api.ok("GET /v1/templates?fields=id,canonical_ref")).toEqual({
      templates: [{ id: template.id, canonical_ref: "app:latest" }],
    });
    const unknown = await api.call("GET /v1/templates?fields=id,secret");
    expect(unknown).toMatchObject({ status: 400, body: { code: "invalid_fields" } });
  });

  test("under one key is one", async () => {
    const order = { name: "app", definition: APP };
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => api.ok("POST /v1/templates", order, { once: "same" })),
    );
    expect(new Set(answers.map((body) => body.id)).size).toBe(1);
    expect((await api.ok("GET /v1/templates/app/builds")).builds).toHaveLength(1);
    const other = await api.call("POST /v1/templates", { ...order, name: "b" }, { once: "same" });
    expect(other).toMatchObject({ status: 409, body: { code: "conflict" } });
  });

  test("has its start command running before anything of it is captured", async () => {
    const release = api.fastvm.worker.hold("launch");
    const id = await begun({ definition: { ...APP, start: START } });
    const { store } = api.fastvm;
    await soon(async () => (await store.vms.listAll()).map((vm) => vm.sourceName)).toEqual([imageOf(id)]);
    const held = images.held.find(({ reference }) => reference === imageOf(id));
    expect(held?.start).toEqual({
      command: START.command,
      ready: { kind: "port", port: 8080 },
      timeoutSec: 30,
    });
    release();
    await soon(async () => (await read(id)).status).toBe("ready");
  });

  test("is followed line by line, by whoever asks again from where it came to", async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    api.fastvm.worker.builds.dockerfile = async (_order, log) => {
      log("one");
      await gate;
      log("two");
      return { status: "failed", fault: "order", error: "no such file" };
    };
    const id = await begun();
    const first = await api.ok(`GET /v1/template-builds/${id}/logs?wait_ms=30000`);
    expect(first).toMatchObject({ offset: 0, next_offset: 1, lines: ["one"], complete: false });
    const waiting = api.ok(`GET /v1/template-builds/${id}/logs?offset=1&wait_ms=30000`);
    open();
    expect(await waiting).toMatchObject({ offset: 1, lines: ["two"], next_offset: 2 });
    await soon(async () => (await read(id)).status).toBe("failed");
    expect((await read(id)).error).toContain("no such file");
    const all = await api.ok(`GET /v1/template-builds/${id}/logs?limit=1`);
    expect(all).toMatchObject({ lines: ["one"], next_offset: 1, complete: false });
    const end = await api.ok(`GET /v1/template-builds/${id}/logs?offset=2&wait_ms=30000`);
    expect(end).toMatchObject({ lines: [], status: "failed", complete: true });
    expect((await api.ok("GET /v1/templates/app")).tags).toEqual([]);
  });

  test("is cancelled, again without effect, and built again of the same definition", async () => {
    api.fastvm.worker.builds.dockerfile = async (_order, _log, signal) => {
      await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      throw new Error("unreachable");
    };
    const id = await begun({ tag: "v1" });
    await soon(async () => (await read(id)).status).toBe("building");
    expect((await api.ok(`POST /v1/template-builds/${id}/cancel`)).status).toBe("cancelled");
    expect((await api.ok(`POST /v1/template-builds/${id}/cancel`)).status).toBe("cancelled");
    const notReady = await api.call("POST /v1/templates/app/promote", { build_id: id });
    expect(notReady).toMatchObject({ status: 409, body: { code: "conflict" } });
    const again = await api.ok(`POST /v1/template-builds/${id}/retry`, {}, { once: "again" });
    expect(again).toMatchObject({ template: "app", tag: "v1", definition: APP });
    expect(again.id).not.toBe(id);
    expect((await api.ok(`POST /v1/template-builds/${id}/retry`, {}, { once: "again" })).id).toBe(again.id);
    await api.ok(`POST /v1/template-builds/${again.id}/cancel`);
  });

  test("that is late takes no tag from one that was begun after it", async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const { dockerfile } = api.fastvm.worker.builds;
    api.fastvm.worker.builds.dockerfile = async (order, log, signal) => {
      await gate;
      return await dockerfile(order, log, signal);
    };
    const slow = await begun();
    await soon(() => api.fastvm.worker.builds.orders.length).toBe(1);
    // Of the same millisecond, neither would be the later one.
    const begunAt = Date.parse((await read(slow)).created_at);
    await soon(() => Date.now()).toBeGreaterThan(begunAt);
    api.fastvm.worker.builds.dockerfile = dockerfile;
    const quick = await built();
    open();
    await soon(async () => (await read(slow)).status).toBe("ready");
    expect((await api.ok("GET /v1/templates/app")).tags).toMatchObject([{ build_id: quick }]);
  });

  test("stands on another template, whose image it names as nobody else's", async () => {
    const base = await built();
    await built({ name: "child", definition: { base_template: "app" } });
    const order = api.fastvm.worker.builds.orders.at(-1);
    const tag = imageOf(base)
      .replace("localhost/build/", "template/")
      .replace(/:latest$/, "");
    expect(order?.dockerfile).toEqual({ text: `FROM ${tag}\n` });
    expect(Object.keys(order?.images ?? {})).toContain(`docker.io/${tag}:latest`);
    const missing = await api.call("POST /v1/templates", {
      name: "x",
      definition: { base_template: "nobody" },
    });
    expect(missing).toMatchObject({ status: 404, body: { code: "template_not_found" } });
  });
});

describe("the image of a build that no tag means", () => {
  const promote = async (id: string) =>
    (await api.call("POST /v1/templates/app/promote", { build_id: id })).status;
  const held = () => images.held.map(({ reference }) => reference);

  /** What else happens right before an image goes. */
  function beforeNextRemoval(work: () => Promise<void>): void {
    const remove = images.remove.bind(images);
    images.remove = async (...args) => {
      images.remove = remove;
      await work();
      return await remove(...args);
    };
  }

  test("goes once there are ten newer ones, unless a tag was moved back to it by then", async () => {
    const [first, second] = [await built(), await built()];
    for (let more = 0; more < KEPT_BUILDS - 1; more++) await built();
    // What could not be removed is there as before, and goes with the next: two at once.
    const { promise: failed, resolve: fail } = Promise.withResolvers<void>();
    beforeNextRemoval(() => (fail(), Promise.reject(new Error("the disk is broken"))));
    await built();
    await failed;
    await soon(async () => (await read(first)).artifact_availability).toBe("available");
    const seen: number[] = [];
    beforeNextRemoval(async () => void seen.push(await promote(second), await promote(first)));
    await built();
    await soon(() => held().includes(imageOf(second))).toBe(false);
    expect(seen).toEqual([409, 200]);
    expect((await api.ok("GET /v1/templates/app")).tags).toMatchObject([{ build_id: first }]);
    await expect(api.ok("POST /v1/machines", { template: "app" })).resolves.toBeDefined();
    expect(held()).toContain(imageOf(first));
  });

  test("goes with its template, while no tag is moved to it any more", async () => {
    const id = await built();
    const seen: number[] = [];
    beforeNextRemoval(async () => void seen.push(await promote(id)));
    await api.ok("DELETE /v1/templates/app");
    expect(seen).toEqual([409]);
    expect(held()).toEqual([]);
  });

  test("goes also when a daemon ended between its record and it", async () => {
    const id = await built();
    const { builds } = api.fastvm.store;
    const [build] = await builds.tagged(api.fastvm.orgId);
    await builds.update(build?.id ?? "", { imageReference: null });
    await api.ok("DELETE /v1/templates/app");
    expect(held()).not.toContain(imageOf(id));
  });
});

describe("names of a template", () => {
  test("are changed, added and taken away, each meant once", async () => {
    await built();
    await built({ name: "other" });
    const { id } = await api.ok("GET /v1/templates/app");
    expect((await api.ok("POST /v1/templates/app/aliases", { name: "web" })).aliases).toEqual(["web"]);
    expect((await api.ok("GET /v1/templates/web")).id).toBe(id);
    expect((await api.ok(`GET /v1/templates/${id}`)).name).toBe("app");
    const taken = await api.call(`PATCH /v1/templates/${id}`, { name: "other" });
    expect(taken).toMatchObject({ status: 409, body: { code: "conflict" } });
    expect(await api.ok(`PATCH /v1/templates/${id}`, { name: "api" })).toMatchObject({
      id,
      name: "api",
      aliases: ["web"],
    });
    expect((await api.call("GET /v1/templates/app")).body.code).toBe("template_not_found");
    expect((await api.ok("DELETE /v1/templates/api/aliases/web")).aliases).toEqual([]);
    const gone = await api.call("DELETE /v1/templates/api/aliases/web");
    expect(gone).toMatchObject({ status: 404, body: { code: "template_name_claim_not_found" } });
  });

  /** What else happens right after a template was found. */
  function afterNextFind(work: () => Promise<unknown>): void {
    const { templates } = api.fastvm.store;
    const find = templates.find.bind(templates);
    templates.find = async (...args) => {
      templates.find = find;
      const found = await find(...args);
      await work();
      return found;
    };
  }

  test.each(["PATCH /v1/templates/app", "POST /v1/templates/app/aliases"])(
    "are free after a %s that met the delete of its template",
    async (route) => {
      await built();
      afterNextFind(() => api.ok("DELETE /v1/templates/app"));
      const late = await api.call(route, { name: "next" });
      expect(late).toMatchObject({ status: 404, body: { code: "template_not_found" } });
      await built({ name: "next" });
    },
  );

  test("of which one became the template's own meanwhile are not taken away", async () => {
    await built();
    await api.ok("POST /v1/templates/app/aliases", { name: "web" });
    afterNextFind(() => api.ok("PATCH /v1/templates/app", { name: "web" }));
    const late = await api.call("DELETE /v1/templates/app/aliases/web");
    expect(late).toMatchObject({ status: 404, body: { code: "template_name_claim_not_found" } });
    expect((await api.ok("GET /v1/templates/web")).name).toBe("web");
  });

  test.each(["Base", "a b", "tpl/x", "a:b", "-a"])("may not be %s", async (name) => {
    const refused = await api.call("POST /v1/templates", { name, definition: APP });
    expect(refused).toMatchObject({ status: 400, body: { field: "name" } });
  });

  test("go with the template, its builds and their images", async () => {
    const id = await built();
    const promoted = id.replace(/^tbd_(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
    expect((await api.fastvm.call(`DELETE /v1/builds/${promoted}`)).status).not.toBe(200);
    expect(images.held).toHaveLength(1);
    await api.ok("DELETE /v1/templates/app");
    expect((await api.call(`GET /v1/template-builds/${id}`)).body.code).toBe("template_build_not_found");
    expect(images.held).toEqual([]);
    expect(await api.ok("GET /v1/templates")).toEqual({ templates: [] });
  });
});

describe("a machine of a template", () => {
  test("is of the build that its reference means, with the sizes that was built with", async () => {
    const first = await built({ tag: "v1", resources: { vcpus: 2, memory_mb: 1024, disk_mb: 20_480 } });
    const second = await built();
    const { id } = await api.ok("GET /v1/templates/app");
    const made = await api.ok("POST /v1/machines", { template: "app:v1" });
    expect(made).toMatchObject({
      template: "app:v1",
      config: { vcpus: 2, memory_mb: 1024, disk_mb: 20_480 },
    });
    expect(sourceOf(made)).toMatchObject({ kind: "template", image: imageOf(first) });
    for (const template of ["app", "app:latest", id, `${id}:latest`]) {
      const machine = await api.ok("POST /v1/machines", { template });
      expect(machine.template).toBe("app");
      expect(sourceOf(machine)).toMatchObject({ kind: "template", image: imageOf(second) });
    }
    expect((await api.ok("GET /v1/machines?template=app:v1")).machines).toMatchObject([{ id: made.id }]);
    const own = await api.ok("POST /v1/machines", { template: "app:v1", vcpus: 1, memory_mb: 512 });
    expect(own.config).toMatchObject({ vcpus: 1, memory_mb: 512 });
    const larger = await api.call("POST /v1/machines", { template: "app:v1", disk_mb: 30_720 });
    expect(larger).toMatchObject({ status: 400, body: { code: "invalid_request", field: "disk_mb" } });
    for (const template of ["app:none", "nobody", "tpl_".padEnd(36, "0")]) {
      const missing = await api.call("POST /v1/machines", { template });
      expect(missing).toMatchObject({ status: 404, body: { code: "template_not_found" } });
    }
  });

  test("keeps its template's name over a pause, and in a fork", async () => {
    await built();
    const { id } = await api.ok("POST /v1/machines", { template: "app" });
    expect((await api.ok(`POST /v1/machines/${id}/fork`)).template).toBe("app");
    await api.ok(`POST /v1/machines/${id}/pause`);
    expect((await api.ok(`POST /v1/machines/${id}/resume`)).template).toBe("app");
  });
});

describe("a warm pool of a template", () => {
  const pool = async (rest: object = {}) =>
    (await api.ok("POST /v1/template-warm-pools", { name: "p", template_ref: "app", min_ready: 1, ...rest }))
      .id;
  const look = async (id: string) => api.ok(`GET /v1/template-warm-pools/${id}`);

  test("follows promote by generations, back too, unless it is pinned", { timeout: 60_000 }, async () => {
    const first = await built();
    const tracking = await pool({ version_policy: "track_tag" });
    const pinned = await pool();
    const full = { counts: { ready: 1, draining: 0 } };
    await soon(() => look(tracking)).toMatchObject({ ...full, resolved_template_build_id: first });
    await soon(() => look(pinned)).toMatchObject({ ...full, resolved_template_build_id: first });
    const second = await built();
    await soon(() => look(tracking)).toMatchObject({
      ...full,
      rollout_generation: 2,
      resolved_template_build_id: second,
      previous_resolved_template_build_id: first,
    });
    await api.ok("POST /v1/templates/app/promote", { build_id: first });
    await soon(() => look(tracking)).toMatchObject({
      ...full,
      rollout_generation: 3,
      resolved_template_build_id: first,
    });
    await api.ok("POST /v1/templates/app/promote", { build_id: second });
    // A machine that is taken out of the pinned one is followed by another of its build.
    const order = { warm_pool: { id: pinned, mode: "require" } };
    expect(await api.ok("POST /v1/machines", order)).toMatchObject({
      template: "app",
      warm_pool_checkout: { hit: true },
    });
    await soon(() => look(pinned)).toMatchObject({
      counts: { ready: 1, claimed: 1 },
      rollout_generation: 1,
      resolved_template_build_id: first,
      conditions: [],
    });
  });
});

test.each<[string, object, string]>([
  ["no base", {}, "definition"],
  ["two bases", { base_image: "a", dockerfile: "FROM b" }, "definition"],
  [
    "a package that is an option",
    { base_image: "a", steps: [{ kind: "apt_install", packages: ["-o"] }] },
    "packages[0]",
  ],
  ["what a step does not take", { base_image: "a", steps: [{ kind: "run", command: "a", url: "b" }] }, "url"],
  ["what a step lacks", { base_image: "a", steps: [{ kind: "copy", source: "a" }] }, "destination"],
  ["another line in a path", { base_image: "a", steps: [{ kind: "workdir", path: "/a\nRUN b" }] }, "path"],
  [
    "two kinds of readiness",
    { base_image: "a", start: { command: "a", wait_for_port: 1, wait_for_command: "b" } },
    "start",
  ],
  ["a variable of two lines", { base_image: "a", runtime_envs: { A: "a\nRUN b" } }, "runtime_envs.A"],
])("a definition with %s is refused by its field", async (_what, definition, field) => {
  const refused = await api.call("POST /v1/template-plans", { definition });
  expect(refused).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  expect(refused.body.field).toContain(field);
});

test("a plan shows what would be built, with nothing left to a shell but commands", async () => {
  const plan = await api.ok("POST /v1/template-plans", {
    definition: {
      base_image: "debian:12",
      build_envs: { TOKEN: 'a "b"' },
      runtime_envs: { PRICE: 'a "$5"' },
      steps: [
        { kind: "apt_install", packages: ["git", "curl"] },
        { kind: "git_clone", url: "https://example.com/a.git", path: "/srv/a", branch: "main" },
        { kind: "copy", source: "src", destination: "/srv/src" },
        { kind: "rename", source: "/srv/a", destination: "/srv/b" },
        { kind: "run", command: "cat <<EOF\nx\nEOF" },
        { kind: "user", name: "app" },
      ],
    },
  });
  expect(plan.needs_context).toBe(true);
  expect(plan.dockerfile.split("\n")).toEqual([
    "FROM debian:12",
    "ARG TOKEN",
    String.raw`ENV PRICE="a \"\$5\""`,
    expect.stringMatching(/^RUN \["\/bin\/sh","-ec","apt-get update .*","apt","git","curl"\]$/),
    'RUN ["git","clone","--depth","1","--branch","main","--","https://example.com/a.git","/srv/a"]',
    'COPY ["src","/srv/src"]',
    'RUN ["mv","--","/srv/a","/srv/b"]',
    String.raw`RUN ["/bin/sh","-ec","cat \u003c\u003cEOF\nx\nEOF"]`,
    "USER app",
    "",
  ]);
  const order = {
    name: "app",
    definition: { base_image: "a", steps: [{ kind: "copy", source: "a", destination: "/b" }] },
  };
  expect(await api.call("POST /v1/templates", order)).toMatchObject({
    status: 400,
    body: { field: "context_id" },
  });
  const { upload_url: url, context_id: context } = await api.ok("POST /v1/template-contexts", {});
  const { pathname, search } = new URL(url);
  const gzip = Buffer.from([0x1f, 0x8b, 8, 0]);
  const sent = await api.fastvm.app.inject({ method: "PUT", url: pathname + search, payload: gzip });
  expect(sent.statusCode).toBeLessThan(300);
  await built({ ...order, context_id: context });
  expect(api.fastvm.worker.builds.orders.at(-1)?.context?.format).toBe("tar.gz");
});

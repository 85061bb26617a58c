/**
 * Two organisations, operation by operation: what one has, the other neither sees nor changes. The cases are keyed by operation, so that
 * one which is added without a case fails the compiler and the first test.
 */
import { randomUUID } from "node:crypto";
import { MACHINE_OPERATIONS, type MachineOperationId, type Operation } from "@fastvm/contract";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../../../testing/eventually.ts";
import { FakeImages } from "../../../testing/fake-images.ts";
import { machinesApp, type MachinesApp } from "../../../testing/machines-app.ts";
import { vmIdOf } from "../ids.ts";

/** In whatever the other organisation must not see. */
const MARK = "private-7f3a";

interface Things {
  readonly machine: string;
  readonly paused: string;
  readonly pause: string;
  readonly snapshot: string;
  readonly pid: string;
  readonly webhook: string;
  readonly delivery: string;
  readonly grantId: string;
  readonly pool: string;
  readonly session: string;
  readonly volume: string;
  /** No machine has it. */
  readonly spare: string;
  readonly attachment: string;
  readonly upload: string;
  /** Of one byte, which has not come. */
  readonly uploadOfParts: string;
  readonly build: string;
}

const PORT = 8080;
const PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
/** Of the template. */
const NAME = "first";
const ALIAS = "second";

/** `hidden`: 404, as for what does not exist. `elsewhere`: so, by a reference in the body. `empty`: a list without anything. `own`: what is
 * made is one's own. */
type Sight = "hidden" | "elsewhere" | "empty" | "own";

interface Case {
  readonly sight: Sight;
  readonly body?: (things: Things) => object;
  /** What stands in the path for the machine; default: the one that runs. */
  readonly named?: readonly (keyof Things)[];
  readonly query?: string;
  /** What stands in the path for the volume; default: the one that the machine has. */
  readonly volume?: "spare";
  readonly upload?: "uploadOfParts";
  /** Of a body that is bytes. */
  readonly payload?: string;
}

const hidden = (rest: Omit<Case, "sight"> = {}): Case => ({ sight: "hidden", ...rest });

const CASES: Record<MachineOperationId, Case> = {
  createMachine: { sight: "elsewhere", body: ({ snapshot }) => ({ snapshot_id: snapshot }) },
  listMachines: { sight: "empty" },
  getMachine: hidden(),
  destroyMachine: hidden(),
  setMachineTimeout: hidden({ body: () => ({ timeout_ms: 1 }) }),
  hibernateMachine: hidden(),
  pauseMachine: hidden(),
  resumeMachine: hidden({ named: ["pause", "paused"] }),
  forkMachine: hidden(),
  createMachineSnapshot: hidden(),
  listMachineSnapshots: { sight: "empty" },
  getMachineSnapshot: hidden({ named: ["snapshot", "pause"] }),
  deleteMachineSnapshot: hidden({ named: ["snapshot"] }),
  listMachineLifecycle: hidden(),
  listLifecycle: { sight: "empty" },
  execInMachine: hidden({ body: () => ({ command: "true" }) }),
  listProcesses: hidden(),
  getProcessLogs: hidden(),
  writeProcessStdin: hidden({ body: () => ({ data: "x" }) }),
  killProcess: hidden(),
  listMachineFiles: hidden({ query: "?path=/workspace" }),
  removeMachineFile: hidden({ query: "?path=/workspace/file" }),
  getMachineFileInfo: hidden({ query: "?path=/workspace/file" }),
  readMachineFile: hidden({ query: "?path=/workspace/file" }),
  writeMachineFile: hidden({ query: "?path=/workspace/written" }),
  makeMachineDir: hidden({ body: () => ({ path: "/workspace/folder" }) }),
  renameMachineFile: hidden({ body: () => ({ path: "/workspace/file", new_path: "/workspace/moved" }) }),
  searchMachineFiles: hidden({ body: () => ({ path: "/workspace", text: MARK }) }),
  replaceInMachineFiles: hidden({ body: () => ({ path: "/workspace", text: MARK, replacement: "x" }) }),
  listPtys: hidden(),
  resizePty: hidden({ body: () => ({ cols: 80, rows: 24 }) }),
  killPty: hidden(),
  getMachineMetrics: hidden(),
  createUpload: hidden({ body: () => ({ path: "/workspace/x", size: 1 }) }),
  listUploads: hidden(),
  getUpload: hidden(),
  putUploadPart: hidden({ upload: "uploadOfParts", payload: "x" }),
  completeUpload: hidden({ body: () => ({}) }),
  abortUpload: hidden(),
  createUploadUrl: hidden({ body: () => ({ path: "/workspace/file" }) }),
  createDownloadUrl: hidden({ body: () => ({ path: "/workspace/file" }) }),
  createSshAccess: hidden({ body: () => ({ public_key: PUBLIC_KEY }) }),
  createWarmPool: { sight: "own", body: () => ({ name: "theirs", min_ready: 0 }) },
  listWarmPools: { sight: "empty" },
  getWarmPool: hidden(),
  getWarmPoolStatus: hidden(),
  updateWarmPool: hidden({ body: () => ({ min_ready: 0 }) }),
  deleteWarmPool: hidden(),
  enableWarmPool: hidden(),
  disableWarmPool: hidden(),
  drainWarmPool: hidden(),
  reconcileWarmPool: hidden(),
  createWebhook: {
    sight: "own",
    body: () => ({ url: "http://a.example/", signing_secret: "sixteen characters" }),
  },
  listWebhooks: { sight: "empty" },
  getWebhook: hidden(),
  updateWebhook: hidden({ body: () => ({ enabled: false }) }),
  deleteWebhook: hidden(),
  replayWebhook: hidden(),
  listWebhookDeliveries: hidden(),
  getWebhookDelivery: hidden(),
  replayWebhookDelivery: hidden(),
  getMachineHost: hidden({ body: () => ({ port: PORT }) }),
  createSignedPreviewUrl: hidden({ body: () => ({ expires_in_seconds: 60 }) }),
  getSignedPreviewUrl: hidden(),
  listPreviewGrants: hidden(),
  revokePreviewGrant: hidden(),
  createPreviewProxyTarget: hidden({ body: () => ({ transports: ["http"] }) }),
  probePreviewReadiness: hidden({ body: () => ({ kind: "tcp" }) }),
  updateMachineEgress: hidden({ body: () => ({ egress: { mode: "deny_all" } }) }),
  createMachineVolume: { sight: "own", body: () => ({ name: "theirs" }) },
  listMachineVolumes: { sight: "empty" },
  getMachineVolume: hidden(),
  deleteMachineVolume: { ...hidden(), volume: "spare" },
  listAttachmentsOfVolume: hidden(),
  listFilesOfVolume: hidden({ query: "?path=/" }),
  removeFileOfVolume: hidden({ query: "?path=/file" }),
  getFileInfoOfVolume: hidden({ query: "?path=/file" }),
  readFileOfVolume: hidden({ query: "?path=/file" }),
  writeFileOfVolume: hidden({ query: "?path=/written" }),
  makeDirInVolume: hidden({ body: () => ({ path: "/folder" }) }),
  renameFileOfVolume: hidden({ body: () => ({ path: "/file", new_path: "/moved" }) }),
  setFilePermissionsOfVolume: hidden({ body: () => ({ path: "/file", mode: "0600" }) }),
  attachVolumeToMachine: hidden({ body: ({ spare }) => ({ ref: spare, mount_path: "/mnt/spare" }) }),
  listVolumesOfMachine: hidden(),
  getVolumeOfMachine: hidden(),
  getAttachmentHealth: hidden(),
  remountAttachment: hidden(),
  detachVolumeFromMachine: hidden(),
  createTemplate: {
    sight: "own",
    body: () => ({ name: "theirs", definition: { base_image: "debian:12" } }),
  },
  planTemplate: { sight: "elsewhere", body: () => ({ definition: { base_template: NAME } }) },
  createTemplateContext: { sight: "own", body: () => ({}) },
  listTemplates: { sight: "empty" },
  getTemplate: hidden(),
  renameTemplate: hidden({ body: () => ({ name: "renamed" }) }),
  deleteTemplate: hidden(),
  addTemplateAlias: hidden({ body: () => ({ name: "another" }) }),
  removeTemplateAlias: hidden(),
  promoteTemplateBuild: hidden({ body: ({ build }) => ({ build_id: build, tag: "v2" }) }),
  listTemplateBuilds: hidden(),
  getTemplateBuild: hidden(),
  getTemplateBuildLogs: hidden(),
  cancelTemplateBuild: hidden(),
  retryTemplateBuild: hidden({ body: () => ({}) }),
  setMachineFilePermissions: hidden({ body: () => ({ path: "/workspace/file", mode: "0600" }) }),
};

const NOTHING = [
  [],
  { snapshots: [] },
  { events: [], offset: 0, limit: 50, has_more: false },
  { webhooks: [] },
  { warm_pools: [] },
  { volumes: [] },
  { templates: [] },
];

async function fill(api: MachinesApp): Promise<Things> {
  const marked = { metadata: { mark: MARK }, envs: { MARK }, template: MARK };
  const { id: volume } = await api.ok("POST /v1/volumes", { name: MARK });
  const { id: spare } = await api.ok("POST /v1/volumes", { name: "spare" });
  await api.ok(`PUT /v1/volumes/${volume}/files/content?path=/file`, undefined, { payload: MARK });
  const volumes = [{ ref: volume, mount_path: "/mnt/shared" }];
  const { id: machine } = await api.ok("POST /v1/machines", { ...marked, volumes });
  const { attachments } = await api.ok(`GET /v1/machines/${machine}/volumes`);
  const { id: paused } = await api.ok("POST /v1/machines", marked);
  const { id: pause } = await api.ok(`POST /v1/machines/${paused}/hibernate`);
  const { id: snapshot } = await api.ok(`POST /v1/machines/${machine}/snapshots`, {}, { once: MARK });
  const { command } = api.fastvm.worker;
  api.fastvm.worker.command = async function* () {
    yield { kind: "stdout", data: Buffer.from(MARK) };
    await new Promise(() => undefined);
  };
  const started = await api.ok(`POST /v1/machines/${machine}/exec`, { command: "cat", background: true });
  const vmId = vmIdOf(machine);
  if (vmId === undefined) throw new Error("there is no machine");
  const execId = randomUUID();
  const shell = { command: ["sh", MARK], pty: { cols: 80, rows: 24 } };
  await api.fastvm.worker.execs.start(vmId, execId, shell);
  // What is said by a guest that is asked for its figures; other commands may say it too.
  api.fastvm.worker.command = async function* (spec) {
    yield { kind: "stdout", data: Buffer.from("cpu  1 1 1 1\nMemTotal: 2 kB\nMemFree: 1 kB\n") };
    yield* command(spec);
  };
  await api.ok(`POST /v1/machines/${machine}/files/mkdir`, { path: "/workspace/folder-of-ours" });
  const file = `PUT /v1/machines/${machine}/files/content?path=/workspace/file`;
  await api.ok(file, undefined, { payload: MARK });
  const hook = { url: `http://a.example/${MARK}`, signing_secret: "sixteen characters" };
  const { id: webhook } = await api.ok("POST /v1/lifecycle/webhooks", hook);
  await api.ok(`POST /v1/machines/${machine}/timeout`, { timeout_ms: 60_000 });
  const told = `GET /v1/lifecycle/webhooks/${webhook}/deliveries`;
  await eventually(async () => expect((await api.ok(told)).deliveries[0]).toBeDefined());
  const delivery = (await api.ok(told)).deliveries[0].id;
  const { id: pool } = await api.ok("POST /v1/template-warm-pools", { name: MARK, min_ready: 0 });
  const { grant } = await api.ok(`POST /v1/machines/${machine}/ports/${PORT}/signed-preview-url`, {});
  api.fastvm.worker.echoPorts.add(PORT);
  api.fastvm.worker.greetings.set(22, "SSH-2.0-test\r\n");
  const begun = { path: `/workspace/${MARK}`, size: 0 };
  const { id: upload } = await api.ok(`POST /v1/machines/${machine}/uploads`, begun);
  const part = { path: `/workspace/parts-${MARK}`, size: 1 };
  const { id: uploadOfParts } = await api.ok(`POST /v1/machines/${machine}/uploads`, part);
  const pid = String(started.pid);
  const session = `pty_${execId.replaceAll("-", "")}`;
  return {
    machine,
    paused,
    pause,
    snapshot,
    pid,
    webhook,
    delivery,
    grantId: grant.id,
    pool,
    session,
    volume,
    spare,
    attachment: attachments[0].id,
    upload,
    uploadOfParts,
    build: await builtTemplate(api),
  };
}

/** Named by whoever asks, so its names have no mark; what it is built of has. */
async function builtTemplate(api: MachinesApp): Promise<string> {
  const definition = { base_image: "debian:12", runtime_envs: { A: MARK } };
  const { id } = await api.ok("POST /v1/templates", { name: NAME, definition });
  const build = `GET /v1/template-builds/${id}`;
  await eventually(async () => expect((await api.ok(build)).status).toBe("ready"));
  await api.ok(`POST /v1/templates/${NAME}/aliases`, { name: ALIAS });
  // Builds to come launch nothing, so that what the worker is asked for is the first organisation's alone.
  const failing = { status: "failed", fault: "order", error: "none" } as const;
  api.fastvm.worker.builds.dockerfile = async () => failing;
  return id;
}

/** All that the first organisation sees, and what happened to it. */
async function everythingOf(api: MachinesApp, { machine }: Things): Promise<unknown> {
  const grants = `machines/${machine}/preview-urls`;
  const uploads = `machines/${machine}/uploads`;
  const paths = [
    "machines?fields=id,status,metadata,timeout_at",
    "snapshots",
    "lifecycle/webhooks",
    "volumes",
    "templates",
    `templates/${NAME}/builds`,
    grants,
    uploads,
  ];
  const answers = await Promise.all(paths.map((path) => api.ok(`GET /v1/${path}`)));
  const events = await api.fastvm.store.events.after(api.fastvm.orgId, 0, 1000);
  return {
    answers,
    events,
    worker: api.fastvm.worker.calls.filter(({ method }) => method !== "volumes.create"),
  };
}

function routeOf(
  { method, path }: Operation,
  id: string,
  base: string,
  things: Things,
  { query = "", volume: ofVolume, upload: ofUpload }: Case,
): string {
  const volume = things[ofVolume ?? "volume"];
  const own: Readonly<Record<string, string>> = {
    pid: things.pid,
    webhookId: things.webhook,
    deliveryId: things.delivery,
    grantId: things.grantId,
    port: String(PORT),
    poolId: things.pool,
    sessionId: things.session,
    volumeId: volume,
    attachmentId: things.attachment,
    uploadId: things[ofUpload ?? "upload"],
    part: "1",
    templateRef: NAME,
    alias: ALIAS,
    buildId: things.build,
  };
  return `${method} ${base}${path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => own[name] ?? id)}${query}`;
}

test("every operation has its case", () => {
  expect(Object.keys(CASES).toSorted()).toEqual(Object.keys(MACHINE_OPERATIONS).toSorted());
  for (const [id, { sight }] of Object.entries(CASES)) {
    const { path }: Operation = MACHINE_OPERATIONS[id as MachineOperationId];
    expect(path.includes("{"), id).toBe(sight === "hidden");
  }
});

describe("what one organisation has", () => {
  let looked: MachinesApp;
  let lookedAt: Things;

  beforeAll(async () => {
    looked = await machinesApp({ images: FakeImages.of(MARK) });
    lookedAt = await fill(looked);
  });
  afterAll(() => looked[Symbol.asyncDispose]());

  test.each(Object.keys(CASES) as MachineOperationId[])("is not there for another: %s", async (id) => {
    const { sight, body, named = ["machine"], payload } = CASES[id];
    const bytes = payload === undefined ? {} : { payload };
    const operation: Operation = MACHINE_OPERATIONS[id];
    // Of an owner's look others see nothing, and it takes nothing away; what changes something has all to itself.
    await using own =
      operation.method === "GET" ? undefined : await machinesApp({ images: FakeImages.of(MARK) });
    const api = own ?? looked;
    const things = own === undefined ? lookedAt : await fill(own);
    const before = await everythingOf(api, things);
    for (const name of named) {
      for (const base of ["", "/nullspace"]) {
        const route = routeOf(operation, things[name], base, things, CASES[id]);
        const answer = await api.call(route, body?.(things), { ...bytes, key: api.otherKey });
        if (sight === "own") continue;
        expect(answer.status, answer.text).toBe(sight === "empty" ? 200 : 404);
        expect(answer.text).not.toContain(MARK);
        if (sight === "empty") expect(NOTHING).toContainEqual(answer.body);
        else
          expect(answer.body.code).toMatch(
            /^(machine|snapshot|webhook|delivery|warm_pool|volume|template|template_build)_not_found$/,
          );
      }
    }
    expect(await everythingOf(api, things)).toEqual(before);
    // The owner's same call succeeds, so the refusals were for who asked and not for what.
    const owned = await api.call(
      routeOf(operation, things[named[0] ?? "machine"], "", things, CASES[id]),
      body?.(things),
      bytes,
    );
    expect(owned.status, owned.text).toBeLessThan(300);
  });

  test("is found by none of a list's filters", async () => {
    await using api = await machinesApp({ images: FakeImages.of(MARK) });
    await fill(api);
    for (const query of ["state=running", `template=${MARK}`, `metadata={"mark":"${MARK}"}`, "limit=1"]) {
      const found = await api.ok(`GET /v1/machines?${query}`, undefined, { key: api.otherKey });
      expect(found).toEqual({ machines: [], next_token: null });
    }
  });

  test("is not what another's order under the same key gets", async () => {
    await using api = await machinesApp({ images: FakeImages.of(MARK) });
    const { machine } = await fill(api);
    const route = `POST /v1/machines/${machine}/snapshots`;
    expect((await api.call(route, {}, { once: MARK, key: api.otherKey })).status).toBe(404);
  });
});

/** What openapi.json says of bodies, tried: examples do what they are examples of, and a required body is one that cannot be left out. */
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { OPERATIONS } from "@fastvm/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { testApp, type TestApp } from "../../../testing/test-app.ts";

interface Body {
  readonly required: boolean;
  /** Bytes have no example. */
  readonly content: { readonly "application/json": { readonly example?: Record<string, unknown> } };
}
interface Document {
  readonly paths: Record<
    string,
    Record<string, { readonly operationId: string; readonly requestBody?: Body }>
  >;
  readonly components: { readonly schemas: Record<string, { readonly examples?: readonly unknown[] }> };
}

const document = JSON.parse(
  readFileSync(new URL("../../../../../contract/src/api/fastvm/openapi.json", import.meta.url), "utf8"),
) as Document;
const BODIES = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).flatMap(([method, { operationId, requestBody }]) =>
    requestBody?.content["application/json"] === undefined
      ? []
      : [{ id: operationId, route: `${method.toUpperCase()} ${path}`, requestBody }],
  ),
);

let api: TestApp;
let ids: Readonly<Record<string, string>>;

beforeEach(async () => {
  api = await testApp();
  const vm = (await api.call("POST /v1/vms", { machineType: "c1m2", name: "worker-1" })).body;
  const snapshot = (await api.call("POST /v1/snapshots", { vmId: vm.id })).body;
  api.worker.files.set(`${vm.id}:/root/data.csv`, Buffer.from("a,b"));
  const execId = await terminalIn(vm.id);
  const volume = (await api.call("POST /v1/volumes", { name: "before", sizeGiB: 1 })).body;
  await api.call(`PUT /v1/volumes/before/files/content?path=/in/data.csv`, undefined, { payload: "a,b" });
  const example = BODIES.find(({ id }) => id === "attachBucketMount")?.requestBody.content["application/json"]
    .example;
  const mounted = { ...(example as object), mountPath: "/mnt/before" };
  const bucket = (await api.call(`POST /v1/vms/${vm.id}/bucket-mounts`, mounted)).body;
  const things = { vmId: vm.id, snapshotId: snapshot.id, volumeId: volume.id, bucketMountId: bucket.id };
  const webhookId = (await api.call("POST /v1/webhooks", { url: "https://before.example/" })).body.id;
  ids = { ...things, serviceName: "web", execId, registry: "docker.io", webhookId };
});

afterEach(() => api[Symbol.asyncDispose]());

/** One that goes on. */
async function terminalIn(vmId: string): Promise<string> {
  const { command } = api.worker;
  api.worker.command = async function* () {
    await new Promise(() => undefined);
    yield* [];
  };
  const body = { command: ["sh"], pty: { cols: 80, rows: 24 } };
  const { id } = (await api.call(`POST /v1/vms/${vmId}/execs`, body)).body;
  api.worker.command = command;
  return id;
}

const fill = (route: string) => route.replaceAll(/\{(\w+)\}/g, (_all, name: string) => ids[name] ?? "");

test("every operation with a body has one", () => {
  const withBody = Object.entries(OPERATIONS).filter(([, operation]) => "body" in operation);
  expect(BODIES.map(({ id }) => id).toSorted()).toEqual(withBody.map(([id]) => id).toSorted());
});

test.each(BODIES)("the example of $id succeeds", async ({ id, route, requestBody }) => {
  const { example } = requestBody.content["application/json"];
  expect(example).toBeDefined();
  let body = example;
  if (id === "fetchFile") {
    const { uploadUrl, downloadUrl } = (await api.call(fill("POST /v1/vms/{vmId}/files/presign"), {})).body;
    await api.app.inject({ method: "PUT", url: new URL(uploadUrl).href, payload: "data" });
    body = { ...example, url: downloadUrl };
  }
  if (id === "attachVolume") await api.call("PATCH /v1/volumes/before", { name: "data" });
  const { status } = await api.call(fill(route), body);
  expect(status).toBeLessThan(300);
});

test.each(BODIES.filter(({ requestBody }) => !requestBody.required))(
  "an empty body of $id is none, which needs not be",
  async ({ route }) => {
    expect((await api.call(fill(route), undefined, { payload: "" })).status).not.toBe(400);
  },
);

test("an empty body is refused where one is required", async () => {
  // What is refused changes nothing, so all are tried on the same things.
  for (const { id, route } of BODIES.filter(({ requestBody }) => requestBody.required)) {
    const { status } = await api.call(fill(route), undefined, { payload: "" });
    expect(status, id).toBe(400);
  }
});

test("examples of schemas are valid", () => {
  const ajv = new Ajv2020({ strict: false, formats: { "date-time": true } });
  ajv.addSchema(document, "openapi");
  const withExamples = Object.entries(document.components.schemas).filter(([, { examples }]) => examples);
  expect(withExamples.length).toBeGreaterThan(4);
  for (const [name, { examples = [] }] of withExamples) {
    const validate = ajv.compile({ $ref: `openapi#/components/schemas/${name}` });
    for (const example of examples) expect(validate(example), ajv.errorsText(validate.errors)).toBe(true);
  }
});

/** One of everything that an organisation can have, each with a mark by which it is known where another must not see it. */
import { expect, vi } from "vitest";
import type { TestAnswer, TestApp } from "./test-app.ts";

/** In whatever the other organisation must not see. */
export const MARK = "private-7f3a";
export const VM_NAME = "the-vm";
export const FILE = "/root/file";
export const SNAPSHOT_NAME = "the-snapshot";
export const BUILD_NAME = "the-build";
export const VOLUME_NAME = "the-volume";
export const SERVICE = "web";
export const REGISTRY = "registry.example:5000";
export const IMAGE = `${REGISTRY}/the-image:v1`;
export const USER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBzmNsBWi+Fh7SkKmIm3vbzZ1XNIoWw8dCy0TS9iMfXe";
const VM_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAnRjVQjWWNLMFjdSE4KCPyRyiNLUSvMNTHeSsXxPdrU";
export const NEW_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICvGLpSmKCbC4rNJgW2rVgTGqjXUKZWvNmHCLzRVVVPN";
export const BUCKET = {
  type: "aws-credentials",
  value: { data: "aws_access_key_id=a\naws_secret_access_key=b" },
};

export interface Things {
  readonly vm: { readonly id: string };
  readonly snapshot: { readonly id: string };
  readonly volume: { readonly id: string };
  readonly bucketMountId: string;
  readonly fingerprints: { readonly vm: string; readonly user: string };
  readonly execId: string;
  readonly keyId: string;
  readonly webhookId: string;
  readonly deliveryId: string;
  /** One that has failed. */
  readonly build: { readonly id: string };
  readonly contextRef: string;
  readonly uploadUrl: string;
  readonly downloadUrl: string;
}

export async function ok(answer: Promise<TestAnswer>): Promise<TestAnswer["body"]> {
  const { status, body, text } = await answer;
  expect(status, text).toBeLessThan(300);
  return body;
}

/** One of everything that an organisation can have. */
export async function fill(api: TestApp): Promise<Things> {
  const marked = { metadata: { mark: MARK }, envVars: { MARK } };
  const ttl = { action: "pause", seconds: 3600 };
  const hook = { url: `https://hook.example/${MARK}`, types: ["vm.launch_requested"] };
  const { id: webhookId } = await ok(api.call("POST /v1/webhooks", hook));
  const bucketMounts = [{ bucketUri: `s3://${MARK}`, credentials: BUCKET, mountPath: "/mnt/pictures" }];
  const order = { machineType: "c1m2", name: VM_NAME, ttl, bucketMounts, ...marked };
  const vm = await ok(api.call("POST /v1/vms", order));
  const of = (path: string): string => `/v1/vms/${vm.id}/${path}`;
  await ok(api.call(`POST ${of("services")}`, { name: SERVICE, port: 8080 }));
  const ingress = { default: "deny", rules: [] };
  await ok(
    api.call(`PUT ${of("firewall")}`, { ingress, dns: { mode: "allow", domains: [`${MARK}.example`] } }),
  );
  const vmKey = await ok(api.call(`POST ${of("ssh-keys")}`, { publicKey: VM_KEY, name: MARK }));
  const userKey = await ok(api.call("POST /v1/me/ssh-keys", { publicKey: USER_KEY, name: MARK }));
  await ok(api.call("POST /v1/images/pull", { reference: IMAGE }));
  await ok(api.call(`PUT /v1/registries/${REGISTRY}`, { username: MARK, password: MARK }));
  await ok(api.call(`POST ${of("console-token")}`));
  const execId = await startEndless(api, of("execs"));
  const snapshot = await ok(api.call("POST /v1/snapshots", { vmId: vm.id, name: SNAPSHOT_NAME }));
  const { uploadUrl, downloadUrl } = await ok(api.call(`POST ${of("files/presign")}`, { path: "/x" }));
  await transfer(api, "PUT", uploadUrl, MARK);
  await ok(api.call(`PUT ${of("files/content")}?path=${FILE}`, undefined, { payload: MARK }));
  const volume = await ok(api.call("POST /v1/volumes", { name: VOLUME_NAME, sizeGiB: 1 }));
  await ok(api.call(`PUT /v1/volumes/${volume.id}/files/content?path=/file`, undefined, { payload: MARK }));
  const { build, contextRef } = await failBuild(api);
  const { id: keyId } = await ok(api.call("POST /v1/org/keys", { name: MARK }));
  const fingerprints = { vm: vmKey.fingerprint, user: userKey.fingerprint };
  const urls = { uploadUrl, downloadUrl };
  const deliveryId = await deliveryOf(api, webhookId);
  const bucketMountId = vm.bucketMounts[0].id;
  const others = { bucketMountId, contextRef, execId, keyId, webhookId, deliveryId, fingerprints };
  return { vm, snapshot, volume, build, ...others, ...urls };
}

/** Written down beside what the webhook is told of. */
async function deliveryOf(api: TestApp, webhookId: string): Promise<string> {
  const first = async (): Promise<string | undefined> =>
    (await ok(api.call(`GET /v1/webhooks/${webhookId}/deliveries`))).deliveries[0]?.id;
  await vi.waitFor(async () => expect(await first()).toBeDefined(), { timeout: 20_000, interval: 5 });
  return (await first()) ?? "";
}

/** And the context of another one. All that follow fail as well, and ask the worker for no VM. */
async function failBuild(api: TestApp): Promise<Pick<Things, "build" | "contextRef">> {
  api.worker.builds.dockerfile = async (_order, log) => {
    log(MARK);
    return { status: "failed", fault: "order", error: MARK };
  };
  const body = { dockerfileContent: MARK, name: BUILD_NAME, buildArgs: { MARK } };
  const build = await ok(api.call("POST /v1/builds", body));
  const accept = { headers: { accept: "application/x-ndjson" } };
  expect((await api.call(`GET /v1/builds/${build.id}/logs`, undefined, accept)).text).toContain(MARK);
  const { contextRef, uploadUrl } = await ok(api.call("POST /v1/snapshot-imports/context-presign", {}));
  await transfer(api, "PUT", uploadUrl, MARK);
  return { build, contextRef };
}

async function startEndless(api: TestApp, path: string): Promise<string> {
  const { command } = api.worker;
  api.worker.command = async function* () {
    yield { kind: "stdout", data: Buffer.from(MARK) };
    await new Promise(() => undefined);
  };
  const { id } = await ok(api.call(`POST ${path}`, { command: ["cat"], pty: { cols: 80, rows: 24 } }));
  api.worker.command = command;
  return id;
}

/** Not an operation of the API, so openapi.json does not say what it answers. */
async function transfer(api: TestApp, method: "PUT" | "GET", url: string, payload = ""): Promise<string> {
  const { pathname, search } = new URL(url);
  const answer = await api.app.inject({ method, url: pathname + search, payload });
  expect(answer.statusCode).toBe(200);
  return answer.payload;
}

/** All that the first organisation sees, and what happened to it. */
export async function everythingOf(
  api: TestApp,
  { vm, snapshot, volume, downloadUrl }: Things,
): Promise<unknown> {
  const paths = [
    "vms",
    "snapshots",
    "me/ssh-keys",
    "images",
    "registries",
    "webhooks",
    "builds",
    "snapshot-imports",
    "org/quotas",
    "volumes",
    `volumes/${volume.id}/files?path=/`,
    "org/disk",
    `vms/${vm.id}/services`,
    `vms/${vm.id}/ssh-keys`,
  ];
  const answers = await Promise.all(paths.map((path) => api.call(`GET /v1/${path}`)));
  const events = await Promise.all([vm, snapshot].map(({ id }) => api.store.events.listFor(id)));
  const object = await transfer(api, "GET", downloadUrl);
  return {
    answers: answers.map(({ body }) => body),
    events,
    object,
    worker: api.worker.calls.filter(({ method, id }) => method !== "volumes.create" || id === volume.id),
  };
}

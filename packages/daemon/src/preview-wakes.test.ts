/** Requests to a machine that is paused: they wake it once, and each is delivered once; or they are told in time why not. */
import { setTimeout as sleep } from "node:timers/promises";
import { FastvmError, hookSteps } from "@fastvm/contract";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { PreviewLab } from "./testing/preview-lab.ts";

const WAKE_MS = 2000;
/** In which a request comes to wait. */
const ARRIVAL_MS = 200;
const START_TIMEOUT_MS = 60_000;

let lab: PreviewLab;
let id: string;
let url: string;
let socketUrl: string;

beforeAll(async () => {
  lab = await PreviewLab.start({ wakeMs: WAKE_MS });
}, START_TIMEOUT_MS);
afterAll(() => lab[Symbol.asyncDispose]());

beforeEach(async () => {
  lab.worker.forgetFailures();
  await make({ timeout_action: "hibernate", auto_resume: true });
});

async function make(body: object): Promise<void> {
  ({ id } = await lab.api("POST /v1/machines", body));
  const made = await lab.api(`POST /v1/machines/${id}/ports/8080/signed-preview-url`, {});
  ({ url, websocket_url: socketUrl } = made);
  await lab.api(`POST /v1/machines/${id}/hibernate`);
  lab.seen.length = 0;
}

const resumes = (): number => lab.worker.calls.filter(({ method }) => method === "resume").length;

async function expectUnavailable(code: string, retryable: boolean): Promise<void> {
  const { status, headers, body } = await lab.send(url, { method: "POST", body: "x" });
  expect({ status, retryAfter: headers["retry-after"] }).toEqual({ status: 503, retryAfter: "5" });
  expect(JSON.parse(body)).toMatchObject({ code, retryable, suggested_action: expect.any(String) });
  expect(lab.seen).toEqual([]);
}

test("50 requests and 10 WebSockets at once wake it once, and each is delivered once, body included", async () => {
  const release = lab.worker.hold("resume");
  const before = resumes();
  const bodies = Array.from({ length: 50 }, (_, at) => `${at}:`.padEnd(64 * 1024, "x"));
  const answers = Promise.all(bodies.map((body) => lab.send(url, { method: "POST", body })));
  const sockets = Promise.all(Array.from({ length: 10 }, () => lab.openSocket(socketUrl)));
  await expect.poll(() => resumes()).toBe(before + 1);
  release();
  for (const { status } of await answers) expect(status).toBe(200);
  expect(await sockets).toEqual(Array.from({ length: 10 }, () => "hello"));
  expect(resumes()).toBe(before + 1);
  const posted = lab.seen.filter(({ method }) => method === "POST").map(({ body }) => body);
  expect(posted.toSorted()).toEqual(bodies.toSorted());
  expect(lab.seen).toHaveLength(60);
});

test("is not woken by who has no token", async () => {
  const before = resumes();
  expect((await lab.send(url.replace(/\?.*$/, ""))).status).toBe(401);
  expect(resumes()).toBe(before);
});

test("with automatic resume off it is 503 at once, and not to be tried again", async () => {
  await make({ timeout_action: "hibernate" });
  await expectUnavailable("machine_paused_auto_resume_disabled", false);
});

test("one that is too slow is 503 when the window is over, for WebSockets too", async () => {
  const release = lab.worker.hold("resume");
  const socket = lab.openSocket(socketUrl);
  await expectUnavailable("machine_resume_timeout", true);
  expect(await socket).toBe(503);
  release();
  await expect.poll(async () => (await lab.send(url)).status).toBe(200);
});

test("one that fails is 503", async () => {
  lab.worker.failNext("resume", new FastvmError("launch_failed", "of no concern to strangers"));
  await expectUnavailable("machine_resume_failed", true);
});

test("one that is destroyed meanwhile is 404 for all who wait", async () => {
  const release = lab.worker.hold("resume");
  const before = resumes();
  const waiting = [lab.send(url), lab.send(url), lab.openSocket(socketUrl)] as const;
  await expect.poll(() => resumes()).toBe(before + 1);
  const destroyed = lab.api(`DELETE /v1/machines/${id}`);
  const [one, other, socket] = await Promise.all(waiting);
  release();
  await destroyed;
  expect([one.status, other.status, socket]).toEqual([404, 404, 404]);
  expect(JSON.parse(one.body)).toMatchObject({ code: "machine_not_found" });
});

test("it is 404 at once where the resume does not end, for those who come when others have given up, too", async () => {
  const { promise: stands, resolve: release } = Promise.withResolvers<void>();
  const unhook = hookSteps(async (name) => {
    if (name === "control.resume.answered") await stands;
  });
  try {
    const waiting = [lab.send(url), lab.openSocket(socketUrl)] as const;
    expect(await Promise.all(waiting)).toMatchObject([{ status: 503 }, 503]);
    const late = [lab.send(url), lab.openSocket(socketUrl)] as const;
    await sleep(ARRIVAL_MS);
    await lab.api(`DELETE /v1/machines/${id}`);
    expect(await Promise.all(late)).toMatchObject([{ status: 404 }, 404]);
  } finally {
    release();
    unhook();
  }
});

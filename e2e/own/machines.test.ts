/** The API of machines on real VMs: a machine and its pauses, requests that wake it, and orders whose daemon is killed in their midst. */
import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { StepName } from "@fastvm/contract";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { Machines, type Machine } from "../harness/machines.ts";
import { firstWord, NOTING_PORT, START_NOTING } from "../harness/noting-service.ts";
import { Steps } from "../harness/steps.ts";
import { PoolLab } from "../pools/pool-lab.ts";

/** On a machine that may be busy with others. */
const START_TIMEOUT_MS = 400_000;

/** Of which there is a template already: one of a size of its own takes a boot. */
const SIZE = { memory_mb: 2048 };

interface PreviewUrls {
  readonly path_url: string;
  readonly path_websocket_url: string;
}

/** Longer than a request may wait for a machine: one that hangs is known by it. */
const LONG_MS = 120_000;
/** How long one may wait, where it is to wait for nothing. */
const SHORT_WAKE_MS = 5000;
/** On a busy machine. */
const SLACK_MS = 10_000;
/** In which a request comes to wait. */
const ARRIVAL_MS = 500;

/** The other API's id of it. */
const vmIdOf = (id: string): string =>
  id.slice("mch_".length).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");

let steps: Steps;
let daemon: TestDaemon;
let machines: Machines;

beforeAll(async () => {
  steps = await Steps.make();
  daemon = await TestDaemon.start({ settings: { stepsFolder: steps.folder } });
  machines = await Machines.of(daemon);
}, START_TIMEOUT_MS);

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await steps?.remove();
});

/** By whichever daemon runs now. */
const ask: Machines["ask"] = async (...order) => await machines.ask(...order);
const run: Machines["run"] = async (id, command) => await machines.run(id, command);

test(
  "a machine runs, and goes on after a pause under another id",
  { timeout: START_TIMEOUT_MS },
  async () => {
    const { id } = await ask("POST /v1/machines", {
      ...SIZE,
      timeout_action: "hibernate",
      envs: { MARK: "m-1" },
    });
    await eventually(
      async () => expect((await ask(`GET /v1/machines/${id}`)).status).toBe("running"),
      START_TIMEOUT_MS,
    );
    expect(await run(id, "pwd; echo $MARK; echo kept > file")).toMatchObject({ stdout: "/workspace\nm-1\n" });
    const pause = await ask(`POST /v1/machines/${id}/hibernate`);
    expect(await ask(`GET /v1/machines/${id}`)).toMatchObject({ status: "paused", snapshot_id: pause.id });
    const resumed = await ask(`POST /v1/machines/${pause.id}/resume`);
    expect(resumed.id).not.toBe(id);
    expect((await run(resumed.id, "cat file")).stdout).toBe("kept\n");
    const child = await ask(`POST /v1/machines/${id}/fork`, {}, "fork");
    expect((await run(child.id, "cat file")).stdout).toBe("kept\n");
    for (const machine of [id, child.id]) await ask(`DELETE /v1/machines/${machine}`);
  },
);

test(
  "requests to a paused machine wake it once and are each delivered once, or are told why not",
  { timeout: START_TIMEOUT_MS },
  async () => {
    const { id } = await machines.create({ ...SIZE, timeout_action: "hibernate" });
    await machines.run(id, START_NOTING);
    const { path_url: url, path_websocket_url: socketUrl } = await machines.ask<PreviewUrls>(
      `POST /v1/machines/${id}/ports/${NOTING_PORT}/signed-preview-url`,
      {},
    );
    const post = async (body: string): Promise<Response> =>
      await fetch(url, { method: "POST", body, signal: AbortSignal.timeout(LONG_MS) });
    const expectRefused = async (answer: Response, status: number, body: object): Promise<void> => {
      expect({ status: answer.status, body: await answer.json() }).toMatchObject({ status, body });
      expect(answer.headers.get("retry-after")).toBe(status === 503 ? "5" : null);
    };
    await machines.ask(`POST /v1/machines/${id}/hibernate`);
    await expectRefused(await post("x"), 503, {
      code: "machine_paused_auto_resume_disabled",
      retryable: false,
    });
    // It is a VM to the other API too.
    await daemon.client.vms.update(vmIdOf(id), { autoResume: true });
    await steps.order({ step: "resume.begun", effect: { code: "launch_failed" } });
    await expectRefused(await post("x"), 503, { code: "machine_resume_failed", retryable: true });

    await steps.forget();
    const bodies = Array.from({ length: 50 }, (_, at) => `${at}:`.padEnd(64 * 1024, "x"));
    const [answers, words] = await Promise.all([
      Promise.all(bodies.map(async (body) => await (await post(body)).text())),
      Promise.all(Array.from({ length: 10 }, async (_, at) => await firstWord(`${socketUrl}&n=${at}`))),
    ]);
    const digests = bodies.map((body) => createHash("sha256").update(body).digest("hex"));
    expect(answers).toEqual(digests);
    expect(words).toEqual(Array.from({ length: 10 }, () => "hello"));
    expect((await steps.passed()).filter((name) => name === "control.resume.recorded")).toHaveLength(1);
    const seen = (await machines.run(id, "sort /srv/seen")).stdout.trim().split("\n");
    const sockets = Array.from({ length: 10 }, (_, at) => `GET /?n=${at}`);
    expect(seen).toEqual([...digests.map((digest) => `POST ${digest}`), ...sockets].toSorted());

    await machines.ask(`POST /v1/machines/${id}/hibernate`);
    daemon.settings({ wakeMs: SHORT_WAKE_MS });
    await daemon.sigkill();
    await daemon.restart();
    // They are told while the resume still stands still.
    await steps.order({ step: "resume.restored", effect: "stall" });
    const waitAll = () => Promise.all([post("x"), post("y"), firstWord(socketUrl)] as const);
    const startedAt = performance.now();
    const [slow, slower, slowWord] = await waitAll();
    expect(performance.now() - startedAt).toBeLessThan(SHORT_WAKE_MS + SLACK_MS);
    for (const answer of [slow, slower])
      await expectRefused(answer, 503, { code: "machine_resume_timeout", retryable: true });
    expect(slowWord).toBe("refused");
    await steps.reached();
    expect((await machines.ask(`GET /v1/machines/${id}`)).status).not.toBe("running");
    // So are those that come to wait for the same resume, and whose machine goes meanwhile, long before the window is over.
    const told = waitAll();
    await sleep(ARRIVAL_MS);
    const destroyed = machines.destroy(id);
    const [one, other, word] = await told.finally(() => void steps.release());
    await destroyed;
    for (const answer of [one, other]) await expectRefused(answer, 404, { code: "machine_not_found" });
    expect(word).toBe("refused");
  },
);

test.each<StepName>(["control.launch.recorded", "control.launch.answered"])(
  "an order whose daemon is killed at %s makes one machine",
  { timeout: START_TIMEOUT_MS },
  async (step) => {
    await steps.order({ step, effect: "kill" });
    await expect(ask("POST /v1/machines", SIZE, step)).rejects.toThrow();
    await daemon.ended();
    await daemon.restart();
    // However many repeat it at once.
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask("POST /v1/machines", SIZE, step)));
    const [made] = answers;
    if (made === undefined) throw new Error("there is no answer");
    for (const answer of answers) expect(answer).toEqual(made);
    expect((await ask<Machine[]>("GET /v1/machines")).map(({ id }) => id)).toEqual([made.id]);
    await ask(`DELETE /v1/machines/${made.id}`);
    expect(await ask("GET /v1/machines")).toEqual([]);
  },
);

const MIB = 1024 * 1024;

test(
  "an upload in parts goes on where it was when the daemon was killed, and is written only if it is whole",
  { timeout: START_TIMEOUT_MS },
  async () => {
    const content = randomBytes(20 * MIB);
    const sha256 = createHash("sha256").update(content).digest("hex");
    const { id } = await ask("POST /v1/machines", SIZE);
    const uploads = `/v1/machines/${id}/uploads`;
    const order = { path: "/srv/big", size: content.length, part_size: 8 * MIB };
    const upload = await ask(`POST ${uploads}`, order, "upload");
    const put = async (number: number, query = "") => {
      const part = content.subarray((number - 1) * 8 * MIB, number * 8 * MIB);
      const headers = { authorization: `Bearer ${machines.key}` };
      const url = `${daemon.url}${uploads}/${upload.id}/parts/${number}${query}`;
      return (await fetch(url, { method: "PUT", headers, body: part })).status;
    };
    expect([await put(1), await put(2, `?sha256=${sha256}`), await put(2)]).toEqual([200, 400, 200]);
    await daemon.sigkill();
    await daemon.restart();
    const found = await ask<{ parts: { number: number }[] }>(`GET ${uploads}/${upload.id}`);
    expect(found.parts.map(({ number }) => number)).toEqual([1, 2]);
    expect((await ask(`POST ${uploads}`, order, "upload")).id).toBe(upload.id);
    expect(await put(3)).toBe(200);
    const complete = (sum: string) => ask(`POST ${uploads}/${upload.id}/complete`, { sha256: sum });
    await expect(complete("0".repeat(64))).rejects.toThrow("upload_checksum_mismatch");
    expect((await run(id, "ls /srv")).stdout).toBe("");
    await complete(sha256);
    expect((await run(id, "sha256sum < /srv/big")).stdout).toContain(sha256);
    await ask(`DELETE /v1/machines/${id}`);
  },
);

const POOL_READY = 3;

test(
  "machines of a warm pool are each of their own, given out once, also by daemons that are killed",
  { timeout: START_TIMEOUT_MS },
  async () => {
    const pool = await PoolLab.make(daemon, machines, {
      name: "three",
      min_ready: 0,
      max_ready: POOL_READY,
      resources: SIZE,
    });
    await steps.forget();
    await expect(pool.order("require")).rejects.toThrow(/503 .*"warm_pool_unavailable"/);
    expect((await steps.passed()).filter((name) => name.startsWith("control.launch"))).toEqual([]);
    await pool.hasNothingElse([], 0, 0);
    await pool.keep(POOL_READY);
    await pool.filled(POOL_READY);
    const { hits, cold } = await pool.burst(2 * POOL_READY);
    expect([hits.length, cold.length]).toEqual([POOL_READY, POOL_READY]);
    const given = [...hits, ...cold];
    await pool.areTheirOwn(given);
    await pool.keep(1);
    await pool.filled(1);
    // Taken out of the pool, and the daemon gone before it could answer.
    await steps.order({ step: "control.pool.checked-out", effect: "kill" });
    await expect(pool.order("require", "c")).rejects.toThrow();
    await daemon.ended();
    await daemon.restart();
    given.push(await pool.order("require", "c"));
    await pool.filled(1);
    const ids = given.map(({ id }) => id);
    await pool.hasNothingElse(ids, POOL_READY + 1, 1);
    await pool.remove();
    await machines.destroy(...ids);
    expect(await ask("GET /v1/machines")).toEqual([]);
  },
);

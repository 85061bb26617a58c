/** The API of machines on real VMs: a machine and its pauses, and orders whose daemon is killed in their midst. */
import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { StepName } from "@fastvm/contract";
import { createKey } from "@fastvm/daemon";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { Steps } from "../harness/steps.ts";

/** On a machine that may be busy with others. */
const START_TIMEOUT_MS = 400_000;

/** Of which there is a template already: one of a size of its own takes a boot. */
const SIZE = { memory_mb: 2048 };

interface Machine {
  readonly id: string;
  readonly status: string;
  readonly snapshot_id: string | null;
}

let steps: Steps;
let daemon: TestDaemon;
let key: string;

beforeAll(async () => {
  steps = await Steps.make();
  daemon = await TestDaemon.start({ settings: { stepsFolder: steps.folder } });
  ({ key } = await createKey(daemon.config.dataDir, { api: "nullspace" }));
}, START_TIMEOUT_MS);

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await steps?.remove();
});

async function ask<T = Machine>(route: string, body?: object, once?: string): Promise<T> {
  const [method = "", path = ""] = route.split(" ");
  const answer = await fetch(`${daemon.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(once === undefined ? {} : { "idempotency-key": once }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const parsed: unknown = await answer.json();
  if (!answer.ok) throw new Error(`${route}: ${answer.status} ${JSON.stringify(parsed)}`);
  return parsed as T;
}

const run = (id: string, command: string) =>
  ask<{ stdout: string; exit_code: number }>(`POST /v1/machines/${id}/exec`, { command, shell: true });

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

test.each<StepName>(["control.launch.recorded", "control.launch.answered"])(
  "an order whose daemon is killed at %s makes one machine",
  { timeout: START_TIMEOUT_MS },
  async (step) => {
    await steps.order({ step, effect: "kill" });
    await expect(ask("POST /v1/machines", SIZE, step)).rejects.toThrow();
    await daemon.ended();
    await daemon.restart();
    const made = await ask("POST /v1/machines", SIZE, step);
    expect(await ask("POST /v1/machines", SIZE, step)).toEqual(made);
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
      const headers = { authorization: `Bearer ${key}` };
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

const POOLS = "/v1/template-warm-pools";

interface Pool {
  readonly id: string;
  readonly counts: { readonly ready: number; readonly warming: number; readonly claimed: number };
}

/** What two machines must not have in common, and the time that both have. */
const IDENTITY =
  "cat /proc/sys/kernel/random/boot_id /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub; head -c 16 /dev/urandom | base64; date +%s";

test(
  "machines of a warm pool are each of their own, given out once, also by daemons that are killed",
  { timeout: START_TIMEOUT_MS },
  async () => {
    const { id } = await ask<Pool>(`POST ${POOLS}`, { name: "two", min_ready: 2, resources: SIZE });
    const counts = async () => (await ask<Pool>(`GET ${POOLS}/${id}`)).counts;
    const filled = () =>
      eventually(
        async () => expect(await counts()).toMatchObject({ ready: 2, warming: 0 }),
        START_TIMEOUT_MS,
      );
    await filled();
    const order = { warm_pool: { id, mode: "require" } };
    const made = await Promise.all(["a", "b"].map((once) => ask("POST /v1/machines", order, once)));
    const said = await Promise.all(
      made.map(async (each) => (await run(each.id, IDENTITY)).stdout.split("\n")),
    );
    expect(said.map((lines) => lines.length)).toEqual([6, 6]);
    const [one = [], other = []] = said;
    for (const line of [0, 1, 2, 3]) expect(one[line]).not.toBe(other[line]);
    for (const lines of said) expect(Math.abs(Number(lines[4]) - Date.now() / 1000)).toBeLessThan(60);
    await filled();
    // Taken out of the pool, and the daemon gone before it could answer.
    await steps.order({ step: "control.pool.checked-out", effect: "kill" });
    await expect(ask("POST /v1/machines", order, "c")).rejects.toThrow();
    await daemon.ended();
    await daemon.restart();
    made.push(await ask("POST /v1/machines", order, "c"));
    expect(new Set(made.map((each) => each.id)).size).toBe(3);
    await filled();
    expect(await counts()).toMatchObject({ claimed: 3 });
    expect(await ask<Machine[]>("GET /v1/machines")).toHaveLength(3);
    await ask(`DELETE ${POOLS}/${id}`);
    for (const each of made) await ask(`DELETE /v1/machines/${each.id}`);
    expect(await ask("GET /v1/machines")).toEqual([]);
  },
);

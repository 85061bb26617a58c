/** A machine out of a warm pool beside a launch from standby and a cold one, each until its first command has answered, in turns. */
import { createKey } from "@fastvm/daemon";
import type { TestDaemon } from "../../e2e/harness/daemon.ts";
import { eventually } from "../../e2e/harness/eventually.ts";
import type { Session } from "../session.ts";
import { pooledProcesses } from "./launch.ts";

/** As `MACHINE_TYPE` has it. */
const SIZE = { vcpus: 1, memory_mb: 2048 };
const READY_DEADLINE_MS = 120_000;

interface PoolSamples {
  readonly checkoutMs: readonly number[];
  readonly standbyMs: readonly number[];
  readonly coldMs: readonly number[];
}

type Ask = <T>(route: string, body?: object) => Promise<T>;

export async function measurePools({ daemon, pooled }: Session, rounds: number): Promise<PoolSamples> {
  const [cold, warm] = await Promise.all([asker(daemon), asker(pooled)]);
  const order = { name: "bench", min_ready: 1, resources: SIZE };
  const { id } = await warm<{ id: string }>("POST /v1/template-warm-pools", order);
  const samples = { checkoutMs: [] as number[], standbyMs: [] as number[], coldMs: [] as number[] };
  // The first round warms every cache and does not count.
  for (let round = 0; round <= rounds; round++) {
    await isReady(warm, id, pooled);
    const checkoutMs = await untilFirstCommand(warm, { warm_pool: { id, mode: "require" } });
    // What fills the pool again takes of the standby, too.
    await isReady(warm, id, pooled);
    const standbyMs = await untilFirstCommand(warm, SIZE);
    await isReady(warm, id, pooled);
    const coldMs = await untilFirstCommand(cold, SIZE);
    if (round === 0) continue;
    samples.checkoutMs.push(checkoutMs);
    samples.standbyMs.push(standbyMs);
    samples.coldMs.push(coldMs);
  }
  await warm(`DELETE /v1/template-warm-pools/${id}`);
  return samples;
}

async function isReady(ask: Ask, id: string, pooled: TestDaemon): Promise<void> {
  await eventually(async () => {
    const { counts } = await ask<{ counts: { ready: number } }>(`GET /v1/template-warm-pools/${id}`);
    if (counts.ready !== 1) throw new Error(`The pool has ${counts.ready} machines ready`);
  }, READY_DEADLINE_MS);
  await pooledProcesses(pooled);
}

interface Made {
  readonly id: string;
  readonly status: string;
  readonly warm_pool_checkout?: { readonly hit: boolean };
}

async function untilFirstCommand(ask: Ask, order: object): Promise<number> {
  const startedAt = performance.now();
  const made = await ask<Made>("POST /v1/machines", order);
  await ask(`POST /v1/machines/${made.id}/exec`, { command: "true" });
  const ms = performance.now() - startedAt;
  if ("warm_pool" in order && made.warm_pool_checkout?.hit !== true)
    throw new Error("The machine did not come out of the pool");
  await ask(`DELETE /v1/machines/${made.id}`);
  return ms;
}

async function asker(daemon: TestDaemon): Promise<Ask> {
  const { key } = await createKey(daemon.config.dataDir, { api: "nullspace" });
  return async <T>(route: string, body?: object): Promise<T> => {
    const [method = "", path = ""] = route.split(" ");
    const answer = await fetch(`${daemon.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${route}: ${answer.status} ${text}`);
    return JSON.parse(text) as T;
  };
}

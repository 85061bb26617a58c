/** Following events while the server is killed again and again. `FASTVM_TEST_EVENT_KILLS` says how often, `FASTVM_TEST_SEED` when. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { FastvmClient } from "./index.ts";
import type { Event } from "./index.ts";

const KILLS = Number(process.env["FASTVM_TEST_EVENT_KILLS"] ?? 2);
const SEED = Number(process.env["FASTVM_TEST_SEED"] ?? Date.now() % 2 ** 31);
/** A process takes seconds to start on a busy machine. */
const TIMEOUT_MS = 60_000 + KILLS * 30_000;
const LONGEST_LIFE_MS = 700;
const PLANE = fileURLToPath(new URL("testing/plane-process.ts", import.meta.url));

interface Plane {
  readonly process: ChildProcess;
  readonly apiKey: string;
  readonly baseUrl: string;
}

async function start(folder: string): Promise<Plane> {
  const args = ["--conditions=development", "--disable-warning=ExperimentalWarning", PLANE];
  const child = spawn(process.execPath, [...args, join(folder, "records.db"), join(folder, "staging")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit").then(([code]) =>
    Promise.reject(new Error(`The server ended with ${code}`)),
  );
  ended.catch(() => undefined);
  const [line] = (await Promise.race([once(child.stdout, "data"), ended])) as [Buffer];
  return { process: child, ...(JSON.parse(line.toString()) as Pick<Plane, "apiKey" | "baseUrl">) };
}

/** Keeps a port while no server is at it, which others on the host would else be given. */
async function relayTo(target: () => string): Promise<string> {
  const relay = createServer((client) => {
    const server = connect(Number(new URL(target()).port), "127.0.0.1");
    client.on("error", () => server.destroy()).on("close", () => server.destroy());
    server.on("error", () => client.destroy()).on("close", () => client.destroy());
    client.pipe(server).pipe(client);
  });
  await once(relay.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void relay.close());
  return `http://127.0.0.1:${(relay.address() as AddressInfo).port}`;
}

/** Numerical Recipes' generator: the same for a seed on every machine. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

it(`who follows sees each event once and in order over ${KILLS} kills`, { timeout: TIMEOUT_MS }, async () => {
  process.stdout.write(`events seed: ${SEED}\n`);
  const random = randomOf(SEED);
  const folder = await mkdtemp(join(tmpdir(), "fastvm-events-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  let plane = await start(folder);
  onTestFinished(() => void plane.process.kill("SIGKILL"));
  const client = new FastvmClient({ apiKey: plane.apiKey, baseUrl: await relayTo(() => plane.baseUrl) });

  const ended = new AbortController();
  const seen: Event[] = [];
  const following = (async () => {
    for await (const event of client.events.follow({ after: 0 }, { signal: ended.signal })) seen.push(event);
  })();
  const acting = (async () => {
    // What fails because the server is gone is what the test is about.
    while (!ended.signal.aborted) await act(client, ended.signal).catch(() => sleep(10));
  })();
  // Of a server that is not there at first it is told that it is not.
  await Promise.race([following, expect.poll(() => seen.length, { timeout: TIMEOUT_MS }).toBeGreaterThan(0)]);

  for (let kill = 0; kill < KILLS; kill += 1) {
    await sleep(random() * LONGEST_LIFE_MS);
    plane.process.kill("SIGKILL");
    await once(plane.process, "exit");
    plane = await start(folder);
  }
  const { lastId } = await client.events.list({ limit: 1 });
  // A little more, and then all of it.
  await expect.poll(() => seen.at(-1)?.id ?? 0, { timeout: TIMEOUT_MS }).toBeGreaterThan(lastId);
  ended.abort();
  await Promise.all([following, acting]);

  expect(lastId).toBeGreaterThan(KILLS);
  expect(seen.map(({ id }) => id)).toEqual(seen.map((_, index) => index + 1));
  expect(seen).toEqual(await all(client, seen.length));
});

async function act(client: FastvmClient, signal: AbortSignal): Promise<void> {
  const vm = await client.vms.launch({ machineType: "c1m2" }, { signal, maxRetries: 0 });
  await client.vms.delete(vm, { signal, maxRetries: 0 });
}

/** As the records have them. */
async function all(client: FastvmClient, count: number): Promise<readonly Event[]> {
  const events: Event[] = [];
  while (events.length < count) {
    const page = await client.events.list({
      after: events.length,
      limit: Math.min(1000, count - events.length),
    });
    events.push(...page.events);
  }
  return events;
}

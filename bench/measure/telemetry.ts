/**
 * What it costs to be watched: `true` in a VM of a daemon that sends a span for each request and whose figures are read each second, in
 * turns with one that nobody watches. And what a read of the figures takes by itself.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { TestDaemon } from "../../e2e/harness/daemon.ts";
import { TraceCollector } from "../../packages/daemon/src/testing/trace-collector.ts";
import { MACHINE_TYPE } from "../session.ts";
import { timed } from "../statistics.ts";
import { expectSuccess } from "./exec.ts";
import { residentMib } from "./memory.ts";

const COMMANDS_PER_TURN = 20;
/** A daemon is at its speed, as Node translates what is called often, after some hundreds. */
const WARM_UP_COMMANDS = 400;
const COMMAND = ["true"];
/** As often as nobody asks in earnest, of the time in which it is watched; Prometheus' default is a minute. */
const READ_EVERY_MS = 1_000;

interface TelemetrySamples {
  readonly watchedExecMs: readonly number[];
  readonly unwatchedExecMs: readonly number[];
  readonly readMs: readonly number[];
  /** Of the daemon, after the same work. */
  readonly watchedMib: number;
  readonly unwatchedMib: number;
}

export async function measureTelemetry(rounds: number): Promise<TelemetrySamples> {
  await using collector = await TraceCollector.start();
  const traces = { url: collector.endpoint, ratio: 1, isParentBased: true, timeoutMs: 4_000 };
  await using unwatched = await TestDaemon.start({ poolSize: 0 });
  await using watched = await TestDaemon.start({ poolSize: 0, settings: { traces } });
  const [plainExec, watchedExec] = [await execIn(unwatched), await execIn(watched)];
  const reads: Reads = { tookMs: [], leftMs: 0 };
  const [watchedExecMs, unwatchedExecMs]: [number[], number[]] = [[], []];
  for (let at = 0; at < WARM_UP_COMMANDS; at += 1) {
    await plainExec();
    await watchedExec();
  }
  for (let round = 0; round < rounds; round += 1) {
    for (let at = 0; at < COMMANDS_PER_TURN; at += 1) unwatchedExecMs.push(await plainExec());
    await whileRead(watched, reads, async () => {
      for (let at = 0; at < COMMANDS_PER_TURN; at += 1) watchedExecMs.push(await watchedExec());
    });
  }
  const [watchedMib, unwatchedMib] = await Promise.all(
    [watched, unwatched].map(async (daemon) => await residentMib(await daemon.pid())),
  );
  const spans = collector.spans.length;
  if (spans < watchedExecMs.length) throw new Error(`a collector was told of ${spans} spans only`);
  return {
    watchedExecMs,
    unwatchedExecMs,
    readMs: reads.tookMs,
    watchedMib: watchedMib ?? 0,
    unwatchedMib: unwatchedMib ?? 0,
  };
}

interface Reads {
  readonly tookMs: number[];
  /** Of the time in which it is watched, until the next one. */
  leftMs: number;
}

/** Its figures are read at their times, and none is under way behind the work: the other's turn is its own. Rejects where one fails. */
async function whileRead(daemon: TestDaemon, reads: Reads, work: () => Promise<void>): Promise<void> {
  const over = new AbortController();
  const reading = (async () => {
    for (;;) {
      const begun = performance.now();
      await sleep(reads.leftMs, undefined, { signal: over.signal }).catch(() => undefined);
      reads.leftMs = Math.max(0, reads.leftMs - (performance.now() - begun));
      if (over.signal.aborted) return;
      reads.tookMs.push(await timed(() => daemon.metrics()));
      reads.leftMs = READ_EVERY_MS;
    }
  })();
  // Told below, when the work is done.
  reading.catch(() => undefined);
  try {
    await work();
  } finally {
    over.abort();
  }
  await reading;
}

/** One `true` in a VM of its own. */
async function execIn({ client }: TestDaemon): Promise<() => Promise<number>> {
  const vm = await client.vms.launch({ machineType: MACHINE_TYPE });
  return () => timed(async () => expectSuccess((await client.vms.run(vm, COMMAND)).exitCode));
}

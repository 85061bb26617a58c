/**
 * Gives back to the host what V8 keeps for garbage to come. It collects when it needs room, which a daemon at rest never does: after its
 * start it would hold 50 MiB that nobody uses for as long as it runs.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const EVERY_MS = 10_000;
/** Of the time since the last look; a collection takes some 50 ms, for which somebody would wait. */
const AT_REST = 0.05;
/** Less is not worth a pause. */
const WORTH_BYTES = 8 * 1024 * 1024;

/** Resolves when the signal fires. */
export async function releaseHeap(signal: AbortSignal, everyMs = EVERY_MS): Promise<void> {
  const collect = collector();
  let left = 0;
  let seen = performance.eventLoopUtilization();
  while (!signal.aborted) {
    await sleep(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, seen);
    seen = now;
    if (signal.aborted || utilization > AT_REST || heapBytes() - left < WORTH_BYTES) continue;
    collect();
    left = heapBytes();
  }
}

function heapBytes(): number {
  return getHeapStatistics().total_heap_size;
}

/** Node hands it out only to code that was made after the flag was set. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (options: GarbageOptions) => void;
  setFlagsFromString("--no-expose-gc");
  // The last resort also lets go of what could be made again.
  return () => collect({ type: "major", execution: "sync", flavor: "last-resort" });
}

/** Of V8 (src/extensions/gc-extension.cc). */
interface GarbageOptions {
  readonly type: "major";
  readonly execution: "sync";
  readonly flavor: "last-resort";
}

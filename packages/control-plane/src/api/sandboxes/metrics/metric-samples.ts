/**
 * Samples of sandboxes that say how often they want to be looked at. They are taken while their sandbox runs, begun with its start or, in a
 * process that did not see that, by the first who asks; and kept in memory, the newest of each.
 */
import type { Caller, Engine, VmFigures } from "../../../engine/engine.ts";

export interface MetricSample {
  readonly atMs: number;
  readonly cpuPercent: number;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly ownBytes: number;
  readonly diskBytes: number;
  readonly uptimeMs: number | null;
  readonly receivedBytes: number | null;
  readonly sentBytes: number | null;
}

/** Of each sandbox: an hour of the shortest interval. */
const MAX_SAMPLES = 3600;
/** Others are only looked at when somebody asks. */
const MAX_SANDBOXES = 128;

interface Series {
  readonly samples: MetricSample[];
  timer: NodeJS.Timeout | undefined;
  isLooking: boolean;
}

export class MetricSamples {
  readonly #vms: Engine["vms"];
  readonly #series = new Map<string, Series>();

  constructor(vms: Engine["vms"]) {
    this.#vms = vms;
  }

  /** Again for one that is looked at already: nothing. It ends by itself with the sandbox's run. */
  begin(caller: Caller, id: string, intervalMs: number): void {
    const series = this.#series.get(id) ?? { samples: [], timer: undefined, isLooking: false };
    if (series.timer !== undefined || (!this.#series.has(id) && this.#series.size >= MAX_SANDBOXES)) return;
    this.#series.set(id, series);
    series.timer = setInterval(() => void this.#look(caller, id, series), intervalMs);
    series.timer.unref();
  }

  /** With one of now, if it runs. */
  async of(caller: Caller, id: string): Promise<readonly MetricSample[]> {
    const now = await this.#sample(caller, id);
    return [...(this.#series.get(id)?.samples ?? []), ...(now === undefined ? [] : [now])];
  }

  close(): void {
    for (const { timer } of this.#series.values()) clearInterval(timer);
    this.#series.clear();
  }

  /** A host that needs longer than the interval looks less often. */
  async #look(caller: Caller, id: string, series: Series): Promise<void> {
    if (series.isLooking) return;
    series.isLooking = true;
    try {
      const sample = await this.#sample(caller, id);
      if (sample === undefined) this.#end(series);
      else series.samples.push(sample);
      if (series.samples.length > MAX_SAMPLES) series.samples.shift();
    } catch {
      // It was deleted, or its host does not answer: who asks next begins anew.
      this.#end(series);
      this.#series.delete(id);
    } finally {
      series.isLooking = false;
    }
  }

  #end(series: Series): void {
    clearInterval(series.timer);
    series.timer = undefined;
  }

  async #sample(caller: Caller, id: string): Promise<MetricSample | undefined> {
    return sampleOf(await this.#vms.figures(caller, id));
  }
}

function sampleOf({ usage, network, vm }: VmFigures): MetricSample | undefined {
  if (usage?.process === undefined || vm.status !== "running") return undefined;
  const { uptimeMs, cpuSeconds, cpuPercent, residentBytes, ownBytes } = usage.process;
  return {
    atMs: Date.now(),
    cpuPercent,
    cpuSeconds,
    residentBytes,
    ownBytes,
    uptimeMs,
    diskBytes: usage.disk.ownBytes,
    receivedBytes: network?.traffic.received.bytes ?? null,
    sentBytes: network?.traffic.sent.bytes ?? null,
  };
}

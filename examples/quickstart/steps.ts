/** Runs the steps of the tour one after the other, with a line for each while it runs and its time when it is done. */
import { performance } from "node:perf_hooks";

interface StepResult {
  readonly name: string;
  readonly ms: number;
}

/** A line that changes in place is for people; a log file gets one line per step. */
const TICK_MS = 200;

export class Steps {
  readonly results: StepResult[] = [];

  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    const ticker = process.stdout.isTTY ? setInterval(() => progress(name, startedAt), TICK_MS) : undefined;
    try {
      const result = await work();
      this.results.push({ name, ms: performance.now() - startedAt });
      finish(`  ✓ ${name} ${formatMs(performance.now() - startedAt)}`);
      return result;
    } catch (error) {
      finish(`  ✗ ${name}`);
      throw error;
    } finally {
      clearInterval(ticker);
    }
  }
}

export function formatMs(ms: number): string {
  return ms >= 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${ms.toFixed(0)} ms`;
}

function progress(name: string, startedAt: number): void {
  process.stdout.write(`\r\x1b[K  … ${name} ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
}

function finish(line: string): void {
  process.stdout.write(process.stdout.isTTY ? `\r\x1b[K${line}\n` : `${line}\n`);
}

/** One build as its followers see it: what happened so far, and who waits for more. It does nothing by itself. */
import { EventEmitter, once } from "node:events";
import { FastvmError, step } from "@fastvm/contract";
import type {
  BuildEvent,
  BuildOrder,
  BuildOutcome,
  BuildPhase,
  BuildPhaseStatus,
  BuildState,
} from "@fastvm/contract";

type WithoutTime<Event> = Event extends unknown ? Omit<Event, "atMs"> : never;

/** Of a build of hundreds of packages there are some hundred KiB. */
const MAX_LOG_BYTES = 4 * 1024 * 1024;
const MAX_LINE_CHARS = 4096;
const LOG_IS_FULL = `… more than ${MAX_LOG_BYTES / 1024 / 1024} MiB; what follows is not kept`;
/** Of a line without any text: its time and its place among the others. */
const EVENT_BYTES = 64;
const PHASES = ["preparing", "fetch_context", "pull", "build", "export", "applying"] as const;

export class Build {
  readonly order: BuildOrder;
  readonly startedAtMs = Date.now();
  readonly #events: BuildEvent[] = [];
  readonly #changes = new EventEmitter().setMaxListeners(0);
  #logBytes = 0;
  #phase: BuildPhase = PHASES[0];
  #outcome: BuildOutcome | undefined;
  #isForgotten = false;

  constructor(order: BuildOrder) {
    this.order = order;
  }

  get hasEnded(): boolean {
    return this.#outcome !== undefined;
  }

  get state(): BuildState {
    const { buildId, orgId } = this.order;
    const ended = this.#outcome === undefined ? {} : { outcome: this.#outcome };
    return {
      buildId,
      orgId,
      startedAtMs: this.startedAtMs,
      phase: this.#phase,
      ...ended,
      events: this.#events.length,
    };
  }

  phase(phase: BuildPhase, status: BuildPhaseStatus): void {
    this.#phase = phase;
    this.#happens({ kind: "phase", phase, status });
  }

  /** Runs what belongs to a phase, and says how it went. */
  async during<T>(phase: BuildPhase, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    this.phase(phase, "started");
    try {
      await step(`build.${phase}.begun`);
      const result = await work();
      await step(`build.${phase}.done`);
      this.phase(phase, "completed");
      return result;
    } catch (error) {
      this.phase(phase, signal.aborted ? "cancelled" : "failed");
      throw error;
    }
  }

  log(text: string): void {
    for (let start = 0; start === 0 || start < text.length; start += MAX_LINE_CHARS) {
      if (this.#logBytes > MAX_LOG_BYTES) return;
      const line = text.slice(start, start + MAX_LINE_CHARS);
      this.#logBytes += Buffer.byteLength(line) + EVENT_BYTES;
      this.#happens({ kind: "log", line: this.#logBytes > MAX_LOG_BYTES ? LOG_IS_FULL : line });
    }
  }

  end(outcome: BuildOutcome): void {
    this.#outcome = outcome;
    this.#happens({ kind: "ended", outcome });
  }

  forget(): void {
    this.#isForgotten = true;
    this.#changes.emit("change");
  }

  async *follow(fromEvent: number, signal?: AbortSignal): AsyncGenerator<BuildEvent, void, undefined> {
    // Of a build that has ended at least the end.
    let next = Math.min(fromEvent, this.#events.length - (this.hasEnded ? 1 : 0));
    for (;;) {
      signal?.throwIfAborted();
      const event = this.#events[next];
      if (event !== undefined) {
        next += 1;
        yield event;
        if (event.kind === "ended") return;
      } else if (this.#isForgotten) {
        throw new FastvmError("not_found", "there is no build of this id");
      } else {
        await this.#changed(signal);
      }
    }
  }

  #happens(event: WithoutTime<BuildEvent>): void {
    this.#events.push({ atMs: Date.now(), ...event });
    this.#changes.emit("change");
  }

  async #changed(signal: AbortSignal | undefined): Promise<void> {
    try {
      await once(this.#changes, "change", signal === undefined ? {} : { signal });
    } catch (error) {
      throw signal?.reason ?? error;
    }
  }
}

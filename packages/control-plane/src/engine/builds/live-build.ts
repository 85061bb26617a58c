/** A build that this process works on: what it is to do, what has happened so far, and who is told of it. */
import { EventEmitter, once } from "node:events";
import type { AnyBuildPhase, BuildHappening, BuildRecord } from "../../store/build-repository.ts";
import type { NewBuild } from "./new-build.ts";

/** A worker tells no more of a build than this; held again so that a reader's memory is bounded here, whoever the worker is. */
const MAX_LOG_BYTES = 4 * 1024 * 1024;
/** Kept with the record once it has ended: what people look for stands at the end. */
const MAX_KEPT_LOG_BYTES = 256 * 1024;
const CUT = "[what follows is not kept: the log is too long]";

export type BuildNews =
  | { readonly kind: "line"; readonly line: string }
  | { readonly kind: "phase"; readonly phase: AnyBuildPhase }
  | { readonly kind: "ended"; readonly build: BuildRecord };

export class LiveBuild {
  readonly id: string;
  readonly order: NewBuild;
  readonly record: BuildRecord;
  /** Aborted with why it is to end: `BuildCancelled`, or that the daemon ends. */
  readonly ending = new AbortController();
  readonly #news: BuildNews[] = [];
  readonly #happenings: BuildHappening[] = [];
  readonly #changes = new EventEmitter().setMaxListeners(0);
  #logBytes = 0;

  constructor(record: BuildRecord, order: NewBuild) {
    this.id = record.id;
    this.record = record;
    this.order = order;
  }

  get happenings(): readonly BuildHappening[] {
    return this.#happenings;
  }

  get log(): string {
    return this.#news.map((news) => (news.kind === "line" ? `${news.line}\n` : "")).join("");
  }

  /** Its end, for the record. */
  get keptLog(): string {
    const bytes = Buffer.from(this.log.replaceAll("\0", "\uFFFD"));
    if (bytes.length <= MAX_KEPT_LOG_BYTES) return bytes.toString();
    const tail = bytes.subarray(-MAX_KEPT_LOG_BYTES).toString();
    return tail.slice(tail.indexOf("\n") + 1);
  }

  line(line: string): void {
    if (this.#logBytes > MAX_LOG_BYTES) return;
    this.#logBytes += Buffer.byteLength(line) + 1;
    this.#tell({ kind: "line", line: this.#logBytes > MAX_LOG_BYTES ? CUT : line });
  }

  happens(happening: BuildHappening): void {
    this.#happenings.push(happening);
    if (happening.status === "started") this.#tell({ kind: "phase", phase: happening.phase });
  }

  ended(build: BuildRecord): void {
    this.#tell({ kind: "ended", build });
  }

  /** From the beginning to the end. */
  async *follow(signal: AbortSignal): AsyncGenerator<BuildNews, void, undefined> {
    for (let next = 0; ;) {
      signal.throwIfAborted();
      const news = this.#news[next];
      if (news === undefined) {
        await this.#changed(signal);
      } else {
        next += 1;
        yield news;
        if (news.kind === "ended") return;
      }
    }
  }

  async #changed(signal: AbortSignal): Promise<void> {
    try {
      await once(this.#changes, "change", { signal });
    } catch (error) {
      throw signal.reason ?? error;
    }
  }

  #tell(news: BuildNews): void {
    this.#news.push(news);
    this.#changes.emit("change");
  }
}

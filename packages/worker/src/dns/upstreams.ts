/** Asks the upstreams until one of them knows: the one that answered last first, the next after a timeout or an error, each twice. */
import { randomInt } from "node:crypto";
import type { Question } from "./header-guard.ts";
import type { LatencyTotals } from "./latency.ts";
import type { Resolution } from "./resolution.ts";
import type { UpstreamAddress, UpstreamSource } from "./upstream-address.ts";
import { readUpstreamAnswer } from "./upstream-answer.ts";
import { exchangeTcp, exchangeUdp, UpstreamError } from "./upstream-exchange.ts";
import * as wire from "./wire.ts";
import { sameQuestion } from "./wire-name.ts";

/** A guest's own resolver gives up after 5 seconds. */
const TOTAL_MS = 4500;
const ROUNDS = 2;
/** Fits into one packet everywhere; larger answers come by TCP. */
const EDNS_UDP_BYTES = 1232;

interface UpstreamOptions {
  readonly source: UpstreamSource;
  /** Of one attempt. */
  readonly timeoutMs: number;
  readonly latency: LatencyTotals;
}

/** Whom to ask. */
export interface Asked {
  /** Tells whose answers are whose, where they are kept. */
  readonly scope: string;
  readonly upstreams: Upstreams;
}

export class Upstreams {
  readonly #options: UpstreamOptions;
  #preferred = 0;

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  /** Rejects with `UpstreamError` when none gave an answer that can be used. */
  async resolve(question: Question): Promise<Resolution> {
    const upstreams = await this.#options.source();
    const deadlineMs = performance.now() + Math.max(TOTAL_MS, this.#options.timeoutMs);
    const first = this.#preferred;
    let cause: unknown;
    for (let attempt = 0; attempt < ROUNDS * upstreams.length; attempt += 1) {
      const index = (first + attempt) % upstreams.length;
      const upstream = upstreams[index];
      const leftMs = deadlineMs - performance.now();
      if (upstream === undefined || leftMs <= 0) break;
      try {
        // An old upstream refuses EDNS: the second round does without.
        const edns = attempt < upstreams.length;
        const resolution = await this.#ask(upstream, question, { edns, leftMs });
        this.#preferred = index;
        return resolution;
      } catch (error) {
        if (!(error instanceof UpstreamError)) throw error;
        cause = error;
      }
    }
    throw new UpstreamError("no upstream gave an answer", { cause });
  }

  async #ask(
    upstream: UpstreamAddress,
    question: Question,
    { edns, leftMs }: { readonly edns: boolean; readonly leftMs: number },
  ): Promise<Resolution> {
    const startMs = performance.now();
    const query = writeQuery(question, edns);
    const options = {
      accepts: (message: Buffer) => answers(message, query, question),
      timeoutMs: Math.min(this.#options.timeoutMs, leftMs),
    };
    try {
      let message = await exchangeUdp(upstream, query, options);
      if ((message.readUInt16BE(2) & wire.FLAG_TRUNCATED) !== 0) {
        message = await exchangeTcp(upstream, query, options);
      }
      const resolution = readUpstreamAnswer(message, question);
      if (resolution === undefined) throw new UpstreamError(`${upstream.host} gave no usable answer`);
      this.#options.latency.add(performance.now() - startMs);
      return resolution;
    } catch (error) {
      this.#options.latency.addFailure();
      throw error;
    }
  }
}

function writeQuery({ section }: Question, edns: boolean): Buffer {
  const query = Buffer.alloc(wire.HEADER_BYTES + section.length + (edns ? 11 : 0));
  query.writeUInt16BE(randomInt(0x10000), 0);
  query.writeUInt16BE(wire.FLAG_RECURSION_DESIRED, 2);
  query.writeUInt16BE(1, 4);
  section.copy(query, wire.HEADER_BYTES);
  if (edns) {
    query.writeUInt16BE(1, 10);
    const opt = wire.HEADER_BYTES + section.length + 1;
    query.writeUInt16BE(EDNS_UDP_BYTES, query.writeUInt16BE(wire.TYPE_OPT, opt));
  }
  return query;
}

/** An answer to this very question: id, direction, operation, and the question itself. */
function answers(message: Buffer, query: Buffer, { section }: Question): boolean {
  const end = wire.HEADER_BYTES + section.length;
  if (message.length < end || message.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  const flags = message.readUInt16BE(2);
  if ((flags & (wire.FLAG_RESPONSE | wire.OPCODE_MASK)) !== wire.FLAG_RESPONSE) return false;
  return message.readUInt16BE(4) === 1 && sameQuestion(message.subarray(wire.HEADER_BYTES, end), section);
}

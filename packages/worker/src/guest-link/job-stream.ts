/** Commands in the background as the agent has them (docs/guest-link.md): questions about a job, input for it, and its output. */
import { FastvmError, type AttachEvent } from "@fastvm/contract";
import { jobEnd } from "./job-requests.ts";
import { decodeFields, encodeFields, type Field, type RawField } from "./fields.ts";
import { splitRequest } from "./frame.ts";
import { decodeResult, GuestError } from "./guest-error.ts";
import { LinkStream, type StreamPort } from "./link-stream.ts";
import { EXIT_BYTES, Kind } from "./protocol.ts";
import { type Chunk, ReceiveQueue } from "./receive-queue.ts";
import { resultError } from "./result-error.ts";
import { SendQueue } from "./send-queue.ts";

/** 128 jobs of 8 KiB and some each. */
const MAX_ANSWER_BYTES = 2 * 1024 * 1024;
/** Places that wait for their reader. An honest agent has one for each time that a ring overtook a reader. */
const MAX_PLACES = 1024;
/** ETIMEDOUT: the agent ended the command when its time ran out. */
const TIMED_OUT = 110;

/** A question about jobs, and what is answered; a command's input, and that it was taken. */
export class JobStream extends LinkStream {
  readonly #input: SendQueue;
  readonly #answer: Buffer[] = [];
  readonly #done = Promise.withResolvers<readonly RawField[]>();
  #bytes = 0;

  constructor(id: number, port: StreamPort, request: readonly Field[]) {
    super(id, port);
    this.#done.promise.catch(() => undefined);
    this.#input = new SendQueue(id, (source) => port.offer(source));
    port.send(splitRequest(Kind.OPEN_JOB, id, encodeFields(request)));
  }

  /** Rejects with a GuestError, or a FastvmError when the stream was lost. */
  get done(): Promise<readonly RawField[]> {
    return this.#done.promise;
  }

  /** Of INPUT: all there is. */
  write(data: Uint8Array): void {
    void this.#input.write(data);
    void this.#input.end();
  }

  override receive(kind: number, payload: Buffer): void {
    if (kind === Kind.DATA) return this.#receiveAnswer(payload);
    if (kind === Kind.CREDIT) {
      if (!this.#input.receiveCredit(payload)) this.refuse("more credit than it had received");
      return;
    }
    if (kind !== Kind.DONE && kind !== Kind.RESET) return this.refuse(`a frame of kind ${kind} for a job`);
    const failure = resultError(kind, payload);
    if (failure !== undefined) return this.fail(failure);
    this.#finish();
  }

  protected override onFailed(error: unknown): void {
    this.#input.cancel();
    this.#done.reject(error);
  }

  #receiveAnswer(payload: Buffer): void {
    this.#bytes += payload.length;
    if (this.#bytes > MAX_ANSWER_BYTES) return this.refuse("more about its jobs than there can be");
    this.#answer.push(Buffer.from(payload));
    this.sendCredit(payload.length);
  }

  #finish(): void {
    try {
      const fields = decodeFields(Buffer.concat(this.#answer));
      this.close();
      this.#input.cancel();
      this.#done.resolve(fields);
    } catch (error) {
      this.fail(new FastvmError("guest_unresponsive", "its agent sent no fields", { cause: error }));
    }
  }
}

/** ATTACH. */
export class JobView extends LinkStream {
  readonly #output: ReceiveQueue;
  readonly #placed = Promise.withResolvers<void>();
  /** Where output goes on, once so many bytes of the stream were read. */
  readonly #places: { readonly afterBytes: number; readonly offset: number }[] = [];
  #readBytes = 0;
  #rest: Chunk | undefined;
  #exit: Extract<AttachEvent, { kind: "exit" }> | undefined;

  constructor(id: number, port: StreamPort, request: readonly Field[]) {
    super(id, port);
    this.#placed.promise.catch(() => undefined);
    this.#output = new ReceiveQueue(this.sendCredit);
    port.send(splitRequest(Kind.OPEN_JOB, id, encodeFields(request)));
  }

  /** Resolves when the agent has found the job. Rejects with a GuestError, or a FastvmError when the stream was lost. */
  get placed(): Promise<void> {
    return this.#placed.promise;
  }

  /** `undefined` at the end; an exit comes once. */
  async read(): Promise<AttachEvent | undefined> {
    const chunk = this.#takePlace() === undefined ? (this.#rest ?? (await this.#output.take())) : this.#rest;
    this.#rest = chunk;
    const place = this.#takePlace();
    if (place !== undefined) {
      this.#places.shift();
      return { kind: "at", offset: place.offset };
    }
    if (chunk === undefined) return this.#takeExit();
    return this.#cut(chunk);
  }

  override receive(kind: number, payload: Buffer): void {
    switch (kind) {
      case Kind.DATA:
      case Kind.DATA_ERR:
        if (!this.#output.push(kind === Kind.DATA ? 0 : 1, payload))
          this.refuse("more output than it had credit for");
        return;
      case Kind.AT:
        return this.#receivePlace(payload);
      case Kind.EXIT:
        return this.#receiveExit(payload);
      case Kind.DONE:
        return this.#receiveDone(payload);
      case Kind.RESET:
        return this.fail(new GuestError(decodeResult(payload)?.errno ?? 0, ""));
      default:
        return this.refuse(`a frame of kind ${kind} for a job's output`);
    }
  }

  protected override onFailed(error: unknown): void {
    this.#placed.reject(error);
    this.#output.fail(error);
  }

  /** The place that stands where the reader is, if there is one. */
  #takePlace() {
    const place = this.#places[0];
    return place !== undefined && place.afterBytes <= this.#readBytes ? place : undefined;
  }

  #takeExit(): AttachEvent | undefined {
    const exit = this.#exit;
    this.#exit = undefined;
    return exit;
  }

  /** What stands before the next place of a chunk that was put together of what came around it. */
  #cut(chunk: Chunk): AttachEvent {
    const left = (this.#places[0]?.afterBytes ?? Infinity) - this.#readBytes;
    const data = chunk.data.subarray(0, Math.min(chunk.data.byteLength, left));
    const isWhole = data.byteLength === chunk.data.byteLength;
    this.#rest = isWhole ? undefined : { ...chunk, data: chunk.data.subarray(data.byteLength) };
    this.#readBytes += data.byteLength;
    return { kind: chunk.channel === 0 ? "stdout" : "stderr", data };
  }

  #receivePlace(payload: Buffer): void {
    if (payload.length < 8) return this.refuse("a place that is cut short");
    const afterBytes = this.#output.receivedBytes;
    if (this.#places.at(-1)?.afterBytes === afterBytes) this.#places.pop();
    if (this.#places.length === MAX_PLACES) return this.refuse("more places than output");
    this.#places.push({ afterBytes, offset: Number(payload.readBigUInt64LE(0)) });
    this.#placed.resolve();
  }

  #receiveExit(payload: Buffer): void {
    if (payload.length < EXIT_BYTES) return this.refuse("an EXIT that is cut short");
    this.#exit = {
      kind: "exit",
      ...jobEnd(payload, payload.readUInt32LE(4) === TIMED_OUT),
    };
    this.#end();
  }

  #receiveDone(payload: Buffer): void {
    const failure = resultError(Kind.DONE, payload);
    if (failure !== undefined) return this.fail(failure);
    this.#end();
  }

  #end(): void {
    this.close();
    this.#placed.resolve();
    this.#output.end();
  }
}

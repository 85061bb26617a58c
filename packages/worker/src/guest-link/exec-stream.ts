/** A command in the guest: its output under credit, its stdin, its signals and its end. */
import { FastvmError, RESOURCES, type ResourceLimit } from "@fastvm/contract";
import type { Field } from "./fields.ts";
import { encodeFields, Tag, textField, u16Pair, u16PairField, u8Field } from "./fields.ts";
import { splitRequest, u32 } from "./frame.ts";
import { errnoName } from "./guest-error.ts";
import type { StreamPort } from "./link-stream.ts";
import { LinkStream } from "./link-stream.ts";
import { EXIT_BYTES, Kind, PROCESS_BYTES } from "./protocol.ts";
import type { Channel, Chunk } from "./receive-queue.ts";
import { ReceiveQueue } from "./receive-queue.ts";
import { SendQueue } from "./send-queue.ts";

export interface ExecRequest {
  /** The first element is looked up in the PATH of `env`. */
  readonly argv: readonly string[];
  /** `KEY=value` each; the command's whole environment, but for what the agent sets for `user`. */
  readonly env: readonly string[];
  /** Default: `workdir`, `/root` or `/`, whichever is there first. */
  readonly cwd?: string | undefined;
  /** Of the image. */
  readonly workdir?: string | undefined;
  /** Name or number; default root. */
  readonly user?: string | undefined;
  /** Default `none`: the command reads /dev/null. */
  readonly stdin?: "none" | "open" | undefined;
  /** Beyond those of the root. */
  readonly limits?: readonly ResourceLimit[] | undefined;
  /** Without new privileges, and without CAP_SYS_ADMIN. */
  readonly restricted?: boolean | undefined;
  /** A pseudo-terminal: stdin is open, stderr arrives as stdout. */
  readonly pty?: { readonly rows: number; readonly cols: number } | undefined;
}

interface ExecExit {
  /** 128 + n when signal n ended it; 126 or 127 when it could not be started. */
  readonly exitCode: number;
  /** Why it could not be started; 0 when it was. */
  readonly errno: number;
  /** That ended it; 0: none did, or the agent is of before it told. */
  readonly signal: number;
  /** From the guest's receipt of the request, in ms, by the guest's clock. */
  readonly durationMs: number;
  /** At most 4 KiB; empty when there is nothing to say. */
  readonly diagnostic: string;
}

const NANOSECONDS_PER_MS = 1_000_000;
const MAX_DIAGNOSTIC_BYTES = 4096;

export class ExecStream extends LinkStream {
  readonly #output: ReceiveQueue;
  readonly #input: SendQueue;
  readonly #pid = Promise.withResolvers<number | undefined>();
  #signal = 0;
  #exit: ExecExit | undefined;

  /** Opens the stream. Throws `invalid_request` when the request is larger than 4 MiB. */
  constructor(id: number, port: StreamPort, request: ExecRequest) {
    super(id, port);
    this.#output = new ReceiveQueue(this.sendCredit);
    this.#input = new SendQueue(id, (source) => port.offer(source));
    port.send(splitRequest(Kind.OPEN_EXEC, id, encodeFields(execFields(request))));
  }

  /** Of the process, before anything that it prints; `undefined` where it never ran, or is not told. */
  get pid(): Promise<number | undefined> {
    return this.#pid.promise;
  }

  /** How the command ended, once all its output was taken or dropped. */
  get exit(): ExecExit | undefined {
    return this.#exit;
  }

  /** Output so far, in bytes. */
  get receivedBytes(): number {
    return this.#output.receivedBytes;
  }

  /** Whether output waits for the reader. */
  get hasUnread(): boolean {
    return !this.#output.isEmpty;
  }

  /** The next output, `undefined` once the command has ended (see `exit`). Rejects when the stream was lost. */
  read(): Promise<Chunk | undefined> {
    return this.#output.take();
  }

  /** Resolves when there is room for more; `data` must not change until then. */
  write(data: Uint8Array): Promise<void> {
    return this.#input.write(data);
  }

  /** Closes the command's stdin behind what was written. */
  end(): void {
    void this.#input.end();
  }

  /** To the process group. Without effect once the command has ended. */
  signal(number: number): void {
    if (this.isOpen) this.sendNow({ kind: Kind.SIGNAL, stream: this.id, payload: u32(number) });
  }

  resize(rows: number, cols: number): void {
    if (this.isOpen) this.sendNow({ kind: Kind.RESIZE, stream: this.id, payload: u16Pair(rows, cols) });
  }

  override receive(kind: number, payload: Buffer): void {
    switch (kind) {
      case Kind.DATA:
        return this.#receiveOutput(0, payload);
      case Kind.DATA_ERR:
        return this.#receiveOutput(1, payload);
      case Kind.CREDIT:
        if (!this.#input.receiveCredit(payload)) this.refuse("more credit than it had received");
        return;
      case Kind.PROCESS:
        return this.#receiveProcess(payload);
      case Kind.END:
        return;
      case Kind.EXIT:
        return this.#receiveExit(payload);
      case Kind.RESET:
        return this.#receiveReset(payload);
      default:
        return this.refuse(`a frame of kind ${kind} for a command`);
    }
  }

  protected override onFailed(error: unknown): void {
    this.#pid.resolve(undefined);
    this.#input.cancel();
    this.#output.fail(error);
  }

  #receiveProcess(payload: Buffer): void {
    if (payload.length < PROCESS_BYTES) return this.refuse("a PROCESS that is cut short");
    this.#pid.resolve(payload.readUInt32LE(0));
    this.#signal = payload.readUInt32LE(4);
  }

  #receiveOutput(channel: Channel, payload: Buffer): void {
    // An agent of before it told.
    this.#pid.resolve(undefined);
    if (!this.#output.push(channel, payload)) this.refuse("more output than it had credit for");
  }

  #receiveExit(payload: Buffer): void {
    if (payload.length < EXIT_BYTES) return this.refuse("an EXIT that is cut short");
    this.#pid.resolve(undefined);
    this.#exit = {
      signal: this.#signal,
      exitCode: payload.readInt32LE(0),
      errno: payload.readUInt32LE(4),
      durationMs: Number(payload.readBigUInt64LE(8)) / NANOSECONDS_PER_MS,
      diagnostic: payload.toString("utf8", EXIT_BYTES, EXIT_BYTES + MAX_DIAGNOSTIC_BYTES),
    };
    this.close();
    this.#input.cancel();
    this.#output.end();
  }

  #receiveReset(payload: Buffer): void {
    const errno = payload.length >= 4 ? payload.readUInt32LE(0) : 0;
    this.fail(new FastvmError("guest_unresponsive", `its agent gave the command up (${errnoName(errno)})`));
  }
}

export function execFields(request: ExecRequest): Field[] {
  const fields = request.argv.map((argument) => textField(Tag.ARG, argument));
  for (const variable of request.env) fields.push(textField(Tag.ENV, variable));
  if (request.cwd !== undefined) fields.push(textField(Tag.CWD, request.cwd));
  if (request.workdir !== undefined) fields.push(textField(Tag.WORKDIR, request.workdir));
  if (request.user !== undefined) fields.push(textField(Tag.USER, request.user));
  if (request.pty !== undefined) fields.push(u16PairField(Tag.PTY, request.pty.rows, request.pty.cols));
  if (request.stdin === "open" || request.pty !== undefined) fields.push(u8Field(Tag.STDIN, 1));
  for (const limit of request.limits ?? []) fields.push({ tag: Tag.LIMIT, value: limitBytes(limit) });
  if (request.restricted === true) fields.push({ tag: Tag.RESTRICTED, value: new Uint8Array() });
  fields.push({ tag: Tag.TELL_PROCESS, value: new Uint8Array() });
  return fields;
}

function limitBytes({ resource, soft, hard }: ResourceLimit): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt32LE((RESOURCES as readonly string[]).indexOf(resource), 0);
  bytes.writeBigUInt64LE(limitValue(soft), 4);
  bytes.writeBigUInt64LE(limitValue(hard), 12);
  return bytes;
}

/** As the kernel has it, for which all ones are none. */
export function limitValue(value: number): bigint {
  return value > Number.MAX_SAFE_INTEGER ? 2n ** 64n - 1n : BigInt(value);
}

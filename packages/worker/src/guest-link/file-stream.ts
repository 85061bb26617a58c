/** Files in the guest, written and read whole, as streams. */
import type { Field } from "./fields.ts";
import { encodeFields, Tag, textField, u32Field, u64Field } from "./fields.ts";
import { splitRequest } from "./frame.ts";
import type { StreamPort } from "./link-stream.ts";
import { LinkStream } from "./link-stream.ts";
import { Kind } from "./protocol.ts";
import { ReceiveQueue } from "./receive-queue.ts";
import { resultError } from "./result-error.ts";
import { SendQueue } from "./send-queue.ts";

export interface WriteFileOptions {
  /** Permission bits; default 0644. */
  readonly mode?: number | undefined;
  /** Modification time in seconds since 1970; default now. */
  readonly mtimeSec?: number | undefined;
  /** Owner, name or number; default root. */
  readonly user?: string | undefined;
  /** Make the folders that lead to it. Default false. */
  readonly makeParents?: boolean | undefined;
}

const FLAG_MAKE_PARENTS = 1;

export class WriteStream extends LinkStream {
  readonly #input: SendQueue;
  readonly #done = Promise.withResolvers<void>();

  constructor(id: number, port: StreamPort, path: string, options: WriteFileOptions) {
    super(id, port);
    this.#done.promise.catch(() => undefined);
    this.#input = new SendQueue(id, (source) => port.offer(source));
    port.send(splitRequest(Kind.OPEN_WRITE, id, encodeFields(writeFields(path, options))));
  }

  /** Resolves once the file stands under its name. Rejects with a GuestError, or a FastvmError when the stream was lost. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Resolves when there is room for more; without effect once the guest has refused the file. */
  write(data: Uint8Array): Promise<void> {
    return this.#input.write(data);
  }

  end(): void {
    void this.#input.end();
  }

  override receive(kind: number, payload: Buffer): void {
    if (kind === Kind.CREDIT) {
      if (!this.#input.receiveCredit(payload)) this.refuse("more credit than it had received");
    } else if (kind === Kind.DONE || kind === Kind.RESET) {
      const failure = resultError(kind, payload);
      if (failure !== undefined) return this.fail(failure);
      this.close();
      this.#input.cancel();
      this.#done.resolve();
    } else {
      this.refuse(`a frame of kind ${kind} for a file that is written`);
    }
  }

  protected override onFailed(error: unknown): void {
    this.#input.cancel();
    this.#done.reject(error);
  }
}

export class ReadStream extends LinkStream {
  readonly #output: ReceiveQueue;

  constructor(id: number, port: StreamPort, path: string) {
    super(id, port);
    this.#output = new ReceiveQueue(this.sendCredit);
    port.send(splitRequest(Kind.OPEN_READ, id, encodeFields([textField(Tag.PATH, path)])));
  }

  /** The next piece of the file, `undefined` at its end. Rejects with a GuestError, or a FastvmError when the stream was lost. */
  async read(): Promise<Uint8Array | undefined> {
    const chunk = await this.#output.take();
    return chunk?.data;
  }

  override receive(kind: number, payload: Buffer): void {
    if (kind === Kind.DATA) {
      if (!this.#output.push(0, payload)) this.refuse("more of a file than it had credit for");
    } else if (kind === Kind.DONE || kind === Kind.RESET) {
      const failure = resultError(kind, payload);
      if (failure !== undefined) return this.fail(failure);
      this.close();
      this.#output.end();
    } else if (kind !== Kind.END) {
      this.refuse(`a frame of kind ${kind} for a file that is read`);
    }
  }

  protected override onFailed(error: unknown): void {
    this.#output.fail(error);
  }
}

function writeFields(path: string, options: WriteFileOptions): Field[] {
  const fields = [textField(Tag.PATH, path)];
  if (options.mode !== undefined) fields.push(u32Field(Tag.MODE, options.mode));
  if (options.mtimeSec !== undefined) fields.push(u64Field(Tag.MTIME, BigInt(Math.floor(options.mtimeSec))));
  if (options.user !== undefined) fields.push(textField(Tag.USER, options.user));
  if (options.makeParents === true) fields.push(u32Field(Tag.FLAGS, FLAG_MAKE_PARENTS));
  return fields;
}

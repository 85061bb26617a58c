/** A verb on files of the guest: what the agent tells, as the fields it tells it in. */
import { FastvmError } from "@fastvm/contract";
import { FieldReader } from "./field-reader.ts";
import {
  encodeFields,
  Tag,
  textField,
  u16Field,
  u32Field,
  u64Field,
  type Field,
  type RawField,
} from "./fields.ts";
import { splitRequest } from "./frame.ts";
import { LinkStream, type StreamPort } from "./link-stream.ts";
import { Kind } from "./protocol.ts";
import { ReceiveQueue } from "./receive-queue.ts";
import { resultError } from "./result-error.ts";

export const Verb = {
  STAT: 1,
  LIST: 2,
  MAKE_FOLDER: 3,
  REMOVE: 4,
  RENAME: 5,
  SET_MODE: 6,
  WATCH: 7,
  DROP_CACHES: 8,
  FREE_PAGES: 9,
  MOUNT: 10,
  UNMOUNT: 11,
  MOUNT_TMPFS: 20,
  MOUNT_DISK: 21,
  UNMOUNT_PLAIN: 22,
} as const;

export interface VerbRequest {
  readonly verb: (typeof Verb)[keyof typeof Verb];
  /** Absolute. */
  readonly path: string;
  /** Absolute; of RENAME. */
  readonly to?: string | undefined;
  /** Permission bits: of MAKE_FOLDER (default 0755) and SET_MODE. */
  readonly mode?: number | undefined;
  /** Of LIST; 0 is the folder itself. Default 1. */
  readonly depth?: number | undefined;
  /** As whom, name or number; default root. */
  readonly user?: string | undefined;
  /** STAT of what a link leads to. */
  readonly follow?: boolean | undefined;
  /** REMOVE and WATCH with all that is below. */
  readonly recursive?: boolean | undefined;
  /** Tag of the attachment: of MOUNT and UNMOUNT. */
  readonly volume?: string | undefined;
  /** Of MOUNT; docs/volume-server.md. */
  readonly mountFlags?: number | undefined;
  /** Of MOUNT_TMPFS; default: as the guest's kernel has it. */
  readonly sizeBytes?: bigint | undefined;
  /** Which of the spare disks, from 0: of MOUNT_DISK and UNMOUNT_PLAIN. */
  readonly disk?: number | undefined;
  /** What is on the disk of MOUNT_DISK; default: whichever takes it. */
  readonly fstype?: string | undefined;
  /** UNMOUNT and UNMOUNT_PLAIN also while files are open. */
  readonly forced?: boolean | undefined;
}

const FLAG_FOLLOW = 1;
const FLAG_RECURSIVE = 2;
const FLAG_FORCED = 1;

export class VerbStream extends LinkStream {
  readonly #output: ReceiveQueue;
  readonly #fields = new FieldReader();

  constructor(id: number, port: StreamPort, request: VerbRequest) {
    super(id, port);
    this.#output = new ReceiveQueue(this.sendCredit);
    port.send(splitRequest(Kind.OPEN_VERB, id, encodeFields(requestFields(request))));
  }

  /** What was told next; `undefined` when the verb is done. Rejects with a GuestError, or a FastvmError when the stream was lost. */
  async read(): Promise<readonly RawField[] | undefined> {
    const chunk = await this.#output.take();
    if (chunk === undefined) {
      if (this.#fields.isBetweenFields) return undefined;
      throw new FastvmError("guest_unresponsive", "its agent sent half an answer");
    }
    try {
      return this.#fields.push(chunk.data);
    } catch (error) {
      const broken = new FastvmError("guest_unresponsive", "its agent sent no fields", { cause: error });
      this.reset(broken);
      throw broken;
    }
  }

  override receive(kind: number, payload: Buffer): void {
    if (kind === Kind.DATA) {
      if (!this.#output.push(0, payload)) this.refuse("more of an answer than it had credit for");
    } else if (kind === Kind.DONE || kind === Kind.RESET) {
      const failure = resultError(kind, payload);
      if (failure !== undefined) return this.fail(failure);
      this.close();
      this.#output.end();
    } else {
      this.refuse(`a frame of kind ${kind} for a verb`);
    }
  }

  protected override onFailed(error: unknown): void {
    this.#output.fail(error);
  }
}

function requestFields(request: VerbRequest): Field[] {
  const { verb, path, to, mode, depth, user, volume, sizeBytes, disk, fstype } = request;
  const flags = flagsOf(request);
  return [
    u16Field(Tag.VERB, verb),
    textField(Tag.PATH, path),
    ...(to === undefined ? [] : [textField(Tag.TO, to)]),
    ...(mode === undefined ? [] : [u32Field(Tag.MODE, mode)]),
    ...(depth === undefined ? [] : [u32Field(Tag.DEPTH, depth)]),
    ...(user === undefined ? [] : [textField(Tag.USER, user)]),
    ...(volume === undefined ? [] : [textField(Tag.VOLUME, volume)]),
    ...(sizeBytes === undefined ? [] : [u64Field(Tag.SIZE, sizeBytes)]),
    ...(disk === undefined ? [] : [u32Field(Tag.DISK, disk)]),
    ...(fstype === undefined ? [] : [textField(Tag.FSTYPE, fstype)]),
    ...(flags === 0 ? [] : [u32Field(Tag.FLAGS, flags)]),
  ];
}

/** What each bit means is the verb's. */
function flagsOf({ follow, recursive, forced, mountFlags = 0 }: VerbRequest): number {
  const bits = [
    follow === true && FLAG_FOLLOW,
    recursive === true && FLAG_RECURSIVE,
    forced === true && FLAG_FORCED,
  ];
  return bits.reduce<number>((flags, bit) => flags | Number(bit), mountFlags);
}

/** What is asked of jobs, as fields, and what is told of one. */
import { FastvmError, type ExecEnd, type ExecState } from "@fastvm/contract";
import type { ExecRequest } from "./exec-stream.ts";
import { execFields } from "./exec-stream.ts";
import {
  decodeFields,
  Tag,
  textField,
  u16Field,
  u16PairField,
  u32Field,
  u64Field,
  u8Field,
  type Field,
  type RawField,
} from "./fields.ts";
import { EXIT_BYTES } from "./protocol.ts";

const JobVerb = { START: 1, ATTACH: 2, INPUT: 3, SIGNAL: 4, RESIZE: 5, LIST: 6, REMOVE: 7 } as const;

/** More than any output: from now on. */
const MAX_OFFSET = 2n ** 63n;
/** As coreutils' timeout(1) has it. */
const TIMED_OUT_EXIT_CODE = 124;
const NANOSECONDS_PER_MS = 1_000_000n;

interface StartRequest extends ExecRequest {
  readonly timeoutMs?: number | undefined;
  readonly keepBytes?: number | undefined;
}

export const jobRequests = {
  start: (job: string, request: StartRequest): Field[] => [
    ...about(JobVerb.START, job),
    ...execFields(request),
    ...(request.timeoutMs === undefined
      ? []
      : [u64Field(Tag.TIMEOUT_MS, BigInt(Math.ceil(request.timeoutMs)))]),
    ...(request.keepBytes === undefined ? [] : [u32Field(Tag.RING_BYTES, request.keepBytes)]),
  ],
  attach: (job: string, offset: number, follow: boolean): Field[] => [
    ...about(JobVerb.ATTACH, job),
    u64Field(Tag.OFFSET, Number.isSafeInteger(offset) ? BigInt(offset) : MAX_OFFSET),
    u8Field(Tag.FOLLOW, follow ? 1 : 0),
  ],
  input: (job: string, closes: boolean): Field[] => [
    ...about(JobVerb.INPUT, job),
    ...(closes ? [{ tag: Tag.CLOSES, value: new Uint8Array() }] : []),
  ],
  signal: (job: string, signal: number): Field[] => [
    ...about(JobVerb.SIGNAL, job),
    u32Field(Tag.SIGNAL, signal),
  ],
  resize: (job: string, rows: number, cols: number): Field[] => [
    ...about(JobVerb.RESIZE, job),
    u16PairField(Tag.PTY, rows, cols),
  ],
  list: (job?: string): Field[] =>
    job === undefined ? [u16Field(Tag.JOB_VERB, JobVerb.LIST)] : about(JobVerb.LIST, job),
  remove: (job: string): Field[] => about(JobVerb.REMOVE, job),
};

function about(verb: number, job: string): Field[] {
  return [u16Field(Tag.JOB_VERB, verb), textField(Tag.JOB, job)];
}

/** Throws `guest_unresponsive` for what no agent of ours would tell. */
export function jobStates(answer: readonly RawField[]): ExecState[] {
  try {
    return answer.filter(({ tag }) => tag === Tag.JOB_INFO).map(({ value }) => stateOf(decodeFields(value)));
  } catch (error) {
    throw new FastvmError("guest_unresponsive", "its agent tells of a job what cannot be", { cause: error });
  }
}

function stateOf(fields: readonly RawField[]): ExecState {
  const find = (tag: number) => fields.find((field) => field.tag === tag)?.value;
  const need = (tag: number) => find(tag) ?? Buffer.alloc(0);
  const text = (tag: number) => find(tag)?.toString();
  const [cwd, user, pty] = [text(Tag.CWD), text(Tag.USER), find(Tag.PTY)];
  const output = need(Tag.OUTPUT);
  const ended = find(Tag.ENDED);
  return {
    execId: need(Tag.JOB).toString(),
    pid: need(Tag.PID).readUInt32LE(0),
    command: fields.filter(({ tag }) => tag === Tag.ARG).map(({ value }) => value.toString()),
    isCut: find(Tag.CUT) !== undefined,
    ...(cwd === undefined ? {} : { cwd }),
    ...(user === undefined ? {} : { user }),
    ...(pty === undefined ? {} : { pty: { rows: pty.readUInt16LE(0), cols: pty.readUInt16LE(2) } }),
    takesStdin: need(Tag.STDIN).readUInt8(0) !== 0,
    startedAtMs: Number(need(Tag.STARTED).readBigUInt64LE(0) / NANOSECONDS_PER_MS),
    ...(ended === undefined ? {} : { end: jobEnd(ended, ended.readUInt8(EXIT_BYTES) !== 0) }),
    output: {
      firstOffset: Number(output.readBigUInt64LE(0)),
      endOffset: Number(output.readBigUInt64LE(8)),
      restoredOffset: Number(output.readBigUInt64LE(16)),
    },
    restores: need(Tag.RESTORES).readUInt32LE(0),
  };
}

/** i32 code, u32 errno, u64 nanoseconds. */
export function jobEnd(ended: Buffer, timedOut: boolean): ExecEnd {
  return {
    exitCode: timedOut ? TIMED_OUT_EXIT_CODE : ended.readInt32LE(0),
    timedOut,
    durationMs: Number(ended.readBigUInt64LE(8)) / Number(NANOSECONDS_PER_MS),
  };
}

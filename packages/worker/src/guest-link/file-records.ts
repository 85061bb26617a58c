/** What verbs on files tell: entries of folders, and events. Throws `guest_unresponsive` for a field that is neither. */
import { FastvmError, type FileEventType, type FileInfo, type FileType } from "@fastvm/contract";
import { decodeFields, Tag, type RawField } from "./fields.ts";

/** As the agent numbers them, from 1. */
const TYPES: readonly FileType[] = ["file", "directory", "symlink", "other"];
/** The first says that the folder is watched from now on. */
const EVENTS: readonly (FileEventType | "ready")[] = [
  "ready",
  "create",
  "write",
  "remove",
  "rename",
  "chmod",
  "overflow",
];
const NS_PER_MS = 1_000_000;

export interface WatchRecord {
  readonly type: FileEventType | "ready";
  readonly path: string;
}

export function decodeEntry(field: RawField): FileInfo {
  const values = valuesOf(field, Tag.ENTRY);
  const type = TYPES[values.number(Tag.TYPE) - 1];
  if (type === undefined) throw broken();
  const target = values.find(Tag.TARGET);
  return {
    path: values.require(Tag.PATH).toString(),
    type,
    mode: values.number(Tag.MODE),
    sizeBytes: values.number(Tag.SIZE),
    modifiedAtMs: values.number(Tag.MTIME_NS) / NS_PER_MS,
    uid: values.number(Tag.UID),
    gid: values.number(Tag.GID),
    ...(target === undefined ? {} : { linkTarget: target.toString() }),
  };
}

export function decodeEvent(field: RawField): WatchRecord {
  const values = valuesOf(field, Tag.EVENT);
  const type = EVENTS[values.number(Tag.TYPE) - 1];
  if (type === undefined) throw broken();
  return { type, path: values.require(Tag.PATH).toString() };
}

function valuesOf({ tag, value }: RawField, expected: number): Values {
  if (tag !== expected) throw broken();
  try {
    return new Values(decodeFields(value));
  } catch (error) {
    throw broken(error);
  }
}

class Values {
  readonly #fields: readonly RawField[];

  constructor(fields: readonly RawField[]) {
    this.#fields = fields;
  }

  find(tag: Tag): Buffer | undefined {
    return this.#fields.find((field) => field.tag === tag)?.value;
  }

  require(tag: Tag): Buffer {
    const value = this.find(tag);
    if (value === undefined) throw broken();
    return value;
  }

  /** Of whatever width; times before 1970 are negative. */
  number(tag: Tag): number {
    const value = this.require(tag);
    if (value.length === 1) return value.readUInt8();
    if (value.length === 4) return value.readUInt32LE();
    if (value.length === 8) return Number(value.readBigInt64LE());
    throw broken();
  }
}

function broken(cause?: unknown): FastvmError {
  return new FastvmError("guest_unresponsive", "its agent told what no file is like", { cause });
}

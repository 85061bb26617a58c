/** Fields that come one after the other in a stream of bytes, cut anywhere. */
import { FIELD_HEADER_BYTES, type RawField } from "./fields.ts";

/** Two paths of 4 KiB each, and numbers. */
const MAX_FIELD_BYTES = 16_384;

export class FieldReader {
  #pending = Buffer.alloc(0);

  /** The fields that are whole by now. Throws a RangeError at one that is longer than any can be. */
  push(bytes: Uint8Array): RawField[] {
    const all = Buffer.concat([this.#pending, bytes]);
    const fields: RawField[] = [];
    let at = 0;
    while (all.length - at >= FIELD_HEADER_BYTES) {
      const length = all.readUInt32LE(at + 4);
      if (length > MAX_FIELD_BYTES) throw new RangeError(`A field of ${length} bytes`);
      const start = at + FIELD_HEADER_BYTES;
      if (all.length - start < length) break;
      fields.push({ tag: all.readUInt16LE(at), value: all.subarray(start, start + length) });
      at = start + length;
    }
    this.#pending = all.subarray(at);
    return fields;
  }

  /** Whether nothing of a field is left over. */
  get isBetweenFields(): boolean {
    return this.#pending.length === 0;
  }
}

/** The data of a record, copied so that it can stand in another message: compressed names inside it are written out. */
import { readName } from "./wire-name.ts";

/**
 * Types whose data holds names that may be compressed (RFC 3597 section 4): how many bytes, then how many
 * names; what follows is copied. All later types must not compress, so the others are copied as they are.
 */
const LAYOUTS: ReadonlyMap<number, readonly [fixedBytes: number, names: number]> = new Map([
  [2, [0, 1]], // NS
  [5, [0, 1]], // CNAME
  [6, [0, 2]], // SOA
  [12, [0, 1]], // PTR
  [14, [0, 2]], // MINFO
  [15, [2, 1]], // MX
  [17, [0, 2]], // RP
  [18, [2, 1]], // AFSDB
  [21, [2, 1]], // RT
  [33, [6, 1]], // SRV
  [36, [2, 1]], // KX
  [39, [0, 1]], // DNAME
]);

/** `undefined` when the data is not what its type and length say. */
export function copyRecordData(
  message: Buffer,
  type: number,
  offset: number,
  end: number,
): Buffer | undefined {
  const layout = LAYOUTS.get(type);
  if (layout === undefined) return Buffer.from(message.subarray(offset, end));
  const [fixedBytes, names] = layout;
  const parts = [message.subarray(offset, offset + fixedBytes)];
  let position = offset + fixedBytes;
  for (let index = 0; index < names; index += 1) {
    const name = position < end ? readName(message, position) : undefined;
    if (name === undefined || name.end > end) return undefined;
    parts.push(name.wire);
    position = name.end;
  }
  parts.push(message.subarray(position, end));
  return Buffer.concat(parts);
}

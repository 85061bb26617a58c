/** Datagrams in a stream of bytes, as the guest's agent has them: two bytes of length, and the datagram. */

const LENGTH_BYTES = 2;

export function recordOf(datagram: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(LENGTH_BYTES + datagram.length);
  record.writeUInt16LE(datagram.length);
  record.set(datagram, LENGTH_BYTES);
  return record;
}

export class DatagramReader {
  #rest: Buffer = Buffer.alloc(0);

  /** Those that are whole now. */
  push(bytes: Uint8Array): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const datagrams: Buffer[] = [];
    while (this.#rest.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + this.#rest.readUInt16LE();
      if (this.#rest.length < end) break;
      datagrams.push(this.#rest.subarray(LENGTH_BYTES, end));
      this.#rest = this.#rest.subarray(end);
    }
    return datagrams;
  }
}

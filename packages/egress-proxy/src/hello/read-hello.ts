/**
 * Reads what a client says first: of a TLS ClientHello (RFC 8446, 4.1.2) the server's name, the protocols offered and whether it has an
 * encrypted hello inside. Strict, because a server that is reached past us must not read another name out of the same bytes.
 */
import { isIP } from "node:net";

export interface Hello {
  readonly kind: "hello";
  /** Lower case; absent where the client names none. */
  readonly serverName: string | undefined;
  /** In the client's order; empty: it offers none. */
  readonly protocols: readonly string[];
  /** Whether the true name may be another (ECH). Browsers send such an extension with nothing in it, too. */
  readonly isEncrypted: boolean;
}

export type FirstWords =
  | Hello
  | { readonly kind: "incomplete" }
  /** No TLS. */
  | { readonly kind: "plain" }
  | { readonly kind: "malformed" };

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const TLS_MAJOR = 3;
const RECORD_HEADER = 5;
const MAX_RECORD_BYTES = 16_384;
const MAX_HELLO_MESSAGE = 16_384;
const SERVER_NAME = 0;
const ALPN = 16;
const ENCRYPTED_HELLO = 0xfe0d;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*$/;

const INCOMPLETE = { kind: "incomplete" } as const;
const MALFORMED = { kind: "malformed" } as const;

export function readHello(bytes: Buffer): FirstWords {
  if (bytes.length === 0) return INCOMPLETE;
  if (bytes[0] !== HANDSHAKE_RECORD) return { kind: "plain" };
  try {
    const message = messageOf(bytes);
    return message === undefined ? INCOMPLETE : readMessage(message);
  } catch (error) {
    if (error instanceof RangeError) return MALFORMED;
    throw error;
  }
}

/** Put together from as many records as it takes. `undefined`: not all is there. Throws a RangeError for what is none. */
function messageOf(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  let have = 0;
  for (let at = 0; ;) {
    const header = bytes.subarray(at, at + RECORD_HEADER);
    // What is there of it is judged already: nobody is waited for who speaks something else.
    if ((header[0] ?? HANDSHAKE_RECORD) !== HANDSHAKE_RECORD || (header[1] ?? TLS_MAJOR) !== TLS_MAJOR)
      throw new RangeError("no handshake");
    if (header.length < RECORD_HEADER) return undefined;
    const length = header.readUInt16BE(3);
    if (length === 0 || length > MAX_RECORD_BYTES) throw new RangeError("a record's length");
    const part = bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length);
    parts.push(part);
    have += part.length;
    const start = Buffer.concat(parts);
    if ((start[0] ?? CLIENT_HELLO) !== CLIENT_HELLO) throw new RangeError("no hello");
    if (start.length >= 4) {
      const wanted = start.readUIntBE(1, 3);
      if (wanted > MAX_HELLO_MESSAGE) throw new RangeError("a hello's length");
      if (have >= 4 + wanted) {
        // Nothing may follow it before the server has answered.
        if (have > 4 + wanted) throw new RangeError("more than a hello");
        return start.subarray(4);
      }
    }
    if (part.length < length) return undefined;
    at += RECORD_HEADER + length;
  }
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  number(bytes: 1 | 2): number {
    const value = this.#bytes.readUIntBE(this.#at, bytes);
    this.#at += bytes;
    return value;
  }

  take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new RangeError("more than there is");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** Behind its length. */
  vector(lengthBytes: 1 | 2): Reader {
    return new Reader(this.take(this.number(lengthBytes)));
  }

  rest(): Buffer {
    return this.take(this.#bytes.length - this.#at);
  }
}

function readMessage(message: Buffer): FirstWords {
  const hello = new Reader(message);
  hello.take(2 + 32);
  hello.vector(1);
  hello.vector(2);
  hello.vector(1);
  const extensions = hello.isAtEnd ? new Reader(Buffer.alloc(0)) : hello.vector(2);
  if (!hello.isAtEnd) return MALFORMED;
  const seen = new Set<number>();
  let serverName: string | undefined;
  let protocols: readonly string[] = [];
  while (!extensions.isAtEnd) {
    const type = extensions.number(2);
    const body = extensions.vector(2);
    if (seen.has(type)) return MALFORMED;
    seen.add(type);
    if (type === SERVER_NAME) serverName = readServerName(body);
    else if (type === ALPN) protocols = readProtocols(body);
  }
  return { kind: "hello", serverName, protocols, isEncrypted: seen.has(ENCRYPTED_HELLO) };
}

/** One name and nothing else: of several nobody knows which a server takes. */
function readServerName(body: Reader): string {
  const list = body.vector(2);
  if (list.number(1) !== 0) throw new RangeError("a name of another kind");
  const name = list.vector(2).rest().toString("latin1").toLowerCase();
  if (!list.isAtEnd || !body.isAtEnd) throw new RangeError("more than one name");
  if (!isHostName(name)) throw new RangeError("no host's name");
  return name;
}

function readProtocols(body: Reader): readonly string[] {
  const list = body.vector(2);
  const protocols: string[] = [];
  while (!list.isAtEnd) protocols.push(list.vector(1).rest().toString("latin1"));
  if (!body.isAtEnd) throw new RangeError("more than the protocols");
  return protocols;
}

/** An address is none: it is known where the connection leads. */
export function isHostName(name: string): boolean {
  return HOST_NAME.test(name) && isIP(name) === 0;
}

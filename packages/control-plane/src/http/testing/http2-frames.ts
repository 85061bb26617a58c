/** HTTP/2 frame by frame, as a client that means no good writes it. */
import type { Socket } from "node:net";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const FRAME = { headers: 1, reset: 3, settings: 4, goaway: 7, windowUpdate: 8 } as const;
const END_STREAM_AND_HEADERS = 5;
const HEAD_BYTES = 9;
const CANCEL = Buffer.from([0, 0, 0, 8]);
/** GET http://localhost/, by HPACK's table, whatever the authority. */
const REQUEST = Buffer.concat([Buffer.from([0x82, 0x86, 0x84, 0x41, 9]), Buffer.from("localhost")]);

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** The beginning of a session, with so many SETTINGS. */
export function greeting(settings = 1): Buffer {
  return Buffer.concat([PREFACE, ...Array.from({ length: settings }, () => frame(FRAME.settings, 0, 0))]);
}

/** Requests, each reset at once; `from` counts the session's streams. */
export function resets(count: number, from = 0): Buffer {
  const frames = Array.from({ length: count }, (_, index) => {
    const stream = 1 + 2 * (from + index);
    return [
      frame(FRAME.headers, END_STREAM_AND_HEADERS, stream, REQUEST),
      frame(FRAME.reset, 0, stream, CANCEL),
    ];
  });
  return Buffer.concat(frames.flat());
}

/** Frames that belong to no request, each of them allowed. */
export function windowUpdates(count: number): Buffer {
  const one = frame(FRAME.windowUpdate, 0, 0, Buffer.from([0, 0, 0, 1]));
  return Buffer.concat(Array.from({ length: count }, () => one));
}

/** Requests whose headers are an entry of HPACK's table again and again, a byte each. */
export function packedRequests(count: number, headers: number): Buffer {
  const payload = Buffer.concat([REQUEST, Buffer.alloc(headers, 0x90)]);
  const frames = Array.from({ length: count }, (_, index) =>
    frame(FRAME.headers, END_STREAM_AND_HEADERS, 1 + 2 * index, payload),
  );
  return Buffer.concat(frames);
}

/** The code of the GOAWAY with which the server ends the session; `undefined` when it closes without one. */
export async function goaway(socket: Socket): Promise<number | undefined> {
  const chunks: Buffer[] = [];
  socket.on("error", () => undefined).on("data", (chunk: Buffer) => chunks.push(chunk));
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
  let rest = Buffer.concat(chunks);
  while (rest.length >= HEAD_BYTES) {
    const length = rest.readUIntBE(0, 3);
    if (rest[3] === FRAME.goaway) return rest.readUInt32BE(HEAD_BYTES + 4);
    rest = rest.subarray(HEAD_BYTES + length);
  }
  return undefined;
}

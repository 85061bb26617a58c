/** Joins a WebSocket and a command on a terminal: keystrokes in, bytes out, each as fast as the other side takes them. */
import type { ExecSession } from "@fastvm/contract";
import type { RawData, WebSocket } from "ws";
import { closeWebSocket } from "../../../http/close-web-socket.ts";

/** Clients take frames of at most 1 MiB. */
const MAX_FRAME_BYTES = 256 * 1024;
/** What a terminal can be, and more than any screen. */
const MAX_SIZE = 4096;
const NORMAL_CLOSURE = 1000;
const INTERNAL_ERROR = 1011;

/** Resolves when both have ended. Closing the socket kills the command. */
export async function bridgeTerminal(socket: WebSocket, session: ExecSession): Promise<void> {
  socket.on("close", () => session.kill());
  let writing = Promise.resolve();
  socket.on("message", (data: RawData, isBinary: boolean) => {
    const bytes = bytesOf(data);
    const size = isBinary ? undefined : resizeOf(bytes);
    if (size !== undefined) return session.resize(size.cols, size.rows);
    // Until the guest has taken these, the client is not read on.
    socket.pause();
    writing = writing
      .then(() => session.writeStdin(bytes))
      .catch(() => closeWebSocket(socket, INTERNAL_ERROR))
      .finally(() => socket.resume());
  });
  try {
    for await (const event of session) {
      if (event.kind === "exit") break;
      await sendInFrames(socket, event.data);
    }
    closeWebSocket(socket, NORMAL_CLOSURE);
  } catch {
    // The socket went, or the VM did: either way the other end must hear of it.
    closeWebSocket(socket, INTERNAL_ERROR);
  }
}

async function sendInFrames(socket: WebSocket, data: Uint8Array): Promise<void> {
  for (let start = 0; start < data.length; start += MAX_FRAME_BYTES) {
    const frame = data.subarray(start, start + MAX_FRAME_BYTES);
    await new Promise<void>((resolve, reject) => {
      socket.send(frame, { binary: true }, (error) => (error ? reject(error) : resolve()));
    });
  }
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}

/** `{"type":"resize","cols":…,"rows":…}`; all other text is keystrokes, even when it looks like JSON. */
function resizeOf(bytes: Buffer): { cols: number; rows: number } | undefined {
  if (bytes[0] !== 0x7b) return undefined;
  let message: unknown;
  try {
    message = JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
  if (typeof message !== "object" || message === null) return undefined;
  const { type, cols, rows } = message as Record<string, unknown>;
  return type === "resize" && isSize(cols) && isSize(rows) ? { cols, rows } : undefined;
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= MAX_SIZE;
}

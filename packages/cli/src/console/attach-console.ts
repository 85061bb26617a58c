/**
 * Joins this terminal and a VM's console: keys go as text, what the VM shows comes as bytes, and the size of the window is
 * told at the start and whenever it changes. Ctrl-] leaves.
 */
import { StringDecoder } from "node:string_decoder";
import { UserError } from "../user-error.ts";

/** What telnet has taught everybody's fingers. */
const LEAVE_KEY = "\u001d";
const NORMAL_CLOSURE = 1000;
/** A server that does not answer the closing is left without its answer. */
const CLOSE_PATIENCE_MS = 1000;

/** To be called before a token is asked for, which could be used only once. */
export function requireTerminal(): void {
  if (process.stdin.isTTY && process.stdout.isTTY) return;
  throw new UserError("A console needs a terminal", "For a single command use: fastvm exec VM COMMAND");
}

/** Resolves when the console has ended, by either side. */
export async function attachConsole(url: string, signal: AbortSignal): Promise<void> {
  const { stdin, stdout } = process;
  const socket = await openSocket(url);
  const ended = new Promise<void>((resolve) => socket.addEventListener("close", () => resolve()));
  const leave = (): void => {
    socket.close(NORMAL_CLOSURE);
    setTimeout(() => socket.dispatchEvent(new Event("close")), CLOSE_PATIENCE_MS).unref();
  };
  const decoder = new StringDecoder("utf8");
  const onInput = (data: Buffer): void => {
    const [text = "", ...afterLeaving] = decoder.write(data).split(LEAVE_KEY);
    if (text !== "") socket.send(text);
    if (afterLeaving.length > 0) leave();
  };
  const tellSize = (): void => {
    socket.send(JSON.stringify({ type: "resize", cols: stdout.columns, rows: stdout.rows }));
  };
  tellSize();
  stdout.on("resize", tellSize);
  signal.addEventListener("abort", leave, { once: true });
  stdin.setRawMode(true).on("data", onInput);
  try {
    await ended;
  } finally {
    stdin.setRawMode(false).off("data", onInput).pause();
    stdout.off("resize", tellSize);
    signal.removeEventListener("abort", leave);
  }
}

function openSocket(url: string): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    // Before it opens: the first bytes may come along with the answer to the handshake.
    socket.addEventListener("message", ({ data }) => {
      process.stdout.write(data instanceof ArrayBuffer ? new Uint8Array(data) : String(data));
    });
    socket.addEventListener("open", () => resolve(socket), { once: true });
    socket.addEventListener("error", () => reject(new UserError("The console did not open")), { once: true });
  });
}

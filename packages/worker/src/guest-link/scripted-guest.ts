/** For tests: a guest that says whatever the test wants, also what no honest agent would. Shares no parser with the host. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeFrame } from "./frame.ts";
import { GuestLink } from "./guest-link.ts";
import type { ConnectOptions } from "./guest-link.ts";
import { HEADER_BYTES, Kind, MAX_FRAME_BYTES, NONCE_BYTES } from "./protocol.ts";

export interface HostFrame {
  readonly kind: number;
  readonly session: number;
  readonly stream: number;
  readonly payload: Buffer;
}

const BOOT_ID = Buffer.from("00112233445566778899aabbccddeeff", "hex");

export class ScriptedGuest implements AsyncDisposable {
  readonly socketPath: string;
  /** Frames of the host so far, but for HELLO. */
  readonly frames: HostFrame[] = [];
  /** Number of HELLO frames so far. */
  hellos = 0;
  session = 0;
  nonce: Buffer = Buffer.alloc(NONCE_BYTES);
  /** Called for each frame but HELLO, after it was recorded. */
  onFrame: (frame: HostFrame) => void = () => undefined;
  /** Called for each HELLO; by default answers it. */
  onHello: () => void = () => this.welcome();
  readonly #folder: string | undefined;
  readonly #server: Server;
  #socket: Socket | undefined;
  #pending: Buffer = Buffer.alloc(0);
  #zeros = 0;

  static async start(name = "link.sock"): Promise<ScriptedGuest> {
    const folder = await mkdtemp(join(tmpdir(), "fastvm-scripted-guest-"));
    return await ScriptedGuest.at(join(folder, name), folder);
  }

  /** Where a VM has its guest. `folder` goes with it. */
  static async at(socketPath: string, folder?: string): Promise<ScriptedGuest> {
    const server = createServer();
    const guest = new ScriptedGuest(folder, socketPath, server);
    server.listen(guest.socketPath);
    await once(server, "listening");
    return guest;
  }

  private constructor(folder: string | undefined, socketPath: string, server: Server) {
    this.#folder = folder;
    this.socketPath = socketPath;
    this.#server = server;
    server.on("connection", (socket) => {
      this.#socket = socket;
      this.#pending = Buffer.alloc(0);
      this.#zeros = 0;
      socket.on("data", (chunk) => this.#receive(chunk));
      socket.on("error", () => undefined);
    });
  }

  connect(options: Partial<ConnectOptions> = {}): Promise<GuestLink> {
    return GuestLink.connect({
      socketPath: this.socketPath,
      generation: Buffer.alloc(16, 7),
      deadlineMs: 5000,
      ...options,
    });
  }

  /** By default it claims to know all that there is. */
  welcome(version = 1, abilities = 0xffff): void {
    const payload = Buffer.alloc(40);
    payload.set(this.nonce);
    payload.writeUInt16LE(version, NONCE_BYTES);
    payload.writeUInt16LE(abilities, NONCE_BYTES + 2);
    payload.set(BOOT_ID, 24);
    this.send(Kind.WELCOME, 0, payload);
  }

  send(kind: Kind, stream: number, payload: Uint8Array = new Uint8Array(0)): void {
    this.raw(encodeFrame(kind, this.session, stream, payload));
  }

  exit(stream: number, exitCode: number): void {
    const payload = Buffer.alloc(16);
    payload.writeInt32LE(exitCode);
    this.send(Kind.EXIT, stream, payload);
  }

  raw(bytes: Uint8Array): void {
    this.#socket?.write(bytes);
  }

  /** Ends the connection in whatever state it is. */
  hangUp(): void {
    this.#socket?.destroy();
  }

  /** The guest reads nothing more, like one that hangs. */
  stopReading(): void {
    this.#socket?.pause();
  }

  resumeReading(): void {
    this.#socket?.resume();
  }

  of(kind: number): HostFrame[] {
    return this.frames.filter((frame) => frame.kind === kind);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket?.destroy();
    this.#server.close();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }

  #receive(chunk: Buffer): void {
    const skipped = Math.min(MAX_FRAME_BYTES - this.#zeros, chunk.length);
    if (chunk.subarray(0, skipped).some((byte) => byte !== 0))
      throw new Error("The host must begin with zeros");
    this.#zeros += skipped;
    this.#pending = Buffer.concat([this.#pending, chunk.subarray(skipped)]);
    for (let frame = this.#take(); frame !== undefined; frame = this.#take()) this.#handle(frame);
  }

  #take(): HostFrame | undefined {
    const bytes = this.#pending;
    if (bytes.length < HEADER_BYTES) return undefined;
    const end = HEADER_BYTES + bytes.readUInt32LE(8);
    if (bytes.length <= end) return undefined;
    if (bytes[0] !== 0xf5 || bytes[end] !== 0x5f) throw new Error("The host sent garbage");
    this.#pending = bytes.subarray(end + 1);
    return {
      kind: bytes[1] ?? 0,
      session: bytes.readUInt16LE(2),
      stream: bytes.readUInt32LE(4),
      payload: bytes.subarray(HEADER_BYTES, end),
    };
  }

  #handle(frame: HostFrame): void {
    if (frame.kind !== Kind.HELLO) {
      this.frames.push(frame);
      this.onFrame(frame);
      return;
    }
    this.hellos += 1;
    this.session = frame.session;
    this.nonce = frame.payload.subarray(32, 48);
    this.onHello();
  }
}

/**
 * A client that means no good, in a process of its own: five connections without a key,
 * opened again whenever they end. Arguments: port, and what it does.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { goaway, greeting, resets } from "../../packages/control-plane/src/http/testing/http2-frames.ts";

const CONNECTIONS = 5;
/** As many as one read brings. */
const FRAMES = 900;
/** Who is not ended comes again anyway. */
const STAY_MS = 100;
const BYTE_EVERY_MS = 5;
const SLOW_HEAD = `GET /healthz HTTP/1.1\r\nHost: ${"x".repeat(1000)}`;

const RESETS = Buffer.concat([greeting(), resets(FRAMES)]);
const SETTINGS = greeting(FRAMES);
const PIPELINED = Buffer.from("GET /v1/vms HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(FRAMES));

async function burst(socket: Socket, bytes: Buffer): Promise<void> {
  socket.setTimeout(STAY_MS, () => socket.destroy());
  socket.write(bytes);
  await goaway(socket);
}

async function trickle(socket: Socket): Promise<void> {
  for (const byte of SLOW_HEAD) {
    if (socket.destroyed) return;
    socket.write(byte);
    await sleep(BYTE_EVERY_MS);
  }
}

const ATTACKS: Readonly<Record<string, (socket: Socket) => Promise<void>>> = {
  reset: (socket) => burst(socket, RESETS),
  settings: (socket) => burst(socket, SETTINGS),
  pipeline: (socket) => burst(socket, PIPELINED),
  slow: trickle,
};

async function attackForEver(port: number, attack: (socket: Socket) => Promise<void>): Promise<never> {
  for (;;) {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.on("error", () => undefined);
    if (await once(socket, "connect").catch(() => undefined)) await attack(socket);
    socket.destroy();
  }
}

const [port, kind = ""] = process.argv.slice(2);
const attack = ATTACKS[kind];
if (attack === undefined) throw new Error(`there is no flood "${kind}"`);
await Promise.all(Array.from({ length: CONNECTIONS }, () => attackForEver(Number(port), attack)));

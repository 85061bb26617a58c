/** The worker's word to a volume server: a line each way, in order; bytes behind a line where it says so. */
import { connect, type Socket } from "node:net";
import { pinSocket } from "../../files/pinned-socket.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { FastvmError } from "@fastvm/contract";

/** One step of the server takes milliseconds; a table of a million nodes a second. */
const ANSWER_DEADLINE_MS = 15_000;
/** Until a server that was just started listens. */
const CONNECT_DEADLINE_MS = 10_000;
const CONNECT_POLL_MS = 10;
/** A line is at most 4 KiB on the way there; a list of 16 attachments is longer. */
const MAX_LINE_BYTES = 64 * 1024;

interface Told {
  readonly ok: boolean;
  readonly errno?: string;
  readonly message?: string;
  readonly bytes?: number;
  readonly [key: string]: unknown;
}

interface Answer {
  readonly told: Told;
  readonly bytes: Buffer;
}

/** Makes a connection of its own and ends it: calls are rare, and a daemon that comes later has none of an earlier one. */
export async function tell(
  socketPath: string,
  verb: string,
  words: Readonly<Record<string, string>> = {},
  content?: Buffer,
): Promise<Answer> {
  const line = [verb, ...Object.entries(words).map(([key, value]) => `${key}=${escaped(value)}`)].join(" ");
  const socket = await connected(socketPath);
  try {
    socket.write(`${line}\n`);
    if (content !== undefined) socket.write(content);
    const answer = await answerOf(socket);
    if (answer.told.ok) return answer;
    const { errno = "EIO", message = "" } = answer.told;
    throw new ServerRefusal(verb, errno, message);
  } finally {
    socket.destroy();
  }
}

class ServerRefusal extends FastvmError {
  readonly errno: string;

  constructor(verb: string, errno: string, message: string) {
    super("conflict", `the volume server refused ${verb}: ${errno} ${message}`.trim());
    this.errno = errno;
  }
}

function escaped(value: string): string {
  return value.replaceAll(/[^A-Za-z0-9._/-]/g, (character) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
  );
}

async function connected(socketPath: string): Promise<Socket> {
  const deadline = Date.now() + CONNECT_DEADLINE_MS;
  for (;;) {
    try {
      return await attempt(socketPath);
    } catch (error) {
      if (Date.now() > deadline) {
        throw new FastvmError("internal", "a volume server does not listen", { cause: error });
      }
      await sleep(CONNECT_POLL_MS);
    }
  }
}

async function attempt(socketPath: string): Promise<Socket> {
  await using pinned = await pinSocket(socketPath);
  return await new Promise((resolve, reject) => {
    const socket = connect(pinned.path);
    socket.once("connect", () => resolve(socket)).once("error", reject);
  });
}

async function answerOf(socket: Socket): Promise<Answer> {
  socket.setTimeout(ANSWER_DEADLINE_MS, () => socket.destroy(new Error("a volume server does not answer")));
  let pending = Buffer.alloc(0);
  let told: Told | undefined;
  for await (const chunk of socket) {
    pending = Buffer.concat([pending, chunk as Buffer]);
    if (told === undefined) {
      const end = pending.indexOf("\n");
      if (end === -1 && pending.length > MAX_LINE_BYTES) break;
      if (end === -1) continue;
      told = JSON.parse(pending.toString("utf8", 0, end)) as Told;
      pending = pending.subarray(end + 1);
    }
    const wanted = told.bytes ?? 0;
    if (pending.length >= wanted) return { told, bytes: pending.subarray(0, wanted) };
  }
  throw new FastvmError("internal", "a volume server ended in the midst of an answer");
}

/** A real name server on the loopback for the resolver's tests, by dns-packet, and so by other code than the resolver's own. */
import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { decode, encode, type Answer, type Packet, RECURSION_AVAILABLE } from "dns-packet";
import { isErrno } from "../files/errno.ts";

interface UpstreamQuestion {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly transport: "udp" | "tcp";
  readonly edns: boolean;
  readonly fromPort: number;
}

/** Bytes go out as they are; `silence` sends nothing. */
export type UpstreamReply =
  | {
      readonly rcode?: number;
      readonly flags?: number;
      readonly answers?: Answer[];
      readonly authorities?: Answer[];
    }
  | { readonly messages: readonly Buffer[] }
  | "silence";

export type Zone = (question: UpstreamQuestion) => UpstreamReply | Promise<UpstreamReply>;

/** Of ports that the system gives. */
const MAX_ATTEMPTS = 8;

export class DnsUpstream implements AsyncDisposable {
  readonly asked: UpstreamQuestion[] = [];
  readonly #udp = createSocket("udp4");
  readonly #tcp = createServer((socket) => void this.#converse(socket));
  readonly #zone: Zone;

  private constructor(zone: Zone) {
    this.#zone = zone;
  }

  static async start(zone: Zone): Promise<DnsUpstream> {
    for (let attempt = 1; ; attempt += 1) {
      const upstream = new DnsUpstream(zone);
      try {
        await upstream.#listen();
        return upstream;
      } catch (error) {
        await upstream[Symbol.asyncDispose]();
        if (!isErrno(error, "EADDRINUSE") || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  /** A port that is free for TCP may be taken for UDP. */
  async #listen(): Promise<void> {
    this.#tcp.listen(0, "127.0.0.1");
    await once(this.#tcp, "listening");
    this.#udp.on("message", (message, from) => void this.#datagram(message, from));
    this.#udp.bind(this.port, "127.0.0.1");
    await once(this.#udp, "listening");
  }

  get port(): number {
    return (this.#tcp.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#udp.close();
    this.#tcp.close();
    await once(this.#tcp, "close");
  }

  async #datagram(message: Buffer, from: RemoteInfo): Promise<void> {
    for (const answer of await this.#replies(message, "udp", from.port)) {
      this.#udp.send(answer, from.port, from.address);
    }
  }

  async #converse(socket: Socket): Promise<void> {
    socket.on("error", () => {});
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      for (const answer of await this.#replies(chunk.subarray(2), "tcp", socket.remotePort ?? 0)) {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        // In two parts, as a network may deliver it.
        socket.write(length);
        socket.write(answer);
      }
    }
  }

  async #replies(message: Buffer, transport: "udp" | "tcp", fromPort: number): Promise<readonly Buffer[]> {
    const query: Packet = decode(message);
    const [question] = query.questions ?? [];
    if (question === undefined) return [];
    const id = query.id ?? 0;
    const edns = (query.additionals ?? []).length > 0;
    const { name, type } = question;
    const asked = { id, name, type, transport, edns, fromPort };
    this.asked.push(asked);
    const reply = await this.#zone(asked);
    if (reply === "silence") return [];
    if ("messages" in reply) return reply.messages;
    return [responseTo(asked, reply)];
  }
}

/** What the server would send; for tests that send something near it. */
export function responseTo(
  { id, name, type }: Pick<UpstreamQuestion, "id" | "name" | "type">,
  reply: Exclude<UpstreamReply, "silence" | { readonly messages: readonly Buffer[] }>,
): Buffer {
  return encode({
    id,
    type: "response",
    flags: RECURSION_AVAILABLE | (reply.flags ?? 0) | (reply.rcode ?? 0),
    questions: [{ name, type: type as Answer["type"] }],
    answers: reply.answers ?? [],
    authorities: reply.authorities ?? [],
  });
}

/** A client that still sends when it is refused gets to see the answer, and not a broken pipe. */
import { once } from "node:events";
import { connect as connectTcp, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { MAX_BODY_BYTES } from "@fastvm/contract";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderError } from "../api/fastvm/errors.ts";
import { answerErrors } from "../api/shared/answer-error.ts";
import { answerUnreadable } from "../api/shared/answer-unreadable.ts";
import { acceptJsonBodies } from "../api/shared/json-body.ts";
import { createApiServer } from "./api-server.ts";
import { linger, type LingerLimits } from "./linger.ts";
import { recognise } from "./strangers/visitor.ts";
import { selfSigned } from "./testing/self-signed.ts";

const OVER = MAX_BODY_BYTES + 1024 * 1024;
/** The answer and the reset race. */
const TIMES = 8;
const PIECE_BYTES = 256 * 1024;

const KEY = "X-API-Key: valid\r\n";
const LENGTH = `Content-Length: ${OVER}\r\n\r\n`;
const CHUNKED = "Transfer-Encoding: chunked\r\n\r\n";
const body = Buffer.alloc(OVER, " ");
const chunk = Buffer.concat([Buffer.from(`${OVER.toString(16)}\r\n`), body, Buffer.from("\r\n0\r\n\r\n")]);
const noChunk = Buffer.concat([Buffer.from("no length\r\n"), body]);
const header = Buffer.from(`X-Long: ${"x".repeat(4 * 1024 * 1024)}\r\n\r\n`);

describe.each([
  ["in cleartext", undefined],
  ["behind TLS", selfSigned()],
])("%s", (_name, tls) => {
  let app: FastifyInstance;

  beforeAll(async () => {
    app = Fastify({
      serverFactory: createApiServer(tls).serverFactory,
      bodyLimit: MAX_BODY_BYTES,
      clientErrorHandler: answerUnreadable(renderError),
      forceCloseConnections: true,
    });
    acceptJsonBodies(app);
    const silent = () => undefined;
    answerErrors(app, { info: silent, warn: silent, error: silent }, () => renderError);
    app.addHook("onRequest", async (request, reply) => {
      if (request.headers["x-api-key"] === "valid") recognise(request.raw);
      else await reply.code(401).send({});
    });
    app.post("/", () => ({}));
    const refuse = async (_request: FastifyRequest, reply: FastifyReply) => {
      await reply.code(507).header("connection", "close").send({});
    };
    app.post("/full", { onRequest: refuse }, () => ({}));
    await app.listen({ port: 0, host: "127.0.0.1" });
  });

  afterAll(async () => {
    await app.close();
  });

  function open(): Socket {
    const to = { port: (app.server.address() as AddressInfo).port, host: "127.0.0.1" };
    if (tls === undefined) return connectTcp(to);
    return connectTls({ ...to, servername: "localhost", ca: tls.cert, ALPNProtocols: ["http/1.1"] });
  }

  /** As many clients do: looks at the answer only when all is sent, and fails as `write` does. */
  async function sendAll(head: string, sent: Buffer, pieceBytes: number): Promise<string> {
    const socket = open().pause();
    const broken = new Promise<never>((_resolve, reject) => socket.once("error", reject));
    broken.catch(() => undefined);
    await once(socket, tls === undefined ? "connect" : "secureConnect");
    socket.write(head);
    for (let at = 0; at < sent.length; at += pieceBytes) {
      const written = new Promise<void>((resolve) => {
        socket.write(sent.subarray(at, at + pieceBytes), () => resolve());
      });
      await Promise.race([written, broken]);
    }
    let answer = "";
    // Not to the connection's end: a body that the server could read to its own leaves it open for the next request.
    for await (const piece of socket as AsyncIterable<Buffer>) {
      answer += piece.toString("latin1");
      if (answer.includes("\r\n\r\n")) break;
    }
    return answer.slice(0, answer.indexOf("\r\n"));
  }

  test.each([
    ["over the limit, of known length", `/ HTTP/1.1\r\n${KEY}${LENGTH}`, body, "413 Payload Too Large"],
    ["over the limit, in chunks", `/ HTTP/1.1\r\n${KEY}${CHUNKED}`, chunk, "413 Payload Too Large"],
    ["without a key", `/ HTTP/1.1\r\n${LENGTH}`, body, "401 Unauthorized"],
    ["without a key, in chunks", `/ HTTP/1.1\r\n${CHUNKED}`, chunk, "401 Unauthorized"],
    ["refused before it is read", `/full HTTP/1.1\r\n${KEY}${LENGTH}`, body, "507 Insufficient Storage"],
    ["that is not HTTP", `/ HTTP/1.1\r\n${KEY}${CHUNKED}`, noChunk, "400 Bad Request"],
    ["behind an endless header", "/ HTTP/1.1\r\n", header, "431 Request Header Fields Too Large"],
  ])("a body %s: the answer is seen by clients that look for it last", async (_what, head, sent, status) => {
    for (let time = 0; time < TIMES; time += 1) {
      const pieceBytes = time % 2 === 0 ? sent.length : PIECE_BYTES;
      const answer = await sendAll(
        `POST ${head.replace("\r\n", "\r\nHost: localhost\r\n")}`,
        sent,
        pieceBytes,
      );
      expect(answer).toBe(`HTTP/1.1 ${status}`);
    }
  });
});

describe("has an end", () => {
  const PLENTY: LingerLimits = { ms: 60_000, silenceMs: 60_000, bytes: 1024 ** 3 };
  let server: Server;

  beforeAll(async () => {
    server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
  });

  afterAll(() => server.close());

  /** Both ends of a connection that lingers. */
  async function start(
    limits: LingerLimits,
  ): Promise<{ readonly client: Socket; readonly closed: Promise<unknown> }> {
    const { port } = server.address() as AddressInfo;
    const accepted = once(server, "connection") as Promise<[Socket]>;
    const client = connectTcp({ port, host: "127.0.0.1", allowHalfOpen: true });
    client.on("error", () => undefined).resume();
    const [served] = await accepted;
    const closed = new Promise((resolve) => served.on("error", () => undefined).once("close", resolve));
    served.write("answer");
    linger(served, limits);
    return { client, closed };
  }

  test.each([
    ["a time", { ms: 50 }, true],
    ["silence", { silenceMs: 50 }, false],
    ["bytes", { bytes: 100 * 1024 }, true],
  ])("by %s", async (_what, bound, sends) => {
    const { client, closed } = await start({ ...PLENTY, ...bound });
    const timer = setInterval(() => sends && client.write(Buffer.alloc(1024)), 1);
    await closed;
    clearInterval(timer);
    client.destroy();
  });

  test("when the client leaves", async () => {
    const { client, closed } = await start(PLENTY);
    await once(client, "end");
    client.end("the rest");
    await closed;
  });
});

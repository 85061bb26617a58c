/** HTTP/2 through the proxy. */
import { createHash } from "node:crypto";
import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { API, fieldOf, InterceptLab, OTHER, PLACEHOLDER, SECRET, VALUE } from "./testing/intercept-lab.ts";

let lab: InterceptLab;
const sessions: ClientHttp2Session[] = [];

beforeEach(async () => {
  lab = await InterceptLab.start();
});
afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  await lab[Symbol.asyncDispose]();
});

async function open(host = API): Promise<ClientHttp2Session> {
  const socket = await lab.shake(host, { ALPNProtocols: ["h2"] });
  const session = connect(`https://${host}`, { createConnection: () => socket });
  session.on("error", () => undefined);
  sessions.push(session);
  return session;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
  /** Of the stream's end. */
  readonly code: number;
}

function ask(
  session: ClientHttp2Session,
  headers: object,
  pieces: readonly (string | Buffer)[] = [],
): Promise<Answer> {
  return new Promise((resolve) => {
    const stream = session.request(
      { ":authority": `${API}:${lab.port}`, ":path": "/", ...headers },
      { endStream: pieces.length === 0 },
    );
    let [answered, body]: [IncomingHttpHeaders, string] = [{}, ""];
    stream.on("response", (fields) => {
      answered = fields;
    });
    stream.on("data", (part: Buffer) => {
      body += part.toString();
    });
    stream.on("error", () => undefined);
    stream.on("close", () =>
      resolve({
        status: Number(answered[":status"] ?? 0),
        body,
        headers: answered,
        code: stream.rstCode ?? 0,
      }),
    );
    for (const piece of pieces) stream.write(piece);
    if (pieces.length > 0) stream.end();
  });
}

test("a secret gets into fields, Basic and the query, of many streams at once", async () => {
  const session = await open();
  const basic = Buffer.from(`u:${PLACEHOLDER}`).toString("base64");
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      ask(session, {
        ":path": `/${index}?k=${PLACEHOLDER}`,
        "x-a": PLACEHOLDER,
        authorization: `Basic ${basic}`,
      }),
    ),
  );
  expect(answers.map(({ status, body }) => [status, body])).toEqual(answers.map(() => [200, "hello"]));
  for (const seen of lab.seen) {
    expect(fieldOf(seen, "x-a")).toBe(VALUE);
    expect(Buffer.from(fieldOf(seen, "authorization")?.slice(6) ?? "", "base64").toString()).toBe(
      `u:${VALUE}`,
    );
    expect(new URL(seen.url, "http://x").searchParams.get("k")).toBe(VALUE);
  }
  expect(lab.dialled).toBe(1);
});

test("a body passes, and one with a placeholder that was asked for in bodies does not", async () => {
  const session = await open();
  expect(await ask(session, { ":method": "POST" }, ["some", "thing"])).toMatchObject({ status: 200 });
  expect(lab.seen[0]?.body.toString()).toBe("something");
  const blocked = await ask(session, { ":method": "POST" }, ["a$MSB", "_TOKEN"]);
  expect(blocked.status).not.toBe(200);
  expect(lab.blocked).toEqual([
    { secret: "TOKEN", host: API, reason: "http2_body", action: "block_and_log" },
  ]);
  lab.secrets = [{ ...SECRET, injection: { ...SECRET.injection, body: false } }];
  expect(await ask(await open(), { ":method": "POST" }, [PLACEHOLDER])).toMatchObject({ status: 200 });
  expect(lab.seen.at(-1)?.body.toString()).toBe(PLACEHOLDER);
});

test("a body's placeholder is seen wherever it is cut and however it is escaped", async () => {
  const session = await open();
  const written = [PLACEHOLDER, "%24MSB%5fTOKEN", "\\u0024MSB_TOKE\\u004e"];
  const bodies = written.flatMap((text) =>
    Array.from({ length: text.length + 1 }, (_, cut) => [`a${text.slice(0, cut)}`, `${text.slice(cut)}b`]),
  );
  for (const pieces of bodies)
    expect(await ask(session, { ":method": "POST" }, pieces), pieces.join("|")).not.toMatchObject({
      status: 200,
    });
  expect(lab.seen).toEqual([]);
  expect(lab.blocked).toHaveLength(bodies.length);
  expect(await ask(session, { ":method": "POST" }, ["a$MSB", "_TOKE"])).toMatchObject({ status: 200 });
});

test("a compressed body, and one of 16 MiB, pass byte for byte", async () => {
  const session = await open();
  const compressed = gzipSync(`{"key":"${PLACEHOLDER}"}`);
  const large = Buffer.alloc(16 * 1024 * 1024, "$MSB_%24\\u");
  await ask(session, { ":method": "POST", "content-encoding": "gzip" }, [compressed]);
  await ask(session, { ":method": "POST" }, [large.subarray(0, 5_000_001), large.subarray(5_000_001)]);
  const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
  expect(lab.seen.map(({ body }) => digest(body))).toEqual([digest(compressed), digest(large)]);
});

test("to another host it does not go, and the streams beside it go on", async () => {
  const session = await open(OTHER);
  const to = { ":authority": `${OTHER}:${lab.port}` };
  const answers = await Promise.all([
    ask(session, { ...to, "x-a": PLACEHOLDER }),
    ask(session, to),
    ask(session, { ...to, ":method": "POST" }, ["%24MSB", "_TOKEN"]),
  ]);
  expect(answers.map(({ status }) => status === 200)).toEqual([false, true, false]);
  expect(lab.seen).toHaveLength(1);
  expect(lab.blocked.map(({ reason }) => reason)).toEqual(["host", "host"]);
});

test("a connection is not used for another host, nor as a tunnel", async () => {
  const session = await open();
  // As browsers do that see one certificate, or one address, for both.
  expect(await ask(session, { ":authority": OTHER, "x-a": PLACEHOLDER })).toMatchObject({ status: 421 });
  expect(await ask(session, { ":authority": `${OTHER}:${lab.port}` })).toMatchObject({ status: 421 });
  const tunnel = session.request({ ":method": "CONNECT", ":authority": `${API}:${lab.port}` });
  const [fields] = await new Promise<[IncomingHttpHeaders]>((resolve) =>
    tunnel.once("response", (headers) => resolve([headers])),
  );
  expect(fields[":status"]).toBe(403);
  expect(lab.seen).toEqual([]);
});

test("an answer that breaks off breaks off here, too, with the server's code", async () => {
  lab.respond = (_seen, response) => {
    if (!("stream" in response)) return;
    response.writeHead(200);
    response.write("half");
    setImmediate(() => response.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM));
  };
  const answer = await ask(await open(), {});
  expect(answer.code).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
});

test("trailers and many megabytes pass both ways", async () => {
  const large = "x".repeat(3_000_000);
  lab.respond = ({ body }, response) => {
    response.setHeader("trailer", "x-end");
    response.addTrailers({ "x-end": "yes" });
    response.end(body);
  };
  const session = await open();
  const answer = await ask(session, { ":method": "POST" }, [large]);
  expect(answer.body.length).toBe(large.length);
});

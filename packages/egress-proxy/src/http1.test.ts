/** HTTP/1.1 through the proxy, as guests write it on the wire. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  allOf,
  API,
  fieldOf,
  InterceptLab,
  OTHER,
  PLACEHOLDER,
  SECRET,
  VALUE,
} from "./testing/intercept-lab.ts";

let lab: InterceptLab;

beforeEach(async () => {
  lab = await InterceptLab.start({ http2: false });
});
afterEach(() => lab[Symbol.asyncDispose]());

/** One request on a connection of its own, in the given pieces; resolves to all that is answered. */
async function send(pieces: readonly (string | Buffer)[], host = API): Promise<string> {
  const socket = await lab.shake(host);
  const answered = allOf(socket);
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return await answered;
}

const head = (rest: string, { target = "/", method = "GET", host = API } = {}): string =>
  `${method} ${target} HTTP/1.1\r\nHost: ${host}:${lab.port}\r\nConnection: close\r\n${rest}\r\n`;
const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

describe("a secret gets in", () => {
  test("fields, however often, and nowhere else", async () => {
    const answer = await send([
      head(`Authorization: Bearer ${PLACEHOLDER}\r\nX-Two: a${PLACEHOLDER}b\r\nX-Two: c\r\n`),
    ]);
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*x-from: server\r\n[^]*hello/);
    const [seen] = lab.seen;
    expect(seen?.headers).toEqual([
      ...["Host", `${API}:${lab.port}`],
      ...["Authorization", `Bearer ${VALUE}`],
      ...["X-Two", `a${VALUE}b`, "X-Two", "c"],
      ...["Connection", "keep-alive"],
    ]);
  });

  test("Basic, decoded and encoded again; what is no Basic stays", async () => {
    const basic = (text: string): string =>
      `Authorization: Basic ${Buffer.from(text).toString("base64")}\r\n`;
    await send([head(basic(`user:${PLACEHOLDER}`))]);
    await send([head("Authorization: Basic !!!\r\n")]);
    await send([head(basic("user:password"))]);
    expect(lab.seen.map((seen) => fieldOf(seen, "authorization"))).toEqual([
      `Basic ${Buffer.from(`user:${VALUE}`).toString("base64")}`,
      "Basic !!!",
      basic("user:password").slice(15, -2),
    ]);
  });

  test("the query, escaped as it has to be, and never the path", async () => {
    await send([
      head("", { target: `/p${PLACEHOLDER}?a=${encodeURIComponent(PLACEHOLDER)}&b=${PLACEHOLDER}` }),
    ]);
    const url = new URL(lab.seen[0]?.url ?? "", "http://x");
    expect(url.pathname).toBe(`/p${PLACEHOLDER}`);
    expect([...url.searchParams]).toEqual([
      ["a", VALUE],
      ["b", VALUE],
    ]);
  });

  test("a body with a length, which becomes another; in JSON and forms escaped as these have it", async () => {
    const json = JSON.stringify({ key: PLACEHOLDER, other: 1 });
    const escaped = `{"key":"\\u0024MSB_TOKEN"}`;
    const form = `a=${encodeURIComponent(PLACEHOLDER)}&b=${PLACEHOLDER}`;
    const post = (type: string, body: string): string =>
      `${head(`Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n`, { method: "POST" })}${body}`;
    await send([post("application/json; charset=utf-8", json)]);
    await send([post("application/problem+json", escaped)]);
    await send([post("application/x-www-form-urlencoded", form)]);
    await send([post("text/plain", `x ${PLACEHOLDER} y`)]);
    expect(lab.seen.map(({ body }) => body.toString())).toEqual([
      JSON.stringify({ key: VALUE, other: 1 }),
      JSON.stringify({ key: VALUE }),
      expect.stringMatching(/^a=(\S+)&b=\1$/),
      `x ${VALUE} y`,
    ]);
    expect(new URLSearchParams(lab.seen[2]?.body.toString()).getAll("a")).toEqual([VALUE]);
    expect(lab.seen.map((seen) => fieldOf(seen, "content-length"))).toEqual(
      lab.seen.map(({ body }) => `${body.length}`),
    );
  });

  test("a chunked body, cut at every byte of the placeholder", async () => {
    for (let cut = 0; cut <= PLACEHOLDER.length; cut += 1) {
      const [one, other] = [PLACEHOLDER.slice(0, cut), PLACEHOLDER.slice(cut)];
      await send([
        head("Transfer-Encoding: chunked\r\n", { method: "POST" }),
        chunk(`before ${one}`),
        chunk(`${other} after`),
        "0\r\n\r\n",
      ]);
      expect(lab.seen.at(-1)?.body.toString(), `cut at ${cut}`).toBe(`before ${VALUE} after`);
    }
  });

  test.each([
    ["percent", "application/x-www-form-urlencoded", "%24MSB%5fTOKEN", encodeURIComponent(VALUE)],
    ["JSON", "application/json", "\\u0024MSB_TOKE\\u004e", JSON.stringify(VALUE).slice(1, -1)],
  ])("a chunked body, cut at every byte of its %s escapes", async (_form, type, written, value) => {
    for (let cut = 0; cut <= written.length; cut += 1) {
      await send([
        head(`Content-Type: ${type}\r\nTransfer-Encoding: chunked\r\n`, { method: "POST" }),
        chunk(`a=${written.slice(0, cut)}`),
        chunk(`${written.slice(cut)}&b=1`),
        "0\r\n\r\n",
      ]);
      expect(lab.seen.at(-1)?.body.toString(), `cut at ${cut}`).toBe(`a=${value}&b=1`);
    }
  });

  test("a body that comes in any pieces of TCP, with a length", async () => {
    const body = `[${PLACEHOLDER}]`;
    const whole = `${head(`Content-Length: ${body.length}\r\n`, { method: "PUT" })}${body}`;
    await send(Array.from(whole));
    expect(lab.seen[0]?.body.toString()).toBe(`[${VALUE}]`);
  });
});

describe("what is not asked for stays", () => {
  test("each place by itself", async () => {
    lab.secrets = [{ ...SECRET, injection: { headers: false, basicAuth: false, query: false, body: false } }];
    const basic = `Basic ${Buffer.from(`u:${PLACEHOLDER}`).toString("base64")}`;
    await send([
      head(`Authorization: ${basic}\r\nX-A: ${PLACEHOLDER}\r\nContent-Length: ${PLACEHOLDER.length}\r\n`, {
        method: "POST",
        target: `/?${PLACEHOLDER}`,
      }) + PLACEHOLDER,
    ]);
    const [seen] = lab.seen;
    expect(seen).toMatchObject({ url: `/?${PLACEHOLDER}`, body: Buffer.from(PLACEHOLDER) });
    expect([seen && fieldOf(seen, "authorization"), seen && fieldOf(seen, "x-a")]).toEqual([
      basic,
      PLACEHOLDER,
    ]);
    expect(lab.blocked).toEqual([]);
  });

  test("a compressed body, byte for byte", async () => {
    const body = gzipSync(`{"key":"${PLACEHOLDER}"}`);
    await send([
      head(`Content-Encoding: gzip\r\nContent-Length: ${body.length}\r\n`, { method: "POST" }),
      body,
    ]);
    await send([
      head("Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", { method: "POST" }),
      Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n0\r\n\r\n")]),
    ]);
    expect(lab.seen.map((seen) => seen.body.equals(body))).toEqual([true, true]);
  });

  test("16 MiB with a placeholder at the end get it; more pass untouched, or not at all where it is in them", async () => {
    const limit = 16 * 1024 * 1024;
    const bodyOf = (bytes: number, end: string): Buffer => {
      const body = Buffer.alloc(bytes, "x%\\");
      body.write(end, bytes - end.length);
      return body;
    };
    const post = async (body: Buffer): Promise<string> =>
      await send([head(`Content-Length: ${body.length}\r\n`, { method: "POST" }), body]);
    await post(bodyOf(limit, PLACEHOLDER));
    expect(lab.seen[0]?.body.length).toBe(limit - PLACEHOLDER.length + Buffer.byteLength(VALUE));
    expect(lab.seen[0]?.body.subarray(-VALUE.length).toString()).toBe(VALUE);
    const larger = bodyOf(limit + 1, "no placeholder");
    await post(larger);
    const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
    expect(digest(lab.seen[1]?.body ?? Buffer.alloc(0))).toBe(digest(larger));
    await post(bodyOf(limit + 1, PLACEHOLDER));
    expect(lab.seen).toHaveLength(2);
    expect(lab.blocked).toEqual([
      { secret: "TOKEN", host: API, reason: "too_large", action: "block_and_log" },
    ]);
  });
});

describe("to another host", () => {
  const places: readonly [string, () => string][] = [
    ["a field", () => head(`X-A: ${PLACEHOLDER}\r\n`, { host: OTHER })],
    ["a field's name", () => head(`${PLACEHOLDER}: a\r\n`, { host: OTHER })],
    [
      "Basic",
      () =>
        head(`Authorization: Basic ${Buffer.from(`:${PLACEHOLDER}`).toString("base64")}\r\n`, {
          host: OTHER,
        }),
    ],
    ["a path", () => head("", { host: OTHER, target: "/%24MSB%5fTOKEN" })],
    ["a query", () => head("", { host: OTHER, target: `/?a=${PLACEHOLDER}` })],
  ];
  test.each(places)("%s with the placeholder is refused, and told of by name", async (_place, text) => {
    const answer = await send([text()], OTHER);
    expect(answer).toMatch(/^HTTP\/1.1 403 /);
    expect(answer + JSON.stringify(lab.blocked)).not.toContain(VALUE);
    expect(lab.seen).toEqual([]);
    expect(lab.blocked).toEqual([{ secret: "TOKEN", host: OTHER, reason: "host", action: "block_and_log" }]);
  });

  test("a body with it breaks off, however it is cut or escaped", async () => {
    for (const text of [PLACEHOLDER, "\\u0024MSB_TOKEN", "%24MSB_TOKEN"]) {
      for (let cut = 0; cut <= text.length; cut += 1) {
        const pieces = [chunk(`a${text.slice(0, cut)}`), chunk(`${text.slice(cut)}b`), "0\r\n\r\n"];
        await send(
          [head("Transfer-Encoding: chunked\r\n", { method: "POST", host: OTHER }), ...pieces],
          OTHER,
        );
      }
    }
    expect(lab.seen).toEqual([]);
    expect(lab.blocked).toHaveLength(11 + 16 + 13);
  });

  test("trailers with it break off, and to its own host they stay as they are", async () => {
    const body = [chunk("a"), `0\r\nX-End: ${PLACEHOLDER}\r\n\r\n`];
    const fields = "Transfer-Encoding: chunked\r\nTrailer: X-End\r\n";
    await send([head(fields, { method: "POST", host: OTHER }), ...body], OTHER);
    expect(lab.seen).toEqual([]);
    await send([head(fields, { method: "POST" }), ...body]);
    expect(lab.seen[0]?.trailers).toEqual(["X-End", PLACEHOLDER]);
  });

  test("who gets the placeholder as it is gets it", async () => {
    lab.secrets = [{ ...SECRET, passthroughHosts: ["*.test"] }];
    await send([head(`X-A: ${PLACEHOLDER}\r\n`, { host: OTHER })], OTHER);
    expect(lab.seen.map((seen) => fieldOf(seen, "x-a"))).toEqual([PLACEHOLDER]);
  });

  test("an address that was not told for the name is none of the name's", async () => {
    lab.judge = () => ({ allowed: true, isResolved: false, byName: false });
    expect(await send([head(`X-A: ${PLACEHOLDER}\r\n`)])).toMatch(/^HTTP\/1.1 403 /);
    expect(lab.blocked).toMatchObject([{ reason: "not_resolved" }]);
  });
});

describe("one connection is one server's", () => {
  test("a request for another is refused, also after one that was right", async () => {
    const first = `GET /1 HTTP/1.1\r\nHost: ${API}:${lab.port}\r\n\r\n`;
    const answer = await send([first + head(`X-A: ${PLACEHOLDER}\r\n`, { host: OTHER })]);
    expect(answer).toMatch(/^HTTP\/1.1 200 OK[^]*HTTP\/1.1 421 /);
    expect(lab.seen.map(({ url }) => url)).toEqual(["/1"]);
    expect(lab.dialled).toBe(1);
  });

  test.each(["user@", "api.test@", "api.test, "])("a host with %j before it is another", async (before) => {
    expect(await send([head("", { host: `${before}${API}` })])).toMatch(/^HTTP\/1.1 4/);
  });

  test("tunnels and echoes are refused", async () => {
    expect(await send([head("", { method: "CONNECT", target: `${OTHER}:443` })])).toMatch(/^HTTP\/1.1 403 /);
    expect(await send([head(`X-A: ${PLACEHOLDER}\r\n`, { method: "TRACE" })])).toMatch(/^HTTP\/1.1 405 /);
    expect(lab.seen).toEqual([]);
  });

  test("a request with two lengths, or a length and chunks, is none", async () => {
    for (const fields of [
      "Content-Length: 1\r\nContent-Length: 2\r\n",
      "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
    ]) {
      await send([head(fields, { method: "POST" }), "0\r\n\r\n"]);
    }
    expect(lab.seen).toEqual([]);
  });

  test("several requests in turn share it, and a server that closes it closes the guest's", async () => {
    const socket = await lab.shake(API);
    const answered = allOf(socket);
    lab.respond = ({ url }, response) => {
      if (url === "/3") response.setHeader("connection", "close");
      response.end(url);
    };
    for (const target of ["/1", "/2", "/3"])
      socket.write(`GET ${target} HTTP/1.1\r\nHost: ${API}:${lab.port}\r\n\r\n`);
    expect((await answered).match(/\/\d$|\/\d(?=HTTP)/g)).toEqual(["/1", "/2", "/3"]);
    expect(lab.dialled).toBe(1);
  });
});

/** What permits something at the API stays behind; what is a service's own goes on. */
import { connect as connectHttp2 } from "node:http2";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { API_KEY_PREFIX, CREDENTIAL_PREFIX } from "@fastvm/contract";
import { send, sendBytes } from "./testing/request.ts";
import { TestEdge } from "./testing/test-edge.ts";

const RANDOM = "Ab_-0123456789012345678901234567890123456789";
const FORMS = [...Object.values(CREDENTIAL_PREFIX), ...Object.values(API_KEY_PREFIX)].map(
  (prefix) => prefix + RANDOM,
);
const base64 = (text: string) => Buffer.from(text).toString("base64");

let proxy: TestEdge;

beforeEach(async () => {
  proxy = await TestEdge.start();
});

afterEach(async () => {
  expect(proxy.errors).toEqual([]);
  await proxy[Symbol.asyncDispose]();
});

interface Seen {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

function mirror() {
  return proxy.service(({ url, headers }, response) => response.end(JSON.stringify({ url, headers })));
}

async function seen(path: string, headers: Record<string, string> = {}): Promise<Seen> {
  const { body } = await send(proxy.url, { vhost: proxy.host(await mirror()), path, headers });
  return JSON.parse(body) as Seen;
}

describe.each([...FORMS, "My API Key"])("%s", (secret) => {
  test.each([
    ["X-API-Key", secret],
    ["X-Anything", secret],
    ["Authorization", `Bearer ${secret}`],
    ["Authorization", `bearer   ${secret}`],
    ["Authorization", `Basic ${base64(`user:${secret}`)}`],
    ["Authorization", `Basic ${base64(`${secret}:`)}`],
    ["Authorization", `Basic\t${base64(`user:${secret}`)}`],
    ["X-Quoted", `"${secret}"`],
    ["X-Encoded", encodeURIComponent(secret).replace("_", "%5F")],
    ["Referer", `http://localhost/page?a=b&key=${encodeURIComponent(secret)}`],
  ])("does not pass as %s: %s", async (name, value) => {
    const { headers } = await seen("/", { [name]: value, "X-Kept": "1" });
    expect(headers).not.toHaveProperty(name.toLowerCase());
    expect(headers["x-kept"]).toBe("1");
  });

  test("does not pass as a parameter, nor as a cookie; others do, as they were written", async () => {
    const written = encodeURIComponent(secret);
    const { url, headers } = await seen(`/p?a=%20b+c&key=${written}&${written}&k=%22${written}%22&c&d=`, {
      Cookie: `a=1; key=${written}; b="2"; quoted="${written}"`,
    });
    expect(url).toBe("/p?a=%20b+c&c&d=");
    expect(headers["cookie"]).toBe(`a=1; b="2"`);
    expect((await seen(`/p?key=${written}`, { Cookie: `key=${written}` })).url).toBe("/p");
  });

  test("does not pass over HTTP/2, nor in trailers", async () => {
    const session = connectHttp2(proxy.http2Url);
    const vmId = proxy.vms.add({ port: await trailersBack(), h2c: true });
    const stream = session.request(
      {
        ":authority": proxy.host(vmId),
        ":method": "POST",
        "x-api-key": secret,
        cookie: [`a=${secret}`, "b=1"],
      },
      { waitForTrailers: true },
    );
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-key": secret, "x-sum": "42" }));
    stream.end("body");
    const answer = JSON.parse(Buffer.concat(await stream.toArray()).toString());
    expect(answer).toMatchObject({ headers: { cookie: "b=1" }, trailers: { "x-sum": "42" } });
    expect(JSON.stringify(answer)).not.toContain(secret);
    session.destroy();
  });

  test("does not pass with a WebSocket", async () => {
    const vmId = await proxy.rawService((socket) => {
      socket.on("data", (chunk) =>
        socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${chunk.toString()}`),
      );
    });
    const head = `GET /?key=${encodeURIComponent(secret)}&a=1 HTTP/1.1\r\nHost: ${proxy.host(vmId)}\r\n`;
    const upgrade = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: a, ${secret}\r\nX-API-Key: ${secret}\r\n\r\n`;
    const answer = await sendBytes(proxy.port, head + upgrade);
    expect(answer).toContain("GET /?a=1 HTTP/1.1");
    expect(answer).not.toMatch(new RegExp(`${secret}|x-api-key`, "i"));
  });
});

test.each(FORMS)(
  "%s does not pass beside what is not well encoded, which lenient servers read",
  async (secret) => {
    const encoded = secret.replaceAll(/./gs, (it) => `%${it.charCodeAt(0).toString(16)}`);
    const { url, headers } = await seen(`/p?a=%zz&key=${encoded}%zz`, {
      "X-Odd": `%zz;${encoded}`,
      "X-Kept": "%zz",
    });
    expect(url).toBe("/p?a=%zz");
    expect(headers).not.toHaveProperty("x-odd");
    expect(headers["x-kept"]).toBe("%zz");
  },
);

test("a service's own keys, authorizations, cookies and parameters pass", async () => {
  const own = {
    authorization: `Bearer ${RANDOM}`,
    "x-api-key": "sk-0123456789abcdef0123456789abcdef",
    "proxy-custom": `Basic ${base64("user:password")}`,
    cookie: `session=${RANDOM}; fvm_theme=dark`,
    referer: "http://localhost/a?b=c",
  };
  const { url, headers } = await seen("/?token=fvm_short&b=%zz&c=a=b", own);
  expect(headers).toMatchObject(own);
  expect(url).toBe("/?token=fvm_short&b=%zz&c=a=b");
});

async function trailersBack(): Promise<number> {
  const { createServer } = await import("node:http2");
  const server = createServer((request, response) => {
    request.resume().once("end", () => {
      const { headers, trailers } = request;
      response.end(JSON.stringify({ headers, trailers }));
    });
  });
  return proxy.listen(server);
}

/** A service by path shares its host with the API and with other services, and must not come to share more. */
import { connect as connectHttp2 } from "node:http2";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { VmId } from "@fastvm/contract";
import { createEdge } from "./edge.ts";
import { open, send, sendBytes } from "./testing/request.ts";
import { DOMAIN, TestEdge } from "./testing/test-edge.ts";

const SANDBOX = "sandbox allow-scripts allow-forms allow-popups allow-downloads";

let proxy: TestEdge;

beforeEach(async () => {
  proxy = await TestEdge.start();
});

afterEach(async () => {
  expect(proxy.errors).toEqual([]);
  await proxy[Symbol.asyncDispose]();
});

const prefixOf = (vmId: VmId, service = "web") => `/proxy/${vmId.replaceAll("-", "")}/${service}`;

/** Answers with these headers and with the cookies that it saw. */
function answering(headers: Record<string, string | string[]>) {
  return proxy.service((request, response) => {
    response.writeHead(200, headers);
    response.end(request.headers.cookie ?? "");
  });
}

/** The cookies as a browser would send them back. */
const sentBack = (cookies: readonly string[]) => cookies.map((cookie) => cookie.split(";", 1)[0]).join("; ");

test("what concerns the whole origin stays behind, by path only", async () => {
  const ofOrigin = {
    "service-worker-allowed": "/",
    "clear-site-data": "*",
    "secure-session-registration": '(ES256);path="/begin"',
    "shared-storage-write": 'set;key="a";value="b"',
    "expect-ct": "max-age=86400, enforce",
    "strict-transport-security": "max-age=1",
    "alt-svc": `h2=":1"`,
    nel: "{}",
    "report-to": "{}",
  };
  const vmId = await answering({ ...ofOrigin, "x-kept": "1" });
  const byPath = await send(`${proxy.url}${prefixOf(vmId)}/`);
  expect(byPath.headers["x-kept"]).toBe("1");
  for (const name of Object.keys(ofOrigin)) expect(byPath.headers).not.toHaveProperty(name);
  const byHost = await send(proxy.url, { vhost: proxy.host(vmId) });
  expect(byHost.headers).toMatchObject(ofOrigin);
  expect(byHost.headers).not.toHaveProperty("content-security-policy");
});

test("every answer by path is sandboxed, whatever policy the service has", async () => {
  for (const own of [[], ["sandbox allow-same-origin allow-scripts", "default-src 'self'"]]) {
    const vmId = await answering(own.length === 0 ? {} : { "content-security-policy": own });
    const message = await open(`${proxy.url}${prefixOf(vmId)}/`, {});
    await message.toArray();
    expect(message.headersDistinct["content-security-policy"]).toEqual([...own, SANDBOX]);
  }
});

test("a Connection header that names the policy does not take it away", async () => {
  const vmId = await proxy.rawService((socket) => {
    socket.on("data", () =>
      socket.end(
        "HTTP/1.1 200 OK\r\nConnection: content-security-policy, close, set-cookie\r\nContent-Length: 0\r\n\r\n",
      ),
    );
  });
  const answer = await send(`${proxy.url}${prefixOf(vmId)}/`);
  expect(answer.headers["content-security-policy"]).toBe(SANDBOX);
});

test("over HTTP/2 too", async () => {
  const vmId = await answering({ "clear-site-data": "*", "set-cookie": ["a=1; Path=/"] });
  const session = connectHttp2(proxy.http2Url);
  const stream = session.request({ ":path": `${prefixOf(vmId)}/` });
  const headers = await new Promise<Record<string, unknown>>((resolve) => stream.once("response", resolve));
  expect(headers["content-security-policy"]).toBe(SANDBOX);
  expect(headers).not.toHaveProperty("clear-site-data");
  expect(headers["set-cookie"]).toEqual([
    expect.stringMatching(new RegExp(`^fv[0-9a-f]{12}-a=1; Path=${prefixOf(vmId)}/$`)),
  ]);
  session.destroy();
});

test("cookies keep to the service's own path, and come back to it under their names", async () => {
  const vmId = await answering({
    "set-cookie": [
      "a=1",
      "b=2; Path=/; Domain=example.test; Secure; HttpOnly",
      "c=3; path=/deep/er; SameSite=Lax",
      "__Host-d=4; Secure; Path=/",
      "e=5; Path=/ok; Path=/../../other",
      "f=6; Path=relative; DOMAIN = x",
      "g",
      `h=7; Path=PREFIX/own`,
    ].map((cookie) => cookie.replace("PREFIX", "/")),
  });
  const prefix = prefixOf(vmId);
  const { headers } = await send(`${proxy.url}${prefix}/`);
  const cookies = headers["set-cookie"] ?? [];
  const shown = cookies.map((cookie) => cookie.replace(/^fv[0-9a-f]{12}-/, ""));
  expect(shown).toEqual([
    `a=1; Path=${prefix}/`,
    `b=2; Secure; HttpOnly; Path=${prefix}/`,
    `c=3; SameSite=Lax; Path=${prefix}/deep/er`,
    `__Host-d=4; Secure; Path=${prefix}/`,
    `e=5; Path=${prefix}/../../other`,
    `f=6; Path=${prefix}/`,
    `g; Path=${prefix}/`,
    `h=7; Path=${prefix}//own`,
  ]);
  const again = await send(`${proxy.url}${prefix}/`, { headers: { Cookie: sentBack(cookies) } });
  expect(again.body).toBe("a=1; b=2; c=3; __Host-d=4; e=5; f=6; g; h=7");
});

test("a service gets no cookie but its own", async () => {
  const [first, second] = [
    await answering({ "set-cookie": ["a=1"] }),
    await answering({ "set-cookie": "a=2" }),
  ];
  const get = async (vmId: VmId, cookie = "") =>
    send(`${proxy.url}${prefixOf(vmId)}/`, { headers: cookie === "" ? {} : { Cookie: cookie } });
  const cookies = sentBack([
    ...((await get(first)).headers["set-cookie"] ?? []),
    ...((await get(second)).headers["set-cookie"] ?? []),
    "session=of the host",
  ]);
  expect((await get(first, cookies)).body).toBe("a=1");
  expect((await get(second, cookies)).body).toBe("a=2");
  const byHost = await send(proxy.url, { vhost: proxy.host(first), headers: { Cookie: "a=3" } });
  expect(byHost.body).toBe("a=3");
});

test("redirections to the service's root lead there, and all others where they did", async () => {
  const host = `127.0.0.1:${proxy.port}`;
  for (const [location, expected] of [
    ["/", "PREFIX/"],
    ["/a?b#c", "PREFIX/a?b#c"],
    ["a/b", "a/b"],
    ["?a", "?a"],
    ["PREFIX/a", "PREFIX/a"],
    ["PREFIXy/a", "PREFIXPREFIXy/a"],
    [`http://${host}/a`, `http://${host}PREFIX/a`],
    [`//${host}/a`, `//${host}PREFIX/a`],
    [`http://${host}`, `http://${host}PREFIX/`],
    ["https://elsewhere.test/a", "https://elsewhere.test/a"],
    ["//elsewhere.test/a", "//elsewhere.test/a"],
    ["/\\elsewhere.test", "PREFIX/\\elsewhere.test"],
  ] as const) {
    let prefix = "";
    const vmId = await proxy.service((_request, response) => {
      response.writeHead(302, { location: location.replaceAll("PREFIX", prefix) });
      response.end();
    });
    prefix = prefixOf(vmId);
    const answer = await send(`${proxy.url}${prefix}/`);
    expect(answer.headers.location).toBe(expected.replaceAll("PREFIX", prefix));
  }
});

test("a service that honours X-Forwarded-Prefix behind another proxy is let be", async () => {
  const vmId = await proxy.service((request, response) => {
    response.writeHead(302, { location: `${String(request.headers["x-forwarded-prefix"])}/in` });
    response.end();
  });
  const prefix = prefixOf(vmId);
  const headers = { "X-Forwarded-Prefix": "/outer" };
  const answer = await send(`${proxy.url}${prefix}/`, { headers });
  expect(answer.headers.location).toBe(`/outer${prefix}/in`);
});

test("a WebSocket's handshake is scoped like any answer", async () => {
  const vmId = await proxy.rawService((socket) => {
    socket.on("data", (chunk) => {
      const [cookie = ""] = /^cookie: .*/im.exec(chunk.toString()) ?? [];
      socket.write(
        "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
          `Set-Cookie: a=1; Path=/\r\nClear-Site-Data: *\r\nX-Seen: ${cookie}\r\n\r\n`,
      );
    });
  });
  const prefix = prefixOf(vmId);
  const answer = await sendBytes(
    proxy.port,
    `GET ${prefix}/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nCookie: b=2\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1.1 101 /);
  expect(answer).toMatch(new RegExp(`Set-Cookie: fv[0-9a-f]{12}-a=1; Path=${prefix}/\r\n`));
  expect(answer).not.toMatch(/clear-site-data|cookie: b=2/i);
});

test("the script of a service worker is refused by path", async () => {
  const vmId = await answering({});
  const headers = { "Service-Worker": "script" };
  const byPath = await send(`${proxy.url}${prefixOf(vmId)}/sw.js`, { headers });
  expect([byPath.status, byPath.headers["x-fastvm-proxy-error"]]).toEqual([400, "invalid_request"]);
  expect((await send(proxy.url, { vhost: proxy.host(vmId), headers })).status).toBe(200);
});

test("where there are no path URLs, paths lead nowhere and host names where they did", async () => {
  const vmId = await answering({});
  const { vms: directory } = proxy;
  const log = { error: (fields: object) => void proxy.errors.push(fields) };
  const edge = createEdge({ worker: directory, directory, domain: DOMAIN, pathUrls: false, log });
  const { createServer } = await import("node:http");
  const port = await proxy.listen(createServer((request, response) => edge.serve(request, response)));
  const byPath = await send(`http://127.0.0.1:${port}${prefixOf(vmId)}/`);
  expect([byPath.status, byPath.headers["x-fastvm-proxy-error"]]).toEqual([404, "host_not_found"]);
  expect((await send(`http://127.0.0.1:${port}/`, { vhost: proxy.host(vmId) })).status).toBe(200);
});

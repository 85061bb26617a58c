/** What opens a preview, and what does not: each family of tokens by its own way, for its own machine, port and kind of request. */
import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { PreviewLab, tokenOf } from "./testing/preview-lab.ts";

let lab: PreviewLab;
let id: string;
let url: string;
let socketUrl: string;
let pathUrl: string;
let grantId: string;

beforeAll(async () => {
  lab = await PreviewLab.start();
}, 60_000);
afterAll(() => lab[Symbol.asyncDispose]());

beforeEach(async () => {
  ({ id } = await lab.api("POST /v1/machines", {}));
  await sign();
  lab.seen.length = 0;
  lab.answerHeaders = {};
});

async function sign(): Promise<void> {
  const made = await lab.api(`POST /v1/machines/${id}/ports/8080/signed-preview-url`, {
    expires_in_seconds: 60,
  });
  ({ url, websocket_url: socketUrl, path_url: pathUrl } = made);
  grantId = made.grant.id;
}

const target = (body: object = {}, machine = id) =>
  lab.api(`POST /v1/machines/${machine}/ports/8080/preview-proxy-target`, body);
const grants = async () => (await lab.api(`GET /v1/machines/${id}/preview-urls`)).items;
const plain = (of: string): string => of.replace(/\?.*$/, "");
const cookieOf = (headers: IncomingHttpHeaders): string =>
  (headers["set-cookie"]?.find((cookie) => cookie.startsWith("fv-preview=")) ?? "").split(";")[0] ?? "";

describe("a signed URL", () => {
  test("opens its port; the service sees neither the token nor our cookie", async () => {
    const answer = await lab.send(url.replace("/?", "/a/b?x=1&") + "&y=2");
    expect(answer).toMatchObject({ status: 200, body: "seen /a/b?x=1&y=2" });
    await lab.send(plain(url), { headers: { cookie: `a=1; ${cookieOf(answer.headers)}; b=2` } });
    expect(lab.seen[1]?.headers["cookie"]).toBe("a=1; b=2");
    expect(JSON.stringify(lab.seen)).not.toMatch(/fve|edge_token|fv-preview/);
  });

  test("opens WebSockets with the token that is for them", async () => {
    expect(await lab.openSocket(socketUrl)).toBe("hello");
    expect(
      await lab.openSocket(
        socketUrl.replace(
          /^ws:\/\/[^/]+/,
          pathUrl.replace(/^http(:\/\/[^/]+).*/, "ws$1") + new URL(pathUrl).pathname.slice(0, -1),
        ),
      ),
    ).toBe("hello");
  });

  test("leaves a cookie with which links go on, out of reach of scripts and of other paths", async () => {
    const answer = await lab.send(url);
    const set = answer.headers["set-cookie"]?.[0] ?? "";
    expect(set).toMatch(/^fv-preview=fvek_[\w-]{43}; Path=\/; Max-Age=(60|5\d); HttpOnly; SameSite=Lax$/);
    expect(set).not.toContain(tokenOf(url));
    const cookie = cookieOf(answer.headers);
    const next = await lab.send(`${plain(url)}style.css`, { headers: { cookie } });
    expect(next).toMatchObject({ status: 200, body: "seen /style.css" });
    expect(next.headers["set-cookie"]).toBeUndefined();
    const behindTls = await lab.send(url, { headers: { "x-forwarded-proto": "https" } });
    expect(behindTls.headers["set-cookie"]?.[0]).toMatch(/HttpOnly; Secure; SameSite=None$/);
  });

  test("by path does the same at the API's host, within its path", async () => {
    const answer = await lab.send(pathUrl);
    expect(answer).toMatchObject({ status: 200, body: "seen /" });
    expect(answer.headers["content-security-policy"]).toContain("sandbox");
    const { pathname } = new URL(pathUrl);
    expect(answer.headers["set-cookie"]?.[0]).toContain(`Path=${pathname};`);
    const cookie = cookieOf(answer.headers);
    expect((await lab.send(`${plain(pathUrl)}a`, { headers: { cookie } })).body).toBe("seen /a");
    const moved = await lab.send(pathUrl.replace("/?", "?"));
    expect(moved.headers["location"]).toBe(`8080/?edge_token=${tokenOf(pathUrl)}`);
  });

  test("goes on to its machine over a pause, and ends with it", async () => {
    await lab.api(`POST /v1/machines/${id}/hibernate`);
    await lab.api(`POST /v1/machines/${id}/resume`);
    expect((await lab.send(url)).status).toBe(200);
    await lab.api(`DELETE /v1/machines/${id}`);
    const gone = await lab.send(url);
    expect(gone.status).toBe(404);
    expect(JSON.parse(gone.body)).toMatchObject({ code: "machine_not_found", retryable: false });
  });
});

/** How a request presents a token. */
const WAYS = {
  "the URL": (token: string) => ({ query: `?edge_token=${token}`, headers: {} }),
  "the cookie": (token: string) => ({ query: "", headers: { cookie: `fv-preview=${token}` } }),
  "the proxy's header": (token: string) => ({
    query: "",
    headers: { "x-nullspace-preview-proxy-token": token },
  }),
  "the traffic header": (token: string) => ({
    query: "",
    headers: { "x-nullspace-traffic-access-token": token },
  }),
  "the API's header": (token: string) => ({ query: "", headers: { authorization: `Bearer ${token}` } }),
} as const;
type Way = keyof typeof WAYS;

/** Of a file of the same machine. */
async function transferToken(): Promise<string> {
  const file = { path: "/workspace/a" };
  const { url: transfer } = await lab.api(`POST /v1/machines/${id}/files/download-url`, file);
  return new URL(transfer).searchParams.get("token") ?? "";
}

test("no family of tokens stands for another, by whatever way and for whatever kind of request", async () => {
  const proxy = await target();
  const { traffic_access_token: traffic } = await lab.api("POST /v1/machines", {
    network: { allow_public_traffic: false },
  });
  const cookie = cookieOf((await lab.send(url)).headers).slice("fv-preview=".length);
  const families: Readonly<
    Record<string, readonly [token: string, way: Way | undefined, kind: "http" | "ws" | undefined]>
  > = {
    "URL, HTTP": [tokenOf(url), "the URL", "http"],
    "URL, WebSocket": [tokenOf(socketUrl), "the URL", "ws"],
    "continuation cookie": [cookie, "the cookie", "http"],
    "proxy, HTTP": [proxy.http_token, "the proxy's header", "http"],
    "proxy, WebSocket": [proxy.websocket_token, "the proxy's header", "ws"],
    "private traffic": [traffic, undefined, undefined],
    "file transfer": [await transferToken(), undefined, undefined],
    "API key": [lab.key, undefined, undefined],
    nothing: ["fve_", undefined, undefined],
  };
  const opened: string[] = [];
  const expected: string[] = [];
  for (const [family, [token, rightWay, rightKind]] of Object.entries(families)) {
    for (const [way, present] of Object.entries(WAYS)) {
      const { query, headers } = present(token);
      const http = await lab.send(plain(url) + query, { headers });
      const socket = await lab.openSocket(plain(socketUrl) + query, headers);
      if (http.status === 200) opened.push(`${family} in ${way}: http`);
      else expect([401, 403], `${family} in ${way}`).toContain(http.status);
      if (socket === "hello") opened.push(`${family} in ${way}: ws`);
      else expect([401, 403], `${family} in ${way}`).toContain(socket);
      if (way === rightWay) expected.push(`${family} in ${way}: ${rightKind}`);
    }
  }
  expect(opened.toSorted()).toEqual(expected.toSorted());
  const transfer = `http://127.0.0.1:${lab.port}/nullspace/transfers/${id.slice("mch_".length)}?token=`;
  // Its own token gets to the file, which is not there.
  expect((await lab.send(transfer + (await transferToken()))).status).toBe(404);
  for (const token of [tokenOf(url), cookie, proxy.http_token, traffic]) {
    const asKey = await lab.send(`http://127.0.0.1:${lab.port}/v1/machines`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(asKey.status).toBe(401);
    expect((await lab.send(transfer + token)).status).toBe(403);
  }
});

describe("a token", () => {
  const code = async (of: string, headers = {}) => {
    const { body, status } = await lab.send(of, { headers });
    const parsed = JSON.parse(body);
    return `${status} ${parsed.code}`;
  };

  test("opens no other port, no other machine and nothing without it", async () => {
    const token = tokenOf(url);
    const { id: other } = await lab.api("POST /v1/machines", {});
    const digits = (machine: string) => machine.slice("mch_".length);
    expect(await code(url.replace("8080-", "8081-"))).toBe("401 edge_token_invalid");
    expect(await code(url.replace(digits(id), digits(other)))).toBe("401 edge_token_invalid");
    expect(await code(plain(url))).toBe("401 edge_token_missing");
    expect(await code(`${plain(url)}?edge_token=${token}&edge_token=${token}`)).toBe(
      "401 edge_token_invalid",
    );
    expect(await code(`${url.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`)).toBe(
      "401 edge_token_invalid",
    );
    expect(lab.seen).toEqual([]);
  });

  test("of a proxy's URL comes in the header alone, and wins over what else is there", async () => {
    const { http_url, http_token } = await target();
    expect(await code(http_url)).toBe("401 edge_token_missing");
    expect(await code(`${http_url}&edge_token=${tokenOf(url)}`)).toBe("401 edge_token_missing");
    const header = "x-nullspace-preview-proxy-token";
    expect(await code(url, { [header]: "fvp_wrong" })).toBe("401 edge_token_invalid");
    const answer = await lab.send(http_url.replace("/?", "/a?b&"), { headers: { [header]: http_token } });
    expect(answer.body).toBe("seen /a?b");
    expect(answer.headers["set-cookie"]).toBeUndefined();
    expect(lab.seen[0]?.headers).not.toHaveProperty(header);
  });

  test("that was revoked opens nothing any more, nor does its cookie, nor its WebSocket's", async () => {
    const { headers } = await lab.send(url);
    const proxy = await target();
    const cookie = cookieOf(headers);
    await lab.api(`DELETE /v1/machines/${id}/preview-urls/${grantId}`);
    expect(await code(url)).toBe("403 preview_grant_disabled");
    expect(await code(plain(url), { cookie })).toBe("403 preview_grant_disabled");
    expect(await lab.openSocket(socketUrl)).toBe(403);
    await lab.api(`DELETE /v1/machines/${id}/preview-urls/${proxy.grant.id}`);
    const header = { "x-nullspace-preview-proxy-token": proxy.http_token };
    expect(await code(plain(url), header)).toBe("403 preview_proxy_token_disabled");
  });

  test("that is revoked ends the WebSockets that it has opened, and no other", async () => {
    const proxy = await target();
    const header = { "x-nullspace-preview-proxy-token": proxy.websocket_token };
    const [revoked, other] = await Promise.all([
      lab.keepSocket(socketUrl),
      lab.keepSocket(proxy.websocket_url, header),
    ]);
    await lab.api(`DELETE /v1/machines/${id}/preview-urls/${grantId}`);
    await once(revoked, "close");
    other.send("still here");
    const [echo] = await once(other, "message");
    expect(String(echo)).toBe("still here");
    await lab.api(`DELETE /v1/machines/${id}/preview-urls/${proxy.grant.id}`);
    await once(other, "close");
  });

  test("tells in the words of machines why it opens nothing", async () => {
    const { body, headers } = await lab.send(plain(url));
    expect(JSON.parse(body)).toEqual({
      error: expect.any(String),
      code: "edge_token_missing",
      message: expect.any(String),
      retryable: false,
      suggested_action: expect.any(String),
      field: null,
      request_id: headers["x-request-id"],
    });
  });
});

describe("private traffic", () => {
  test("needs its own token beside any other, which reaches no service", async () => {
    const made = await lab.api("POST /v1/machines", { network: { allow_public_traffic: false } });
    id = made.id;
    await sign();
    const proxy = await target();
    const header = "x-nullspace-traffic-access-token";
    const right = { [header]: made.traffic_access_token };
    const status = async (of: string, headers: object) =>
      (await lab.send(of, { headers: { ...headers } })).status;
    expect(await status(url, {})).toBe(403);
    expect(await status(url, { [header]: "fvt_wrong" })).toBe(403);
    expect(await status(plain(url), right)).toBe(401);
    expect(await status(url, right)).toBe(200);
    const asProxy = { "x-nullspace-preview-proxy-token": proxy.http_token };
    expect(await status(plain(url), asProxy)).toBe(403);
    expect(await status(plain(url), { ...asProxy, ...right })).toBe(200);
    expect(await lab.openSocket(socketUrl)).toBe(403);
    expect(await lab.openSocket(socketUrl, right)).toBe("hello");
    expect(JSON.stringify(lab.seen)).not.toContain("fvt_");
  });
});

describe("what the service sees", () => {
  test("of who asked is what was sent, unchanged, with nothing added", async () => {
    const sent = {
      "x-forwarded-host": "app.example.com",
      "x-forwarded-proto": "https",
      "x-forwarded-for": "203.0.113.9, 198.51.100.1",
    };
    await lab.send(url, { headers: sent });
    expect(lab.seen[0]?.headers).toMatchObject({ ...sent, host: new URL(url).host });
    await lab.send(url);
    for (const name of Object.keys(sent)) expect(lab.seen[1]?.headers).not.toHaveProperty(name);
  });

  test("as its host is what the machine says, and nothing else changes", async () => {
    ({ id } = await lab.api("POST /v1/machines", { network: { mask_request_host: "localhost:${PORT}" } }));
    await sign();
    await lab.send(url, { headers: { origin: "http://a.example", "x-forwarded-host": "b.example" } });
    await lab.openSocket(socketUrl);
    expect(lab.seen.map(({ headers }) => headers.host)).toEqual(["localhost:8080", "localhost:8080"]);
    expect(lab.seen[0]?.headers).toMatchObject({
      origin: "http://a.example",
      "x-forwarded-host": "b.example",
    });
  });

  test("is answered as it answers: headers and cookies pass", async () => {
    lab.answerHeaders = {
      location: "http://localhost:8080/next",
      "set-cookie": "own=1; Path=/",
      "x-own": "y",
    };
    const { headers } = await lab.send(url);
    expect(headers).toMatchObject({ location: "http://localhost:8080/next", "x-own": "y" });
    expect(headers["set-cookie"]).toEqual(["own=1; Path=/", expect.stringMatching(/^fv-preview=/)]);
  });
});

test("a grant counts who came in, what went through, and what failed last", async () => {
  await lab.send(url, { method: "POST", body: "12345" });
  await lab.openSocket(socketUrl);
  await expect
    .poll(async () => (await grants())[0])
    .toMatchObject({
      ...{ use_count: 2, http_request_count: 1, websocket_connection_count: 1 },
      last_error_code: null,
      first_used_at: expect.any(String),
      bytes_in_count: expect.toSatisfy((count: number) => count >= 5),
      bytes_out_count: expect.toSatisfy((count: number) => count > "seen /".length),
    });
  await lab.api(`POST /v1/machines/${id}/hibernate`);
  expect((await lab.send(url)).status).toBe(503);
  expect((await grants())[0]).toMatchObject({
    use_count: 3,
    last_error_code: "machine_paused_auto_resume_disabled",
  });
});

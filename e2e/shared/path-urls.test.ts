/** A real browser with a hostile page that is served by path: it reaches neither the API as its user, nor another service. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Service, Vm } from "fastvm";
import { Browser } from "../harness/browser.ts";
import { SharedDaemon } from "../harness/shared-daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";

/** Says all that a service should not be able to say, and tells at /seen which headers its pages were asked for with. */
const SERVER = `
import http.server, json, sys
seen = []
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/seen":
            body, kind = json.dumps(seen), "application/json"
        elif self.path == "/sw.js":
            body, kind = "self.addEventListener('fetch', () => {})", "text/javascript"
        else:
            seen.append(dict(self.headers))
            body, kind = "<!doctype html><title>page</title><p id=secret>of " + sys.argv[2] + "</p>", "text/html"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Service-Worker-Allowed", "/")
        self.send_header("Content-Security-Policy", "sandbox allow-scripts allow-same-origin allow-popups")
        self.send_header("Set-Cookie", "session=" + sys.argv[2] + "; Path=/")
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
`;

/** What a page can do, each as what it has got, or the name of the error. `other` is another service's page. */
const PROBES = `
async (api, other, worker) => {
  const attempt = async (what) => {
    try { return String(await what()); } catch (error) { return error.name; }
  };
  const loaded = (target) => new Promise((resolve) => {
    target.addEventListener("load", resolve);
    setTimeout(resolve, 3000);
  });
  const text = async (url) => (await (await fetch(url, { credentials: "include" })).text()).length > 0;
  const frame = document.createElement("iframe");
  frame.src = other;
  document.body.append(frame);
  await loaded(frame);
  const popup = window.open(other);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  return {
    origin: self.origin,
    storage: await attempt(() => localStorage.getItem("key")),
    database: await attempt(() => { indexedDB.open("x"); return "opened"; }),
    cookies: await attempt(() => document.cookie),
    api: await attempt(() => text(api + "/openapi.json")),
    metrics: await attempt(() => text(api + "/metrics")),
    other: await attempt(() => text(other)),
    worker: await attempt(async () => { await navigator.serviceWorker.register(worker, { scope: "/" }); return "registered"; }),
    frame: await attempt(() => frame.contentWindow.document.querySelector("#secret").textContent),
    popup: await attempt(() => popup.document.querySelector("#secret").textContent),
  };
}`;

interface Reached {
  readonly origin: string;
  readonly [what: string]: string;
}

let daemon: SharedDaemon;
let client: FastvmClient;
let vm: Vm;
let browser: Browser;
let hostile: Service;
let bank: Service;

beforeAll(async () => {
  daemon = await SharedDaemon.join();
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c1m2" });
  await client.vms.run(vm, ["sh", "-c", `cat > /srv/server.py <<'END'\n${SERVER}\nEND`]);
  for (const [port, name] of [
    [8001, "hostile"],
    [8002, "bank"],
  ])
    await sh(client, vm, `nohup python3 /srv/server.py ${port} ${name} >/dev/null 2>&1 &`);
  hostile = await client.vms.services.register(vm, { name: "hostile", port: 8001 });
  bank = await client.vms.services.register(vm, { name: "bank", port: 8002 });
  for (const service of [hostile, bank]) await eventually(async () => await seenBy(service), 60_000);
  browser = await Browser.start();
});

afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
});

async function seenBy({ pathUrl = "" }: Service): Promise<{ Cookie?: string }[]> {
  const answer = await fetch(`${pathUrl}seen`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as { Cookie?: string }[];
}

function probe(): Promise<Reached> {
  const quoted = [daemon.url, bank.pathUrl, `${hostile.pathUrl}sw.js`].map((value) => JSON.stringify(value));
  return browser.evaluate<Reached>(`(${PROBES})(${quoted.join(", ")})`);
}

test("a page by path reaches neither the API as its user, nor another service", async () => {
  await browser.open(bank.pathUrl ?? "");
  // A user of the API, whose key the browser keeps for the API's pages. From these, the same probes reach much.
  await browser.open(`${daemon.url}/openapi.json`);
  await browser.evaluate(
    `localStorage.setItem("key", "the user's"); document.cookie = "api=the-user's; path=/"`,
  );
  expect(await probe()).toMatchObject({
    origin: daemon.url,
    storage: "the user's",
    database: "opened",
    cookies: expect.stringContaining("api=") as string,
    api: "true",
    metrics: "true",
    other: "true",
  });
  await browser.open(hostile.pathUrl ?? "");
  expect(await probe()).toEqual({
    origin: "null",
    storage: "SecurityError",
    database: "SecurityError",
    cookies: "SecurityError",
    api: "TypeError",
    metrics: "TypeError",
    other: "TypeError",
    worker: expect.stringMatching(/^(Security|Type)Error$/) as string,
    frame: expect.stringMatching(/^(Security|Type)Error$/) as string,
    popup: expect.stringMatching(/^(Security|Type)Error$/) as string,
  });
});

test("cookies come back to the service that set them, and to nobody else", async () => {
  await browser.open(hostile.pathUrl ?? "");
  await browser.open(bank.pathUrl ?? "");
  expect((await seenBy(hostile)).at(-1)?.Cookie).toBe("session=hostile");
  expect((await seenBy(bank)).at(-1)?.Cookie).toBe("session=bank");
  await browser.open(`${daemon.url}/openapi.json`);
  expect(await browser.evaluate("document.cookie")).not.toContain("session");
});

test("by its host name a service has an origin of its own, with all that pages may do", async () => {
  await browser.open(hostile.url ?? "");
  expect(await probe()).toMatchObject({
    origin: new URL(hostile.url ?? "").origin,
    storage: "null",
    database: "opened",
    cookies: "session=hostile",
    api: "TypeError",
    other: "TypeError",
  });
});

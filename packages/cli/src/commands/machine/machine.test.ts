/** `fastvm machine` as a process against an API that answers as it is told: each command by its own example, and each exit code. */
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { WebSocketServer } from "ws";
import { wordsOf } from "../../help/examples.ts";
import { machineExamples } from "../../testing/machine-examples.ts";
import { CliHome } from "../../testing/run-cli.ts";
import { capture } from "../../testing/run-here.ts";

// Each test starts the program several times, beside whatever else the machine is busy with.
vi.setConfig({ testTimeout: 120_000 });

const home = new CliHome();
afterAll(() => home[Symbol.dispose]());

const KEY = "ns_live_key";
const MACHINE = {
  id: "mch_1",
  status: "running",
  config: { vcpus: 1, memory_mb: 2048, disk_mb: 10_240 },
  template: "base",
  metadata: {},
  created_at: "2026-01-02T03:04:05.000Z",
  timeout_at: null,
};
const LEASE = {
  timeout_ms: 600_000,
  timeout_action: "hibernate",
  timeout_at: "2026-01-02T03:04:05Z",
  remaining_ms: 1,
};
const EVENT = {
  id: "e",
  operation: "create",
  status: "succeeded",
  occurred_at: "2026-01-02T03:04:05Z",
  reason: null,
};

const GRANT = { id: "grant_1", port: 8080, expires_at: EVENT.occurred_at, revoked_at: null, use_count: 2 };
const TARGET = { token_header_name: "x-token", http_url: "http://a", http_token: "t", websocket_url: null };
const SAMPLE = {
  cpu_percent: 1,
  memory_used_bytes: 1,
  memory_total_bytes: 2,
  disk_used_bytes: null,
  disk_total_bytes: null,
};
const FILE = { name: "name", path: "/workspace/name", type: "file", size: 1, mode: "0644" };
const SNAPSHOT = { id: "snap_1", kind: "reusable", machine_id: "mch_1", status: "ready", created_at: null };
const VOLUME = { id: "vol_1", name: "data", status: "ready", mount_count: 1 };
const ATTACHMENT = { id: "vat_1", mount_path: "/mnt/data", status: "mounted", last_error_message: null };
const BUILD = {
  id: "tbd_1",
  template: "app",
  tag: "latest",
  status: "ready",
  promoted_tags: ["latest"],
  created_at: EVENT.occurred_at,
  error: null,
};
const TEMPLATE = {
  id: "tpl_1",
  canonical_ref: "app:latest",
  tags: [{ tag: "latest" }],
  aliases: [],
  created_at: EVENT.occurred_at,
};
const POOL = {
  id: "twp_1",
  name: "web",
  template_ref: "app",
  state: "enabled",
  min_ready: 2,
  counts: { ready: 2, warming: 0, claimed: 0 },
  conditions: [],
};
const WEBHOOK = { id: "wh_1", url: "https://example.com/hook", operations: [], enabled: true };
const DELIVERY = {
  id: "del_1",
  operation: "create",
  status: "dead_letter",
  attempts: [{ error: "HTTP 500" }],
  created_at: EVENT.occurred_at,
};
const UPLOAD = { id: "upl_1", status: "open", part_size: 9, part_count: 0, parts: [] };

/** What is answered, by the end of a call's path. */
const ANSWERS: readonly (readonly [RegExp, number, unknown])[] = [
  [/\/template-builds\/tbd_1\/logs/, 200, { lines: ["line"], complete: true, next_offset: 1 }],
  [/\/template-builds\/|POST .*\/v1\/templates$/, 200, BUILD],
  [/\/v1\/templates\/app\/builds$/, 200, { builds: [BUILD] }],
  [/\/v1\/templates$/, 200, { templates: [TEMPLATE] }],
  [/\/v1\/templates\//, 200, TEMPLATE],
  [/^GET .*\/template-warm-pools$/, 200, { warm_pools: [POOL] }],
  [/\/template-warm-pools/, 200, POOL],
  [/\/webhooks\/wh_1\/deliveries/, 200, { deliveries: [DELIVERY], has_more: false }],
  [/\/webhooks\/wh_1\/replay$/, 200, { replayed: 2 }],
  [/^GET .*\/lifecycle\/webhooks$/, 200, { webhooks: [WEBHOOK] }],
  [/\/lifecycle\/webhooks/, 200, WEBHOOK],
  [/\/host$/, 200, { host: "a:1", url: "http://a:1/?edge_token=t" }],
  [/\/signed-preview-url$/, 200, { url: "http://a:1/?edge_token=t", grant: GRANT }],
  [/^GET .*\/preview-urls/, 200, { items: [GRANT] }],
  [/\/preview-proxy-target$/, 200, TARGET],
  [/\/ssh-access$/, 200, { certificate: "ssh-ed25519-cert-v01@openssh.com AAAA", command: null }],
  [/\/metrics$/, 200, { metrics: [SAMPLE] }],
  [/\/uploads$/, 201, UPLOAD],
  [/\/complete$/, 200, { file: FILE }],
  [/^GET .*\/files\?/, 200, { entries: [FILE], has_more: false }],
  [/\/files\/(content|info|mkdir|rename)/, 200, FILE],
  [/\/processes$/, 200, { processes: [{ pid: 7, command: "cat", running: true }] }],
  [/\/logs$/, 200, { output: "hello\n", exit_code: null, lost_bytes: 0 }],
  [/\/stdin$/, 200, { bytes_sent: 5 }],
  [/\/kill$/, 200, { killed: true }],
  [/\/pty$/, 200, { sessions: [{ session_id: "pty_1" }] }],
  [/^POST .*\/snapshots$/, 201, SNAPSHOT],
  [/^GET .*\/v1\/snapshots(\?.*)?$/, 200, { snapshots: [SNAPSHOT] }],
  [/^GET .*\/snapshots\/snap_1$/, 200, SNAPSHOT],
  [/^POST .*mch_1\/volumes$/, 201, ATTACHMENT],
  [/^GET .*mch_1\/volumes$/, 200, { attachments: [ATTACHMENT] }],
  [/^POST .*\/v1\/volumes$/, 201, VOLUME],
  [/^GET .*\/v1\/volumes$/, 200, { volumes: [VOLUME] }],
  [/^GET .*\/v1\/volumes\/data$/, 200, VOLUME],
  [/^POST .*\/exec$/, 200, { exit_code: 3, stdout: "hello\n", stderr: "", pid: null, truncated: false }],
  [/^POST .*\/(pause|hibernate)$/, 200, { id: "snap_1_p1", kind: "pause", machine_id: "mch_1" }],
  [/^POST .*\/timeout$/, 200, LEASE],
  [/^POST /, 201, MACHINE],
  [/^GET .*\/lifecycle/, 200, { events: [EVENT], offset: 0, limit: 10, has_more: false }],
  [/^GET .*mch_1.*fields=/, 200, { id: "mch_1", status: "running" }],
  [/^GET .*\/mch_1$/, 200, MACHINE],
  [/^GET .*\/v1\/machines\?/, 200, { machines: [MACHINE], next_token: null }],
  [/^GET .*\/v1\/machines$/, 200, [MACHINE]],
  [/^DELETE /, 200, { id: "mch_1", status: "destroyed" }],
];

class Api implements AsyncDisposable {
  readonly calls: string[] = [];
  readonly #server;

  private constructor(fail?: { readonly status: number; readonly code: string }) {
    this.#server = createServer((request: IncomingMessage, response: ServerResponse) => {
      const call = `${request.method} ${request.url}`;
      this.calls.push(call);
      const [, status, body] = ANSWERS.find(([pattern]) => pattern.test(call)) ?? [undefined, 404, {}];
      const told = {
        code: fail?.code,
        message: "why",
        retryable: false,
        request_id: "req_1",
        suggested_action: "do",
      };
      response.writeHead(fail?.status ?? status, { "content-type": "application/json" });
      response.end(JSON.stringify(fail === undefined ? body : told));
    });
  }

  /** A terminal that shows a word and ends, as soon as somebody is at it. */
  #showTerminals(): void {
    const sockets = new WebSocketServer({ server: this.#server });
    sockets.on("connection", (socket, { url }) => {
      this.calls.push(`WS ${url}`);
      const say = (message: object): void => socket.send(JSON.stringify(message));
      socket.on("message", () => {
        say({ type: "pty_started", pid: 7, session_id: "pty_1", offset: 0 });
        say({ type: "pty_output", data: Buffer.from("hello\r\n").toString("base64"), offset: 7 });
        say({ type: "pty_exited", exit_code: 0 });
        socket.close(1000);
      });
    });
  }

  static async start(fail?: { readonly status: number; readonly code: string }): Promise<Api> {
    const api = new Api(fail);
    api.#showTerminals();
    api.#server.listen(0, "127.0.0.1");
    await once(api.#server, "listening");
    return api;
  }

  get env(): Record<string, string> {
    return { NULLSPACE_API_KEY: KEY, NULLSPACE_API_URL: this.url };
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

const EXAMPLES = [...machineExamples()].map(
  ([name, line]) => [name, wordsOf(line).map((word) => word.replace("MACHINE", "mch_1"))] as const,
);

describe("each command, by its example", () => {
  it("has one", () => {
    expect(EXAMPLES.length).toBeGreaterThan(65);
    expect(EXAMPLES.filter(([, words]) => words.length < 2)).toEqual([]);
  });

  it.each(EXAMPLES)("%s does what it says", async (name, words) => {
    await using api = await Api.start();
    const verb = 1 + name.split(" ").length;
    const withJson = [...words.slice(0, verb), "--json", ...words.slice(verb)];
    // As a process, and once more within this one, which saves its start; but not what attaches a terminal, and would take our stdin.
    const here = { ...api.env, HOME: home.folder };
    const again = name.startsWith("pty c") ? home.run(withJson, api.env) : capture(withJson, here);
    const [{ exitCode, stdout, stderr }, asJson] = await Promise.all([home.run(words, api.env), again]);
    const ends = name === "exec" || name === "code run" ? 3 : 0;
    expect({ exitCode, stderr }).toEqual({
      exitCode: ends,
      stderr: name === "template build" ? "line\n" : "",
    });
    expect(stdout).not.toBe("");
    expect(api.calls.length).toBeGreaterThan(0);
    if (name === "lifecycle") return;
    expect(JSON.parse(asJson.stdout)).toBeTypeOf("object");
  });
});

describe("exit codes", () => {
  it.each([
    ["some_later_code", 418, 1],
    ["invalid_fields", 400, 2],
    ["machine_not_found", 404, 3],
    ["unauthorized", 401, 4],
    ["preview_grant_disabled", 403, 5],
    ["quota_exceeded", 429, 6],
    ["machine_not_ready", 409, 7],
    ["exec_timeout", 504, 8],
  ])("%s", async (code, status, exitCode) => {
    await using api = await Api.start({ status, code });
    const told = await home.run(["machine", "get", "mch_1", "--json"], api.env);
    expect({ exitCode: told.exitCode, stderr: told.stderr }).toEqual({ exitCode, stderr: "" });
    expect(JSON.parse(told.stdout)).toEqual({
      error: {
        code,
        message: "why",
        hint: "do",
        doc_url: null,
        request_id: "req_1",
        retryable: false,
        suggested_action: "do",
      },
    });
  });

  it("of a line that cannot be read, and of a missing key", async () => {
    expect((await home.run(["machine", "get"])).exitCode).toBe(2);
    const none = await home.run(["machine", "list"]);
    expect(none).toMatchObject({
      exitCode: 4,
      stdout: "",
      stderr: expect.stringContaining("missing_api_key"),
    });
  });
});

it("finds its settings in the line, the environment, .env and the files, in this order", async () => {
  await using api = await Api.start();
  using own = new CliHome();
  const config = join(own.folder, ".config/nullspace");
  const { mkdirSync } = await import("node:fs");
  mkdirSync(config, { recursive: true });
  writeFileSync(join(config, "config.json"), JSON.stringify({ api_key: KEY, api_url: api.url }));
  expect((await own.run(["machine", "list"])).exitCode).toBe(0);
  const elsewhere = { NULLSPACE_API_URL: "http://127.0.0.1:9" };
  expect((await own.run(["machine", "list"], elsewhere)).exitCode).toBe(1);
  expect((await own.run(["machine", "list", "--base-url", api.url], elsewhere)).exitCode).toBe(0);
});

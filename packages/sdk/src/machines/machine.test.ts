/** What the client of machines sends, and what it makes of answers. */
import { execFile } from "node:child_process";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  GitError,
  Lifecycle,
  Machine,
  MachineError,
  redactPreviewToken,
  redactPreviewUrl,
} from "../machines.ts";
import { json, WireServer } from "../testing/wire-server.ts";
import type { WireHandler } from "../testing/wire-server.ts";

const KEY = "ns_live_key";
const QUICK = { "retry-after-ms": "1" };
const MACHINE = {
  id: "mch_1",
  status: "running",
  config: { vcpus: 1, memory_mb: 256, disk_mb: 10_240 },
  template: "base",
  metadata: { user_id: "u" },
  created_at: "2026-01-02T03:04:05.000Z",
  status_reason: null,
  traffic_access_token: null,
};

afterEach(() => vi.unstubAllEnvs());

function failure(code: string, status: number, fields: object = {}): WireHandler {
  const body = { error: "why", code, message: "why", request_id: "req_1", suggested_action: "do", ...fields };
  return json(status, body, QUICK);
}

describe("a machine", () => {
  it("is asked for with the key where machines have it", async () => {
    await using server = await WireServer.start(json(200, []));
    expect(await Machine.list({}, { apiKey: KEY, baseUrl: server.url })).toEqual({
      machines: [],
      nextToken: null,
    });
    expect(server.requests[0]?.headers).toMatchObject({ authorization: `Bearer ${KEY}` });
    expect(server.requests[0]?.headers).not.toHaveProperty("x-api-key");
    vi.stubEnv("NULLSPACE_API_KEY", "of the environment");
    vi.stubEnv("NULLSPACE_API_URL", server.url);
    await new Lifecycle().listEvents({ order: "asc" });
    expect(server.requests[1]).toMatchObject({ url: "/v1/lifecycle?order=asc" });
    expect(server.requests[1]?.headers.authorization).toBe("Bearer of the environment");
  });

  it("is refused without a key", async () => {
    vi.stubEnv("NULLSPACE_API_KEY", "");
    await expect(Machine.list()).rejects.toMatchObject({
      code: "missing_api_key",
      family: "unauthenticated",
    });
  });

  it("is ordered once, however often that is sent", async () => {
    const creating = { ...MACHINE, status: "creating", traffic_access_token: "told once" };
    await using server = await WireServer.start(
      json(503, {}, QUICK),
      json(201, creating),
      json(200, MACHINE),
    );
    const machine = await Machine.create(
      {
        timeout: 1.0001,
        onTimeout: "pause",
        autoResume: true,
        envs: { A_b: "c" },
        metadata: { user_id: "u" },
        network: { egress: { mode: "custom", allowCidrs: ["1.1.1.1/32"], rateLimit: { kbitPerSec: 5 } } },
        warmPool: "twp_1",
        warmPoolMode: "require",
        warmPoolWaitMs: 250,
      },
      { apiKey: KEY, baseUrl: server.url },
    );
    const [first, second] = server.requests;
    expect(first?.headers["idempotency-key"]).toBe(second?.headers["idempotency-key"]);
    expect(JSON.parse(second?.body ?? "")).toEqual({
      timeout_ms: 1001,
      timeout_action: "hibernate",
      auto_resume: true,
      envs: { A_b: "c" },
      metadata: { user_id: "u" },
      network: { egress: { mode: "custom", allow_cidrs: ["1.1.1.1/32"], rate_limit: { kbit_per_sec: 5 } } },
      warm_pool: { id: "twp_1", mode: "require", wait: 250 },
    });
    expect(machine.info).toMatchObject({
      config: { memoryMb: 256 },
      metadata: { user_id: "u" },
      trafficAccessToken: "told once",
    });
  });

  it("is shown by a mask as it came", async () => {
    const page = { machines: [{ id: "mch_1", snapshot_id: null }], next_token: "more" };
    await using server = await WireServer.start(json(200, page), json(200, { id: "mch_1" }));
    const options = { apiKey: KEY, baseUrl: server.url };
    const listed = await Machine.list({ fields: ["id", "snapshot_id"], state: ["paused"] }, options);
    expect(listed).toEqual({ machines: page.machines, nextToken: "more" });
    expect(server.requests[0]?.url).toBe("/v1/machines?state=paused&fields=id%2Csnapshot_id");
    expect(await Machine.getInfoById("mch_1", { ...options, fields: ["id"] })).toEqual({ id: "mch_1" });
  });

  it("is resumed by connect where it is paused, and nowhere else", async () => {
    await using server = await WireServer.start(
      json(200, { ...MACHINE, status: "paused" }),
      json(201, { ...MACHINE, id: "mch_1_2" }),
      json(200, { ...MACHINE, status: "error", status_reason: "broken" }),
    );
    const options = { apiKey: KEY, baseUrl: server.url };
    expect((await Machine.connect("mch_1", options)).id).toBe("mch_1_2");
    await expect(Machine.connect("mch_1", options)).rejects.toThrow("error: broken");
    expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "GET /v1/machines/mch_1",
      "POST /v1/machines/mch_1/resume",
      "GET /v1/machines/mch_1",
    ]);
  });

  it("for one command leaves nothing, whatever comes of it", async () => {
    await using server = await WireServer.start(
      json(201, MACHINE),
      failure("exec_failed", 500, { retryable: false }),
      json(200, { id: "mch_1", status: "destroyed" }),
    );
    const once = Machine.runOnce("false", { timeout: 5 }, { apiKey: KEY, baseUrl: server.url });
    await expect(once).rejects.toMatchObject({ code: "exec_failed", family: "runtime" });
    expect(server.requests.map(({ method }) => method)).toEqual(["POST", "POST", "DELETE"]);
    expect(JSON.parse(server.requests[1]?.body ?? "")).toEqual({ command: "false", timeout_secs: 5 });
  });

  it.each([
    ["invalid_fields", 400, "invalid"],
    ["unauthorized", 401, "unauthenticated"],
    ["preview_grant_disabled", 403, "forbidden"],
    ["machine_not_found", 404, "not-found"],
    ["machine_not_ready", 409, "conflict"],
    ["quota_exceeded", 429, "limit"],
    ["exec_timeout", 504, "runtime"],
    ["warm_pool_unavailable", 503, "unknown"],
  ])("fails with %s as a MachineError with all that the API says", async (code, status, family) => {
    await using server = await WireServer.start(failure(code, status, { retryable: false, field: "x" }));
    const error: unknown = await Machine.getInfoById("mch_1", { apiKey: KEY, baseUrl: server.url }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(MachineError);
    expect(error).toMatchObject({
      code,
      status,
      family,
      requestId: "req_1",
      suggestedAction: "do",
      field: "x",
    });
    // The server said that it is of no use.
    expect(server.requests).toHaveLength(1);
  });

  it("keeps its timeout from ending until it is disposed of", async () => {
    let refreshes = 0;
    await using server = await WireServer.start((request, response) => {
      if (request.url.endsWith("/timeout")) refreshes += 1;
      const lease = { timeout_ms: 20, timeout_action: "destroy", timeout_at: null, remaining_ms: refreshes };
      return json(200, request.url.endsWith("/timeout") ? lease : MACHINE)(request, response);
    });
    const machine = await Machine.connect("mch_1", { apiKey: KEY, baseUrl: server.url });
    {
      await using alive = await machine.keepalive(0.02);
      expect(alive.lease).toMatchObject({ timeoutMs: 20, remainingMs: 1 });
      await vi.waitFor(() => expect(alive.lease.remainingMs).toBeGreaterThan(3), 20_000);
    }
    const last = refreshes;
    await machine.getInfo();
    expect(refreshes).toBe(last);
    // Half of it no timer can hold.
    await using _long = await machine.keepalive(31_536_000);
    await delay(50);
    expect(refreshes).toBe(last + 1);
  });
});

describe("git", () => {
  it("goes from a clone to a push and back", async () => {
    const folder = await mkdtemp(join(tmpdir(), "fastvm-git-"));
    try {
      await using server = await WireServer.start(runHere);
      const { git } = await Machine.connect("mch_1", { apiKey: KEY, baseUrl: server.url });
      const [origin, work] = [join(folder, "origin"), join(folder, "work tree")];
      await promisify(execFile)("git", ["init", "--quiet", "--bare", "--initial-branch=main", origin]);
      await git.clone(`file://${origin}`, { path: work });
      await git.configureUser("An Agent", "agent@example.com", { path: work });
      await git.createBranch(work, "main");
      await writeFile(join(work, "a file"), "1\n");
      expect((await git.status(work)).changed).toEqual([{ status: "??", path: "a file" }]);
      await git.add(work, ["a file"]);
      const sha = await git.commit("First\n\nwith a body", work);
      await git.push(work, { branch: "main", setUpstream: true });
      await rename(join(work, "a file"), join(work, "moved"));
      await git.add(work);
      expect(await git.status(work)).toMatchObject({
        branch: "main",
        ahead: 0,
        clean: false,
        changed: [{ status: "R.", path: "moved" }],
      });
      expect(await git.log(work)).toEqual([
        {
          sha,
          authorName: "An Agent",
          authorEmail: "agent@example.com",
          authoredAt: expect.stringMatching(/^20/),
          message: "First\n\nwith a body",
        },
      ]);
      await expect(git.checkout(work, "nowhere")).rejects.toBeInstanceOf(GitError);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("has a password in no argument", async () => {
    await using server = await WireServer.start(runHere);
    const { git } = await Machine.connect("mch_1", { apiKey: KEY, baseUrl: server.url });
    const auth = { username: "x", password: "the secret" };
    await git.clone("file:///nowhere", { auth }).catch(() => undefined);
    const { args } = JSON.parse(server.requests[1]?.body ?? "") as { readonly args: readonly string[] };
    expect(args.join(" ")).not.toContain("the secret");
  });
});

/** Commands of the machine are run on this one. */
const runHere: WireHandler = async (request, response) => {
  if (request.method === "GET") return json(200, MACHINE)(request, response);
  const { command, args, envs } = JSON.parse(request.body) as {
    readonly command: string;
    readonly args: string[];
    readonly envs: Record<string, string>;
  };
  const done = await promisify(execFile)(command, args, { env: { ...process.env, ...envs } }).then(
    ({ stdout, stderr }) => ({ exit_code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      exit_code: error.code,
      stdout: error.stdout,
      stderr: error.stderr,
    }),
  );
  return json(200, { ...done, pid: null, truncated: false })(request, response);
};

describe("redaction", () => {
  it.each([
    [
      "https://8080-m.example.com/a?edge_token=abc&page=2",
      "https://8080-m.example.com/a?edge_token=[redacted]&page=2",
    ],
    ["wss://h/?x=1&edge%5Ftoken=abc#token=def", "wss://h/?x=1&edge%5Ftoken=[redacted]#token=[redacted]"],
    [
      "https://user:secret@h/p?__ns_preview_transport=header",
      "https://[redacted]@h/p?__ns_preview_transport=header",
    ],
    ["https://h/p?q=a%20b+c&flag", "https://h/p?q=a%20b+c&flag"],
    ["localhost:32768/?edge_token=abc", "localhost:32768/?edge_token=[redacted]"],
    [`fve_${"0123456789".repeat(4)}`, "fve_…[redacted]"],
    ["", ""],
  ])("of %s", (url, redacted) => expect(redactPreviewUrl(url)).toBe(redacted));

  it("of tokens", () => {
    expect(redactPreviewToken(`nsp_${"0123456789".repeat(4)}`)).toBe("nsp_…[redacted]");
    expect(redactPreviewToken("short")).toBe("[redacted]");
    expect(redactPreviewToken(undefined)).toBe("");
  });
});

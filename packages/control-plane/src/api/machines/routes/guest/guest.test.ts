/** Commands, processes and files of machines. */
import type { ExecSpec } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { machinesApp, type MachinesApp } from "../../../../testing/machines-app.ts";

let api: MachinesApp;
let id: string;

beforeEach(async () => {
  api = await machinesApp();
  ({ id } = await api.ok("POST /v1/machines", {}));
});
afterEach(() => api[Symbol.asyncDispose]());

const INVALID = { status: 400, body: { code: "invalid_request" } };

describe("POST /v1/machines/{machineId}/exec", () => {
  let seen: ExecSpec | undefined;

  beforeEach(() => {
    api.fastvm.worker.command = async function* (spec) {
      seen = spec;
      yield { kind: "stdout", data: Buffer.from("out") };
      yield { kind: "stderr", data: Buffer.from("err") };
      yield { kind: "exit", exitCode: 7, timedOut: false, durationMs: 1 };
    };
  });

  test("answers what a command wrote and how it ended; any exit is a result", async () => {
    const body = {
      command: "tar",
      args: ["-c", "x y"],
      envs: { A: "1" },
      timeout_secs: 5,
      cwd: "/srv/./app",
    };
    const route = `POST /v1/machines/${id}/exec`;
    expect(await api.ok(route, body)).toEqual({
      exit_code: 7,
      stdout: "out",
      stderr: "err",
      pid: null,
      truncated: false,
    });
    expect(seen).toEqual({
      command: ["tar", "-c", "x y"],
      env: { A: "1" },
      timeoutMs: 5000,
      cwd: "/srv/app",
    });
  });

  test("runs a line in a shell, in the machine's own folder", async () => {
    await api.ok(`POST /v1/machines/${id}/exec`, { command: "a | b", shell: true });
    expect(seen).toMatchObject({ command: ["/bin/sh", "-c", "a | b"], cwd: "/workspace" });
    const { id: other } = await api.ok("POST /v1/machines", { cwd: "/srv" });
    await api.ok(`POST /v1/machines/${other}/exec`, { command: "a" });
    expect(seen).toMatchObject({ cwd: "/srv" });
  });

  test.each([
    [{ command: "a", shell: true, args: ["b"] }, "args"],
    [{ command: "" }, "command"],
    [{ command: "a\0b" }, "command"],
    [{ command: "a", cwd: "b" }, "cwd"],
    [{ command: "a", cwd: "/workspace/.nullspace/x" }, "cwd"],
    [{ command: "a", timeout_secs: 0 }, "timeout_secs"],
    [{ command: "a", envs: { "1": "" } }, "envs"],
  ])("%j is refused for its %s", async (body, field) => {
    const answer = await api.call(`POST /v1/machines/${id}/exec`, body);
    expect(answer).toMatchObject({ ...INVALID, body: { field } });
  });

  test("tells of a command whose time was over", async () => {
    api.fastvm.worker.command = async function* () {
      yield { kind: "exit", exitCode: 124, timedOut: true, durationMs: 1000 };
    };
    const answer = await api.call(`POST /v1/machines/${id}/exec`, { command: "sleep", timeout_secs: 1 });
    expect(answer.body).toMatchObject({ code: "exec_timeout", field: "timeout_secs" });
  });

  test("wakes nothing", async () => {
    await api.ok(`POST /v1/machines/${id}/pause`);
    const answer = await api.call(`POST /v1/machines/${id}/exec`, { command: "a" });
    expect(answer).toMatchObject({ status: 409, body: { code: "machine_not_ready" } });
    expect(api.fastvm.worker.calls.some(({ method }) => method === "resume")).toBe(false);
  });
});

describe("a process in the background", () => {
  const end = Promise.withResolvers<void>();

  beforeEach(() => {
    api.fastvm.worker.command = async function* () {
      yield { kind: "stdout", data: Buffer.from("one ") };
      yield { kind: "stderr", data: Buffer.from("two ") };
      yield { kind: "stdout", data: Buffer.from("three") };
      await end.promise;
    };
  });

  test("is listed, read, written to and killed by its number", async () => {
    const { pid, exit_code: code } = await api.ok(`POST /v1/machines/${id}/exec`, {
      command: "cat",
      args: ["-"],
      background: true,
    });
    expect(code).toBeNull();
    const { processes } = await api.ok(`GET /v1/machines/${id}/processes`);
    expect(processes).toEqual([{ pid, command: "cat -", running: true }]);
    await expect
      .poll(async () => await api.ok(`GET /v1/machines/${id}/processes/${pid}/logs`))
      .toEqual({
        stdout: "one three",
        stderr: "two ",
        output: "one two three",
        exit_code: null,
        lost_bytes: 0,
      });
    const sent = await api.ok(`POST /v1/machines/${id}/processes/${pid}/stdin`, { data: "grüß" });
    expect(sent).toEqual({ bytes_sent: 6 });
    expect(await api.ok(`POST /v1/machines/${id}/processes/${pid}/kill`)).toEqual({ killed: true });
    await expect
      .poll(async () => (await api.ok(`GET /v1/machines/${id}/processes`)).processes[0].running)
      .toBe(false);
    expect(await api.ok(`POST /v1/machines/${id}/processes/${pid}/kill`)).toEqual({ killed: false });
  });

  test.each(["1", "0", "x", "1e3"])("that has not the number %s is not found", async (pid) => {
    for (const route of [
      `GET /v1/machines/${id}/processes/${pid}/logs`,
      `POST /v1/machines/${id}/processes/${pid}/kill`,
    ]) {
      expect(await api.call(route)).toMatchObject({ status: 404, body: { code: "process_not_found" } });
    }
  });
});

describe("files", () => {
  const content = (path: string, rest = "") =>
    `/v1/machines/${id}/files/content?path=${encodeURIComponent(path)}${rest}`;

  test("are written, read, listed, moved, changed and removed", async () => {
    const payload = Buffer.from([0, 255, 10]);
    const written = await api.ok(`PUT ${content("/srv/a/./b")}`, undefined, { payload });
    expect(written).toMatchObject({ name: "b", path: "/srv/a/b", type: "file", size: 3 });
    expect((await api.call(`GET ${content("/srv/a/b")}`)).text).toHaveLength(payload.toString().length);
    await api.ok(`POST /v1/machines/${id}/files/mkdir`, { path: "/srv/c" });
    const moved = { path: "/srv/a/b", new_path: "/srv/c/d" };
    expect(await api.ok(`POST /v1/machines/${id}/files/rename`, moved)).toMatchObject({ path: "/srv/c/d" });
    const mode = { path: "/srv/c/d", mode: "0600" };
    expect(await api.ok(`POST /v1/machines/${id}/files/permissions`, mode)).toMatchObject({ mode: "0600" });
    expect(await api.ok(`GET /v1/machines/${id}/files/info?path=/srv/c/d`)).toMatchObject({ size: 3 });
    const { entries } = await api.ok(`GET /v1/machines/${id}/files?path=/srv/c`);
    expect(entries).toMatchObject([{ name: "d" }]);
    const remove = `DELETE /v1/machines/${id}/files?path=/srv/c/d`;
    expect(await api.ok(remove)).toEqual({ path: "/srv/c/d", removed: true });
    expect(await api.call(remove)).toMatchObject({ status: 404, body: { code: "file_not_found" } });
  });

  test("in the reserved folder are refused by every route", async () => {
    const path = "/workspace/x/../.nullspace/y";
    for (const [route, body] of [
      [`GET ${content(path)}`, undefined],
      [`PUT ${content(path)}`, undefined],
      [`GET /v1/machines/${id}/files?path=${path}`, undefined],
      [`GET /v1/machines/${id}/files/info?path=${path}`, undefined],
      [`DELETE /v1/machines/${id}/files?path=${path}`, undefined],
      [`POST /v1/machines/${id}/files/mkdir`, { path }],
      [`POST /v1/machines/${id}/files/permissions`, { path, mode: "0600" }],
      [`POST /v1/machines/${id}/files/rename`, { path, new_path: "/a" }],
      [`POST /v1/machines/${id}/files/rename`, { path: "/a", new_path: path }],
    ] as const) {
      expect(await api.call(route, body), route).toMatchObject(INVALID);
    }
  });

  test.each(["relative", "/a\0b"])("at %j are refused", async (path) => {
    const route = `GET /v1/machines/${id}/files/content?path=${encodeURIComponent(path)}`;
    expect(await api.call(route)).toMatchObject({ ...INVALID, body: { field: "path" } });
  });
});

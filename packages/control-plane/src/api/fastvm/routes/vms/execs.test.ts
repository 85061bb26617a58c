import { FastvmError, type ExecEvent, type ExecSpec } from "@fastvm/contract";
import { describe, expect, test } from "vitest";
import { testApp, type TestApp } from "../../../../testing/test-app.ts";

const EXIT: ExecEvent = { kind: "exit", exitCode: 3, timedOut: false, durationMs: 7.4 };
const out = (text: string): ExecEvent => ({ kind: "stdout", data: Buffer.from(text) });
const err = (text: string): ExecEvent => ({ kind: "stderr", data: Buffer.from(text) });
const NDJSON = { headers: { accept: "application/x-ndjson" } };

async function withVm(): Promise<TestApp & { vmId: string }> {
  const api = await testApp();
  const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
  return Object.assign(api, { vmId: id as string });
}

function prints(...events: ExecEvent[]) {
  return async function* (): AsyncGenerator<ExecEvent> {
    yield* events;
  };
}

function runsOn(...events: ExecEvent[]) {
  return async function* (): AsyncGenerator<ExecEvent> {
    yield* events;
    await new Promise(() => undefined);
  };
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const lines = (text: string): unknown[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as unknown);

describe("a command in the background", () => {
  test("is started as its client asks, and shown", async () => {
    await using api = await withVm();
    let seen: ExecSpec | undefined;
    api.worker.command = (spec) => {
      seen = spec;
      return prints(EXIT)();
    };
    const answer = await api.call(`POST /v1/vms/${api.vmId}/execs`, {
      command: ["sleep", "1"],
      timeoutSec: 5,
      env: { A: "1" },
      cwd: "/tmp",
      user: "nobody",
      pty: { cols: 100, rows: 30 },
      keepStdin: true,
      keepOutputBytes: 65_536,
    });
    expect(answer.status).toBe(201);
    expect(seen).toEqual({
      command: ["sleep", "1"],
      timeoutMs: 5000,
      env: { A: "1" },
      cwd: "/tmp",
      user: "nobody",
      pty: { cols: 100, rows: 30 },
      stdin: "open",
      keepBytes: 65_536,
    });
    const { id } = answer.body;
    expect((await api.call(`GET /v1/vms/${api.vmId}/execs/${id}?waitSec=5`)).body).toMatchObject({
      id,
      vmId: api.vmId,
      command: ["sleep", "1"],
      status: "exited",
      exitCode: 3,
      durationMs: 7,
      timedOut: false,
    });
    expect((await api.call(`GET /v1/vms/${api.vmId}/execs`)).body).toHaveLength(1);
  });

  test("is asked for its output as often as anybody likes, from any place", async () => {
    await using api = await withVm();
    api.worker.command = prints(out("one"), err("two"), EXIT);
    const { id } = (await api.call(`POST /v1/vms/${api.vmId}/execs`, { command: ["x"] })).body;
    const path = `GET /v1/vms/${api.vmId}/execs/${id}/output`;
    expect((await api.call(path)).body).toEqual({
      stdout: "one",
      stderr: "two",
      lostBytes: 0,
      nextOffset: 6,
      exitCode: 3,
    });
    expect((await api.call(`${path}?offset=2`)).body).toMatchObject({ stdout: "e", nextOffset: 6 });
    expect(lines((await api.call(`${path}?offset=4`, undefined, NDJSON)).text)).toEqual([
      { t: "a", at: 4 },
      { t: "e", d: base64("wo") },
      { t: "x", c: 3, ms: 7 },
    ]);
  });

  test("says how much of its output was lost", async () => {
    await using api = await withVm();
    api.worker.command = prints(out("x".repeat(60_000)), out("y".repeat(60_000)), EXIT);
    const body = { command: ["x"], keepOutputBytes: 65_536 };
    const { id } = (await api.call(`POST /v1/vms/${api.vmId}/execs`, body)).body;
    const { stdout, ...rest } = (await api.call(`GET /v1/vms/${api.vmId}/execs/${id}/output`)).body;
    expect(stdout).toBe("y".repeat(60_000));
    expect(rest).toEqual({ stderr: "", lostBytes: 60_000, nextOffset: 120_000, exitCode: 3 });
    const streamed = await api.call(
      `GET /v1/vms/${api.vmId}/execs/${id}/output?offset=10`,
      undefined,
      NDJSON,
    );
    expect(lines(streamed.text)[0]).toEqual({ t: "a", at: 60_000, lost: 59_990 });
  });

  test("is written to, resized, signalled and removed", async () => {
    await using api = await withVm();
    api.worker.command = runsOn(out("$ "));
    const body = { command: ["sh"], pty: { cols: 80, rows: 24 } };
    const { id } = (await api.call(`POST /v1/vms/${api.vmId}/execs`, body)).body;
    expect(
      (await api.call(`POST /v1/vms/${api.vmId}/execs/${id}/stdin`, { data: base64("ls\r") })).status,
    ).toBe(204);
    expect(
      (await api.call(`POST /v1/vms/${api.vmId}/execs/${id}/resize`, { cols: 120, rows: 40 })).status,
    ).toBe(204);
    expect([api.worker.execs.inputs, api.worker.execs.sizes]).toEqual([["ls\r"], ["120x40"]]);
    expect((await api.call(`GET /v1/vms/${api.vmId}/execs/${id}?waitSec=0`)).body).toMatchObject({
      status: "running",
      stdinOpen: true,
    });
    expect((await api.call(`POST /v1/vms/${api.vmId}/execs/${id}/signal`, { signal: "int" })).body).toEqual({
      signalled: true,
    });
    expect((await api.call(`GET /v1/vms/${api.vmId}/execs/${id}`)).body.exitCode).toBe(130);
    expect((await api.call(`POST /v1/vms/${api.vmId}/execs/${id}/signal`)).body).toEqual({
      signalled: false,
    });
    expect((await api.call(`POST /v1/vms/${api.vmId}/execs/${id}/stdin`, { close: true })).body.code).toBe(
      "conflict",
    );
    expect((await api.call(`DELETE /v1/vms/${api.vmId}/execs/${id}`)).body).toEqual({ id, deleted: true });
    expect((await api.call(`GET /v1/vms/${api.vmId}/execs/${id}`)).body.code).toBe("not_found");
  });

  test("is waited for no longer than was asked", async () => {
    await using api = await withVm();
    api.worker.command = runsOn();
    const { id } = (await api.call(`POST /v1/vms/${api.vmId}/execs`, { command: ["sleep"] })).body;
    expect((await api.call(`GET /v1/vms/${api.vmId}/execs/${id}?waitSec=1`)).body.status).toBe("running");
  });

  test.each([
    ["POST", "", { command: [] }, "command"],
    ["POST", "", { command: ["x"], keepOutputBytes: 1 }, "keepOutputBytes"],
    ["POST", "", { command: ["x"], pty: { cols: 0, rows: 24 } }, "pty.cols"],
    ["POST", "/x/stdin", { data: "%" }, "data"],
    ["POST", "/x/signal", { signal: "SIGNOTHING" }, "signal"],
    ["POST", "/x/signal", { signal: "65" }, "signal"],
    ["GET", "/x?waitSec=51", undefined, "waitSec"],
    ["GET", "/x/output?offset=-1", undefined, "offset"],
  ])("is refused what cannot be: %s %s %j", async (method, path, body, field) => {
    await using api = await withVm();
    const answer = await api.call(`${method} /v1/vms/${api.vmId}/execs${path}`, body);
    expect([answer.status, answer.body.field]).toEqual([400, field]);
  });

  test("needs a running VM, and a reader is told when that is lost", async () => {
    await using api = await withVm();
    api.worker.command = runsOn(out("begun"));
    const { id } = (await api.call(`POST /v1/vms/${api.vmId}/execs`, { command: ["x"] })).body;
    api.worker.execs.attach = async () =>
      (async function* () {
        yield { kind: "at" as const, offset: 0 };
        throw new FastvmError("vm_died", "it was paused");
      })();
    const cut = lines((await api.call(`GET /v1/vms/${api.vmId}/execs/${id}/output`, undefined, NDJSON)).text);
    expect(cut).toEqual([{ t: "a", at: 0 }, expect.objectContaining({ t: "x", c: 255, code: "vm_died" })]);
    await api.call(`POST /v1/vms/${api.vmId}/pause`);
    expect((await api.call(`GET /v1/vms/${api.vmId}/execs`)).status).toBe(409);
  });
});

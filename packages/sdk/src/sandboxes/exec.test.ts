/** Commands in sandboxes, against the real control plane over real sockets; only the VMs are fake. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import {
  APIConnectionTimeoutError,
  APIUserAbortError,
  AuthenticationError,
  ConflictError,
} from "../index.ts";
import { SandboxesClient } from "../sandboxes.ts";
import { startSandboxesPlane } from "../testing/sandboxes-plane.ts";
import type { SandboxesPlane } from "../testing/sandboxes-plane.ts";

const EXIT = { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 } as const;

let plane: SandboxesPlane;

beforeAll(async () => {
  plane = await startSandboxesPlane();
  await plane.client.create({ name: "one", image: "base" });
}, 60_000);

afterAll(() => plane[Symbol.asyncDispose]());

test("a command runs as it was asked for, is fed, and told whole", async () => {
  const { worker, client } = plane;
  let seen: object = {};
  worker.command = async function* (spec) {
    seen = spec;
    await vi.waitFor(() => expect(worker.terminal.input).toHaveLength(4_000_000));
    const said = Buffer.from("\u00e4");
    // A character in two pieces.
    yield { kind: "stdout", data: said.subarray(0, 1) };
    yield { kind: "stdout", data: said.subarray(1) };
    yield { kind: "stderr", data: Buffer.from("err") };
    yield { ...EXIT, exitCode: 300 };
  };
  const options = { env: { A: "b=c" }, cwd: "/srv", user: "nobody", stdin: "x".repeat(4_000_000) };
  const result = await client.exec("one", ["cat", "-u"], options);
  expect(result).toEqual({ exitCode: 300, stdout: "\u00e4", stderr: "err" });
  expect(seen).toMatchObject({ command: ["cat", "-u"], env: { A: "b=c" }, cwd: "/srv", user: "nobody" });
});

test("one that takes its input slowly is not given all of it at once", async () => {
  const peak = { bytes: 0 };
  const Socket = globalThis.WebSocket;
  class WatchedSocket extends Socket {
    override send(data: Parameters<WebSocket["send"]>[0]): void {
      super.send(data);
      peak.bytes = Math.max(peak.bytes, this.bufferedAmount);
    }
  }
  vi.stubGlobal("WebSocket", WatchedSocket);
  try {
    const before = plane.worker.terminal.input.length;
    plane.worker.command = async function* () {
      await vi.waitFor(() => expect(plane.worker.terminal.input.length - before).toBe(32_000_000), 20_000);
      yield EXIT;
    };
    await plane.client.exec("one", ["wc"], { stdin: new Uint8Array(32_000_000) });
  } finally {
    vi.unstubAllGlobals();
  }
  expect(peak.bytes).toBeGreaterThan(0);
  expect(peak.bytes).toBeLessThan(10_000_000);
});

test("one that does not start says why", async () => {
  plane.worker.command = async function* () {
    yield { ...EXIT, exitCode: 127, diagnostic: "no: No such file or directory" };
  };
  await expect(plane.client.exec("one", ["no"])).rejects.toMatchObject({ kind: "not_found" });
});

test("where no sandbox runs it fails as the server says", async () => {
  const { client, apiKey, baseUrl } = plane;
  await client.create({ name: "recorded", image: "base" }, { start: false });
  const { id } = await client.create({
    name: "kept",
    image: { Oci: { reference: "base", upper_size_mib: null } },
  });
  await client.stop({ id });
  for (const ref of ["recorded", "kept", { id }]) {
    const refused = client.exec(ref, ["true"]);
    await expect(refused).rejects.toBeInstanceOf(ConflictError);
    await expect(refused).rejects.toMatchObject({
      status: 409,
      code: "vm_wrong_state",
      message: expect.stringContaining("running sandbox"),
    });
  }
  await client.delete({ id });
  await expect(client.exec({ id }, ["true"])).rejects.toMatchObject({
    status: 404,
    code: "sandbox_not_found",
  });
  const stranger = new SandboxesClient({ apiKey: `${apiKey}x`, baseUrl });
  await expect(stranger.exec({ id }, ["true"])).rejects.toBeInstanceOf(AuthenticationError);
});

test.each([Number.POSITIVE_INFINITY, 2 ** 31, 1e15])(
  "%d ms, which no timer can hold, are no limit",
  async (timeoutMs) => {
    plane.worker.command = async function* () {
      await new Promise((resolve) => setTimeout(resolve, 20));
      yield EXIT;
    };
    expect(await plane.client.exec("one", ["true"], { timeoutMs })).toMatchObject({ exitCode: 0 });
  },
);

test.each([
  ["time", APIConnectionTimeoutError, () => ({ timeoutMs: 2_000 })],
  ["signal", APIUserAbortError, () => ({ signal: AbortSignal.timeout(2_000) })],
] as const)("one that is given up by %s is killed in its sandbox", async (_by, error, options) => {
  const { worker, client } = plane;
  const begun = vi.fn<() => void>();
  const before = worker.killed;
  worker.command = async function* () {
    begun();
    yield { kind: "stdout", data: Buffer.from("begun") };
    await new Promise(() => undefined);
  };
  await expect(client.exec("one", ["sleep", "9"], options())).rejects.toBeInstanceOf(error);
  expect(begun).toHaveBeenCalledOnce();
  await vi.waitFor(() => expect(worker.killed).toBe(before + 1));
});

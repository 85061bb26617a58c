/** Commands in sandboxes, against the real control plane over real sockets; only the VMs are fake. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { APIConnectionTimeoutError, APIUserAbortError } from "../index.ts";
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

test("one that does not start says why", async () => {
  plane.worker.command = async function* () {
    yield { ...EXIT, exitCode: 127, diagnostic: "no: No such file or directory" };
  };
  await expect(plane.client.exec("one", ["no"])).rejects.toMatchObject({ kind: "not_found" });
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
  ["time", APIConnectionTimeoutError, () => ({ timeoutMs: 300 })],
  ["signal", APIUserAbortError, () => ({ signal: AbortSignal.timeout(300) })],
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

/** What the worker is asked is timed by what it was and how it ended, over a worker that does as it is told. */
import type { VmId, VmSpec } from "@fastvm/contract";
import { FakeWorker } from "@fastvm/control-plane";
import { expect, test } from "vitest";
import { Figures } from "./figures.ts";
import { timed, type TimedWork } from "./timed-worker.ts";

const VM = "0198c7a2-5d0e-7f3b-9a41-2c6e8f10b7d4" as VmId;

function specOf(source: VmSpec["source"]): VmSpec {
  return {
    vmId: VM,
    source,
    machine: { name: "c1m2", cpu: 1, memoryMib: 2048 },
    diskGib: 10,
    identity: { hostname: "vm", authorizedKeys: [], env: {} },
    network: undefined,
  } as unknown as VmSpec;
}

function watched() {
  const told: Omit<TimedWork, "seconds">[] = [];
  const worker = new FakeWorker();
  const work = timed(worker, ({ seconds, ...rest }) => {
    expect(seconds).toBeGreaterThanOrEqual(0);
    told.push(rest);
  });
  return { worker, work, told };
}

test("a launch, a restore, a capture and a delete count as what they are", async () => {
  const { work, told } = watched();
  await work.launch(specOf({ kind: "template" }));
  await work.createSnapshot(VM, "0198c7a3-1f60-7c52-b3de-91f0a4d2c6e8" as never);
  await work.pause(VM);
  await work.resume(VM);
  await work.deleteVm(VM);
  await work.launch(
    specOf({ kind: "snapshot", snapshotId: "0198c7a3-1f60-7c52-b3de-91f0a4d2c6e8" as never }),
  );
  const operations = ["launch", "capture", "pause", "resume", "delete", "restore"];
  expect(told).toEqual(operations.map((operation) => ({ operation, outcome: "ok" })));
});

test("a command counts when it has exited, when it is left early, and when it could not begin", async () => {
  const { worker, work, told } = watched();
  await expect(work.exec(VM, { command: ["true"] })).rejects.toThrow();
  expect(told.splice(0)).toEqual([{ operation: "exec", outcome: "error" }]);
  await work.launch(specOf({ kind: "template" }));
  told.length = 0;
  worker.command = async function* () {
    yield { kind: "stdout", data: Buffer.from("a") };
    expect(told).toEqual([]);
    yield { kind: "exit", exitCode: 3, timedOut: false, durationMs: 1 };
  };
  const kinds: string[] = [];
  for await (const event of await work.exec(VM, { command: ["x"] })) kinds.push(event.kind);
  expect(kinds).toEqual(["stdout", "exit"]);
  // A command that fails has not failed us.
  expect(told.splice(0)).toEqual([{ operation: "exec", outcome: "ok" }]);
  for await (const event of await work.exec(VM, { command: ["x"] })) {
    expect(event.kind).toBe("stdout");
    break;
  }
  expect(told).toEqual([{ operation: "exec", outcome: "ok" }]);
});

test("what else there is of the worker is as it was", async () => {
  const { worker, work } = watched();
  expect(work.builds).toBe(worker.builds);
  expect(await work.inventory()).toEqual(await worker.inventory());
});

test("all of it is told in the format of Prometheus, beside the process's own figures", async () => {
  const figures = new Figures("1.2.3");
  figures.worked({ operation: "launch", outcome: "ok", seconds: 0.2 });
  figures.worked({ operation: "launch", outcome: "ok", seconds: 400 });
  figures.worked({ operation: "exec", outcome: "error", seconds: 0.001 });
  figures.answered({ api: "fastvm", operation: "listVms", status: 200, seconds: 0.003 });
  const lines = (await figures.read()).split("\n");
  for (const line of [
    'fastvm_operation_seconds_bucket{le="0.25",operation="launch",outcome="ok"} 1',
    'fastvm_operation_seconds_bucket{le="+Inf",operation="launch",outcome="ok"} 2',
    'fastvm_operation_seconds_count{operation="exec",outcome="error"} 1',
    'fastvm_api_requests_total{api="fastvm",operation="listVms",status="200"} 1',
    'fastvm_api_request_seconds_bucket{le="0.005",api="fastvm",operation="listVms"} 1',
  ]) {
    expect(lines).toContain(line);
  }
  expect(lines.find((line) => line.startsWith("fastvm_build_info"))).toMatch(/version="1\.2\.3".* 1$/);
  for (const name of [
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "nodejs_eventloop_lag_p99_seconds",
  ]) {
    expect(lines.some((line) => line.startsWith(`${name} `))).toBe(true);
  }
});

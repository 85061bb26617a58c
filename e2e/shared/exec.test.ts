import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { SharedDaemon } from "../harness/shared-daemon.ts";
import { sh } from "../harness/guest.ts";

const MIB = 1024 * 1024;
const BUFFER_LIMIT = 4 * MIB;

describe("a command in a VM", () => {
  let daemon: SharedDaemon;
  let client: FastvmClient;
  let vm: Vm;

  beforeAll(async () => {
    daemon = await SharedDaemon.join();
    client = daemon.client;
    vm = await client.vms.launch({ machineType: "c2m4", envVars: { GREETING: "hello" } });
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  test("answers with all seven fields", async () => {
    const result = await client.vms.run(vm, "echo out; echo err >&2; exit 3");
    expect(result).toMatchObject({
      exitCode: 3,
      stdout: "out\n",
      stderr: "err\n",
      timedOut: false,
      stdoutTruncated: false,
      stderrTruncated: false,
    });
    expect(typeof result.durationMs).toBe("number");
  });

  test("runs as root in /root with the VM's environment and as many processors and as much memory as the machine type says", async () => {
    expect(await sh(client, vm, "whoami; pwd; echo $HOME; echo $GREETING; nproc")).toBe(
      "root\n/root\n/root\nhello\n2",
    );
    const memoryKib = Number(await sh(client, vm, "awk '/MemTotal/ {print $2}' /proc/meminfo"));
    expect(memoryKib).toBeGreaterThan(3.7 * MIB);
  });

  test("is cut and flagged beyond 4 MiB in buffered mode, each stream by itself", async () => {
    const result = await client.vms.run(vm, `head -c ${5 * MIB} /dev/zero | tr '\\0' a; echo short >&2`);
    expect(result.stdout.length).toBe(BUFFER_LIMIT);
    expect(result.stdoutTruncated).toBe(true);
    expect(result.stderr).toBe("short\n");
    expect(result.stderrTruncated).toBe(false);
    expect(result.exitCode).toBe(0);
    const exact = await client.vms.run(vm, `head -c ${BUFFER_LIMIT} /dev/zero | tr '\\0' a`);
    expect(exact.stdout.length).toBe(BUFFER_LIMIT);
    expect(exact.stdoutTruncated).toBe(false);
  });

  test("is complete at 200 MiB in stream mode", async () => {
    // Made here and sent there once, so that the guest need not compute a hash of its own.
    const piece = randomBytes(10 * MIB);
    await client.vms.run(vm, "cat > /root/piece", { stdin: piece });
    const expected = createHash("sha256");
    for (let part = 0; part < 20; part++) expected.update(piece);
    const received = createHash("sha256");
    let bytes = 0;
    for await (const event of client.vms.stream(vm, "for i in $(seq 20); do cat /root/piece; done")) {
      if (event.type === "stdout") {
        received.update(event.data);
        bytes += event.data.length;
      } else if (event.type === "exit") expect(event.exitCode).toBe(0);
    }
    expect(bytes).toBe(200 * MIB);
    expect(received.digest("hex")).toBe(expected.digest("hex"));
  });

  test("is killed with all it started when its client goes away", async () => {
    for (const mode of ["stream", "run"] as const) {
      const abort = new AbortController();
      const script = `sleep 31${mode === "run" ? 1 : 2} & sleep 30${mode === "run" ? 1 : 2}`;
      const work =
        mode === "run"
          ? client.vms.run(vm, script, { signal: abort.signal })
          : (async () => {
              for await (const event of client.vms.stream(vm, script, { signal: abort.signal })) void event;
            })();
      const outcome = expect(work).rejects.toThrow();
      await sh(
        client,
        vm,
        `until pgrep -f '^sleep 30${mode === "run" ? 1 : 2}' >/dev/null; do sleep 0.05; done`,
      );
      abort.abort();
      await outcome;
      await sh(
        client,
        vm,
        `for i in $(seq 200); do pgrep -f '^sleep 3[01]${mode === "run" ? 1 : 2}' >/dev/null || exit 0; sleep 0.05; done; exit 1`,
      );
    }
  });

  test("does not wait for a background child that keeps its output, which lives on", async () => {
    const startedAt = Date.now();
    const result = await client.vms.run(vm, "(for i in $(seq 600); do echo tick; sleep 0.1; done) & echo $!");
    expect(Date.now() - startedAt).toBeLessThan(30_000);
    expect(result.exitCode).toBe(0);
    const pid = result.stdout.split("\n")[0] ?? "";
    await sh(client, vm, `sleep 0.5; kill -0 ${pid} && kill ${pid}`);
  });

  test("keeps output that is not text, and output without a last newline", async () => {
    const chunks: Uint8Array[] = [];
    for await (const event of client.vms.stream(vm, "printf '\\000\\377\\200\\n\\001'")) {
      if (event.type === "stdout") chunks.push(event.data);
    }
    expect(Buffer.concat(chunks)).toEqual(Buffer.from([0, 255, 128, 10, 1]));
    expect((await client.vms.run(vm, "printf 'no newline'")).stdout).toBe("no newline");
  });

  test("takes heredocs and 1 MiB of stdin", async () => {
    expect(await sh(client, vm, "cat <<'END' | tr a-z A-Z\nline one\n  line 'two' $HOME\nEND")).toBe(
      "LINE ONE\n  LINE 'TWO' $HOME",
    );
    const stdin = randomBytes(MIB);
    const { stdout } = await client.vms.run(vm, ["sha256sum"], { stdin });
    expect(stdout.slice(0, 64)).toBe(createHash("sha256").update(stdin).digest("hex"));
    expect((await client.vms.run(vm, ["cat"])).stdout).toBe("");
  });

  test("ends at its time limit", async () => {
    const result = await client.vms.run(vm, "echo begun; sleep 100", { timeoutSec: 1 });
    expect(result).toMatchObject({ timedOut: true, stdout: "begun\n" });
    expect(result.exitCode).not.toBe(0);
  });

  test("that cannot be started says why", async () => {
    expect((await client.vms.run(vm, ["/no/such/program"])).exitCode).toBe(127);
    expect((await client.vms.run(vm, ["/etc/passwd"])).exitCode).toBe(126);
    expect((await client.vms.run(vm, "kill -9 $$")).exitCode).toBe(137);
  });

  test("is spared nothing by another that floods or does not read", async () => {
    const flood = client.vms.stream(vm, "yes")[Symbol.asyncIterator]();
    await flood.next();
    expect(await sh(client, vm, "echo quick")).toBe("quick");
    await flood.return?.(undefined);
  });
});

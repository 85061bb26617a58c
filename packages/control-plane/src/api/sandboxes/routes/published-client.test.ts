/** The published client, as it comes from npm, against the API over the fake worker. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import {
  Sandbox,
  SandboxAlreadyExistsError,
  SandboxNotFoundError,
  SecretBuilder,
  Volume,
  type LogEntry,
  VolumeAlreadyExistsError,
} from "microsandbox";
import type { ExecSpec } from "@fastvm/contract";
import { createApiServer } from "../../../http/api-server.ts";
import { sandboxesApp, type SandboxesApp } from "../../../testing/sandboxes-app.ts";

let api: SandboxesApp;
let home: string;

/** The client looks at the environment once. */
beforeAll(async () => {
  api = await sandboxesApp({ serverFactory: createApiServer().serverFactory });
  const url = await api.fastvm.app.listen({ host: "127.0.0.1", port: 0 });
  home = mkdtempSync(join(tmpdir(), "fastvm-msb-"));
  const settings = { MSB_BACKEND: "cloud", MSB_API_URL: url, MSB_API_KEY: api.key, MSB_HOME: home };
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

test("creates, lists, gets, runs commands and removes", async () => {
  const sandbox = await Sandbox.builder("one").image("base").cpus(1).memory(512).env("A", "b").create();
  expect((await Sandbox.list()).sandboxes.map(({ name }) => name)).toEqual(["one"]);
  api.fastvm.worker.command = async function* () {
    yield { kind: "stdout", data: Buffer.from("out\n") };
    yield { kind: "stderr", data: Buffer.from("err\n") };
    yield { kind: "exit", exitCode: 3, timedOut: false, durationMs: 1 };
  };
  const output = await sandbox.exec("echo", ["hi"]);
  expect([output.code, output.stdout(), output.stderr()]).toEqual([3, "out\n", "err\n"]);
  await expect(Sandbox.builder("one").image("base").create()).rejects.toThrow(SandboxAlreadyExistsError);
  await sandbox.stop();
  expect(await Sandbox.get("one")).toMatchObject({ status: "stopped" });
  await Sandbox.start("one");
  await Sandbox.remove("one");
  await expect(Sandbox.get("one")).rejects.toThrow(SandboxNotFoundError);
});

test("finds a sandbox again as it was made, and commands in it run so", async () => {
  await Sandbox.builder("again")
    .image("base")
    .cpus(2)
    .memory(1024)
    .env("A", "b")
    .workdir("/srv")
    .user("nobody")
    .shell("/bin/bash")
    .label("team", "a")
    .volume("/mnt/memory", (mount) => mount.tmpfs().size(8))
    .create();
  const specs: ExecSpec[] = [];
  api.fastvm.worker.command = async function* (spec) {
    specs.push(spec);
    yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
  };
  const found = await Sandbox.get("again");
  await (await found.connect()).shell("true");
  expect(specs).toMatchObject([
    { command: ["/bin/bash", "-c", "true"], env: { A: "b" }, cwd: "/srv", user: "nobody" },
  ]);
});

test("runs the default command, and launches with policies of its own making", async () => {
  const sandbox = await Sandbox.builder("default")
    .image("base")
    .entrypoint(["echo", "-n"])
    .cmd(["hi"])
    .network((network) => network.enabled(true))
    .create();
  const vms = [...api.fastvm.worker.vms.values()];
  const made = vms.find(({ spec }) => spec?.identity.hostname === "default");
  expect(made?.spec?.network.egress).toMatchObject({ default: "deny", rules: [{}, {}] });
  const commands: (readonly string[])[] = [];
  api.fastvm.worker.command = async function* ({ command }) {
    commands.push(command);
    yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
  };
  await sandbox.execDefault();
  expect(commands).toEqual([["echo", "-n", "hi"]]);
  const shut = await Sandbox.builder("shut").image("base").disableNetwork().create();
  expect(await Sandbox.get(shut.name)).toMatchObject({ status: "running" });
});

test("gives secrets, and finds the sandbox again as it was made though no value is shown", async () => {
  const secret = new SecretBuilder().env("KEY").value("v-71d2").allowHostPattern("*.example.com");
  const made = await Sandbox.builder("secrets")
    .image("base")
    .workdir("/srv")
    .network((network) =>
      network
        .secret(() => secret.injectBody(true))
        // The package gives the builder of actions no type by name.
        .onSecretViolation((violation: { blockAndTerminate(): object }) => violation.blockAndTerminate()),
    )
    .create();
  const [order] = [...api.fastvm.worker.interceptions.values()];
  expect(order?.secrets).toMatchObject([
    {
      ...{ name: "KEY", value: "v-71d2", placeholder: "$MSB_KEY", hosts: ["example.com", "*.example.com"] },
      ...{ onViolation: "block_and_terminate", injection: { body: true } },
    },
  ]);
  const specs: ExecSpec[] = [];
  api.fastvm.worker.command = async function* (spec) {
    specs.push(spec);
    yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
  };
  await (await (await Sandbox.get(made.name)).connect()).shell("true");
  expect(specs).toMatchObject([{ cwd: "/srv" }]);
});

test("follows a log, and goes on where it was", async () => {
  const sandbox = await Sandbox.builder("logs").image("base").create();
  api.fastvm.worker.command = async function* () {
    yield { kind: "stdout", data: Buffer.from("é").subarray(0, 1) };
    yield { kind: "stdout", data: Buffer.from("é\n").subarray(1) };
    yield { kind: "stderr", data: Buffer.from("err\n") };
    yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
  };
  await sandbox.exec("true");
  const seen: LogEntry[] = [];
  const sources = ["stdout", "stderr", "system"] as const;
  for await (const entry of await sandbox.logStream({ sources: [...sources], follow: true })) {
    seen.push(entry);
    if (seen.length === 4) break;
  }
  expect(seen.map((entry) => [entry.source, entry.text()])).toEqual([
    ["system", "launch_requested\n"],
    ["system", "launch_succeeded\n"],
    ["stdout", "é\n"],
    ["stderr", "err\n"],
  ]);
  const after = await sandbox.logStream({
    sources: [...sources],
    follow: true,
    fromCursor: seen[2]?.cursor ?? "",
  });
  await sandbox.exec("true");
  await Sandbox.remove("logs");
  const rest: string[] = [];
  for await (const entry of after) rest.push(entry.text());
  expect(rest).toEqual(["err\n", "é\n", "err\n", "delete_started\n", "deleted\n"]);
});

test("has files", async () => {
  const sandbox = await Sandbox.builder("files").image("base").create();
  const files = sandbox.fs();
  const bytes = Buffer.alloc(7 * 1024 * 1024, "x");
  await files.mkdir("/data/deep");
  await files.write("/data/deep/a", bytes);
  expect(Buffer.from(await files.read("/data/deep/a")).equals(bytes)).toBe(true);
  await files.copy("/data/deep/a", "/data/b");
  await files.rename("/data/b", "/data/c");
  expect((await files.list("/data")).map(({ path }) => path).toSorted()).toEqual(["/data/c", "/data/deep"]);
  expect(await files.stat("/data/c")).toMatchObject({ kind: "file", size: bytes.length });
  expect(await files.exists("/data/b")).toBe(false);
  await expect(files.read("/none")).rejects.toThrow(/No such file or directory \(os error 2\)/);
  await files.remove("/data/c");
  await files.removeDir("/data/deep");
  expect(await files.exists("/data/deep")).toBe(false);
});

test("has volumes, and files of them", async () => {
  const volume = await Volume.builder("data").create();
  await expect(Volume.builder("data").create()).rejects.toThrow(VolumeAlreadyExistsError);
  const files = volume.fs();
  await files.mkdir("/deep");
  await files.write("/deep/a", "in it");
  expect(Buffer.from(await files.read("/deep/a")).toString()).toBe("in it");
  await files.rename("/deep/a", "/deep/b");
  expect((await files.list("/deep")).map(({ path }) => path)).toEqual(["/deep/b"]);
  expect(await files.exists("/deep/a")).toBe(false);
  await expect(files.read("/none")).rejects.toThrow(/no such file/i);
  await Volume.remove("data");
  expect(await Volume.list()).toEqual([]);
});

/** The examples that need more than VMs and snapshots, typed in turn against the API itself, over a worker without VMs. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createControlPlane, FakeImages, FakeWorker, type ControlPlane } from "@fastvm/control-plane";
import { FastvmClient } from "fastvm";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { capture } from "../testing/run-here.ts";
import { EXAMPLES, wordsOf } from "./examples.ts";

// Under the load of other tests a database and a listener take their time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl somebody@example";
const README = fileURLToPath(new URL("../../README.md", import.meta.url));

let folder: string;
let plane: ControlPlane;
let client: FastvmClient;
let env: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fastvm-examples-"));
  copyFileSync(README, join(folder, "README.md"));
  writeFileSync(join(folder, "id_ed25519.pub"), `${KEY}\n`);
  plane = await createControlPlane({
    worker: new FakeWorker(),
    images: new FakeImages(),
    log,
    store: { kind: "sqlite", path: ":memory:" },
    sealingKey: { file: join(folder, "sealing-key"), isMade: true },
    config: { connectionGraceMs: 50 },
  });
  const apiKey = await plane.ensureKey();
  const baseUrl = await plane.listen({ host: "127.0.0.1", port: 0 });
  client = new FastvmClient({ apiKey, baseUrl });
  env = { FASTVM_API_KEY: apiKey, FASTVM_BASE_URL: baseUrl, HOME: folder, FASTVM_CONFIG_FILE: "/dev/null" };
  await client.vms.launch({ machineType: "c1m2", name: "dev" });
});

afterAll(async () => {
  await plane.close();
  rmSync(folder, { recursive: true });
});

/** The example of a command, with what is there in place of what it names. */
async function type(path: string, names: Readonly<Record<string, string>> = {}): Promise<string> {
  const [line] = EXAMPLES[path] ?? [];
  if (line === undefined) throw new Error(`${path} has no example`);
  const typed = Object.entries(names).reduce((text, [from, to]) => text.replace(from, to), line);
  const { exitCode, stdout, stderr } = await capture(wordsOf(typed), env);
  expect({ typed, exitCode, stderr }).toMatchObject({ exitCode: 0 });
  return stdout;
}

test("volumes and their files", async () => {
  await type("volume create");
  expect(await type("volume ls")).toContain("data");
  await type("volume get");
  await type("volume resize");
  await type("volume attach");
  await type("volume files mkdir");
  await type("volume cp", { "README.md": join(folder, "README.md") });
  expect(await type("volume files ls")).toContain("README.md");
  expect(await type("volume files cat")).not.toBe("");
  await type("volume files mv");
  await type("volume files rm");
  await type("volume detach");
  await type("volume rm");
});

test("webhooks, events and keys", async () => {
  await type("webhook create");
  const [webhook] = await client.webhooks.list();
  const names = { "0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001": webhook?.id ?? "" };
  expect(await type("webhook ls")).toContain("hooks.example");
  await type("webhook update", names);
  await type("webhook deliveries", names);
  await type("webhook rm", names);
  expect(await type("events")).toContain("vm.launch_succeeded");
  expect(await type("audit")).toContain("createWebhook");
  await type("ssh-key add", { "~/.ssh": folder });
  const [fingerprint = ""] = /SHA256:\S+/.exec(await type("ssh-key ls")) ?? [];
  await type("ssh-key rm", { "SHA256:2q0mLyvLmZxj": fingerprint });
  await type("quota");
  await type("registry ls");
});

test("builds", async () => {
  const { id } = await client.builds.create({ dockerfileContent: "FROM debian\n" });
  const names = { "0b9c5f2e": id };
  expect(await type("build ls")).toContain(id.slice(0, 8));
  await type("build get", names);
});

test("settings of one's own", async () => {
  await type("config set");
  expect(await type("config get")).toContain("https://vms.example");
  await type("context ls");
  await type("completion");
  await type("man");
});

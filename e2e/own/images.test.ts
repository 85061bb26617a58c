/** Images of a registry and of archives, as whoever runs the host brings them with the command. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PASSWORD, testImage, TestRegistry, USER } from "../../packages/worker/src/testing/test-registry.ts";
import { runCli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";

let daemon: TestDaemon;
let registry: TestRegistry;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-e2e-images-"));
  registry = await TestRegistry.start({ isClosed: true });
  await registry.push("team/app", "v1", testImage());
  daemon = await TestDaemon.start({ poolSize: 0, settings: { network: "none" } });
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const image = (args: readonly string[], input?: string | Uint8Array) =>
  runCli(["image", ...args], daemon.environment, input);

test("an image is pulled, found by the next daemon, saved, removed and loaded again", async () => {
  const reference = `${registry.host}/team/app:v1`;
  const login = ["--username", USER, "--password-stdin"];
  const guarded = await image(["pull", reference, ...login], `${PASSWORD}\n`);
  expect(guarded).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/network that images are not pulled from/) as string,
  });
  const registries = { [registry.host]: { insecure: true, guarded: true } };
  await writeFile(join(daemon.config.dataDir, "registries.json"), JSON.stringify(registries));
  const pulled = await image(["pull", reference, ...login], `${PASSWORD}\n`);
  expect(pulled).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining(`${reference} sha256:`) as string,
  });
  expect(await readFile(join(daemon.config.dataDir, "daemon.log"), "utf8")).not.toContain(PASSWORD);

  await daemon.restart();
  const digest = pulled.stdout.trim().split(" ")[1] ?? "";
  expect((await image(["ls"])).stdout).toContain(digest.slice(0, 19));
  const blobs = join(daemon.config.cacheDir, "oci", "blobs");
  expect((await stat(blobs)).mode & 0o777).toBe(0o700);

  const file = join(folder, "app.tar");
  expect((await image(["save", reference, "-o", file])).exitCode).toBe(0);
  expect((await image(["rm", reference])).stdout).toBe(`${reference}\n`);
  expect(await readdir(blobs)).not.toContain(digest.slice("sha256:".length));
  expect((await image(["load"], await readFile(file))).stdout).toBe(`${reference}\n`);
  expect((await image(["inspect", digest.slice(0, 19)])).stdout).toContain("linux/amd64");
  await image(["rm", reference]);
});

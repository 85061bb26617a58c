/** Images of a registry and of archives, as whoever runs the host brings them with the command. */
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastvmClient } from "fastvm";
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

const cli = (args: readonly string[], input?: string | Uint8Array) => runCli(args, daemon.environment, input);
const image = (args: readonly string[], input?: string | Uint8Array) => cli(["image", ...args], input);

test("an image is pulled with the organisation's login, found by the next daemon, saved, removed and loaded again", async () => {
  const reference = `${registry.host}/team/app:v1`;
  const mine = daemon.client.withOptions({ maxRetries: 0 }).images;
  const login = await cli(
    ["registry", "login", registry.host, "-u", USER, "--password-stdin"],
    `${PASSWORD}\n`,
  );
  expect(login).toMatchObject({ exitCode: 0, stdout: `${registry.host} ${USER}\n` });
  await expect(mine.pull({ reference })).rejects.toMatchObject({ code: "registry_guarded" });
  const registries = { [registry.host]: { insecure: true, guarded: true } };
  await writeFile(join(daemon.config.dataDir, "registries.json"), JSON.stringify(registries));
  const pulled = await image(["pull", reference]);
  expect(pulled).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining(`${reference} sha256:`) as string,
  });
  const digest = pulled.stdout.trim().split(" ")[1] ?? "";
  await expectNoPassword();

  await isHiddenFromOthers(reference, digest);

  await daemon.restart();
  expect((await image(["ls", "--all"])).stdout).toContain(reference);
  const blobs = join(daemon.config.cacheDir, "oci", "blobs");
  expect((await stat(blobs)).mode & 0o777).toBe(0o700);

  const file = join(folder, "app.tar");
  expect((await image(["save", reference, "-o", file])).exitCode).toBe(0);
  expect((await image(["rm", reference])).stdout).toBe(`${reference}\n`);
  expect(await readdir(blobs)).not.toContain(digest.slice("sha256:".length));
  expect((await image(["load"], await readFile(file))).stdout).toBe(`${reference}\n`);
  expect((await image(["inspect", digest.slice(0, 19)])).stdout).toContain("linux/amd64");
  // Everybody's is not an organisation's to remove.
  await expect(daemon.client.images.delete(reference)).rejects.toMatchObject({ status: 404 });
  expect((await image(["rm", "--everybody", reference])).stdout).toBe(`${reference}\n`);

  await daemon.client.images.pull({ reference });
  expect((await cli(["system", "df"])).stdout).toMatch(/images of registries +[1-9]/);
  // It was used a moment ago.
  expect((await image(["prune", "--unused-days", "0"])).exitCode).toBe(0);
  const hex = digest.slice("sha256:".length);
  expect(await readdir(blobs)).toContain(hex);
  const longAgo = new Date(Date.now() - 86_400_000);
  await utimes(join(blobs, hex), longAgo, longAgo);
  expect((await cli(["system", "prune", "--images"])).stdout).toContain(`oci/${hex}`);
  // What other tests pulled is theirs.
  expect(await readdir(blobs)).not.toContain(hex);

  expect((await cli(["registry", "ls"])).stdout).toContain(USER);
  expect((await cli(["registry", "logout", registry.host])).exitCode).toBe(0);
  await expect(daemon.client.images.pull({ reference })).rejects.toMatchObject({ code: "registry_denied" });
});

/** By every route that names an image. */
async function isHiddenFromOthers(reference: string, digest: string): Promise<void> {
  await cli(["org", "create", "others"]);
  const { key } = JSON.parse((await cli(["key", "create", "--org", "others", "--json"])).stdout) as {
    key: string;
  };
  const others = daemon.client.withOptions({ apiKey: key, maxRetries: 0 });
  // Everybody's are whose they are who brought them to this machine.
  const own = async (client: FastvmClient) => (await client.images.list()).filter(({ shared }) => !shared);
  expect(await own(others)).toEqual([]);
  for (const name of [reference, digest, digest.slice("sha256:".length, 20)]) {
    await expect(others.images.retrieve(name)).rejects.toMatchObject({ status: 404 });
    await expect(others.images.delete(name)).rejects.toMatchObject({ status: 404 });
    await expect(others.vms.launch({ machineType: "c1m2", image: name })).rejects.toMatchObject({
      status: 404,
    });
  }
  await expect(others.images.pull({ reference, policy: "never" })).rejects.toMatchObject({ status: 404 });
  for (const policy of ["if-missing", "always"] as const)
    await expect(others.images.pull({ reference, policy })).rejects.toMatchObject({
      code: "registry_denied",
    });
  const credentials = { username: USER, password: PASSWORD };
  await expect(others.images.pull({ reference, ...credentials })).resolves.toMatchObject({
    digest,
    shared: false,
  });
  await others.images.delete(reference);
  expect(await own(daemon.client)).toMatchObject([{ reference, digest }]);
}

/** In no file of the data folder, which has the log and the records, and of the cache. */
async function expectNoPassword(): Promise<void> {
  for (const root of [daemon.config.dataDir, join(daemon.config.cacheDir, "oci")]) {
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const content = await readFile(join(entry.parentPath, entry.name)).catch(() => Buffer.alloc(0));
      expect(content.includes(PASSWORD), entry.name).toBe(false);
    }
  }
}

test("a launch of an image that is not here, or whose name is none, is refused, and leaves no VM", async () => {
  const launch = (name: string) => daemon.client.vms.launch({ machineType: "c1m2", image: name });
  await expect(launch("nothing/here:v1")).rejects.toMatchObject({ status: 404, field: "image" });
  await expect(launch(`sha256:${"0".repeat(64)}`)).rejects.toMatchObject({ status: 404, field: "image" });
  await expect(launch("No Name")).rejects.toMatchObject({ status: 400, field: "image" });
  expect(await daemon.client.vms.list()).toEqual([]);
});

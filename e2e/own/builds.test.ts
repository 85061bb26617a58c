/** One real build: a folder with a static busybox becomes a snapshot, whose VM runs; and one that its daemon leaves by kill -9. */
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BuildEvent } from "fastvm";
import { addOrganisation } from "../harness/add-organisation.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";

/** A builder, the image's template and a capture, under emulation on a machine that may be busy with others. */
const TIMEOUT_MS = 600_000;
const DOCKERFILE = `FROM scratch
COPY . /
ARG WHO
RUN --mount=type=secret,id=token test "$(cat /run/secrets/token)" = s3cret && echo "hello $WHO" | tee /greeting
`;

let contextDir: string;
let daemon: TestDaemon;

beforeAll(async () => {
  contextDir = await mkdtemp(join(tmpdir(), "fastvm-e2e-builds-"));
  for (const name of ["bin", "etc", "root", "tmp"]) await mkdir(join(contextDir, name));
  await copyFile("/bin/busybox", join(contextDir, "bin/busybox"));
  for (const name of ["sh", "cat", "test", "echo", "tee", "sleep"]) {
    await symlink("busybox", join(contextDir, "bin", name));
  }
  await writeFile(join(contextDir, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  await writeFile(join(contextDir, "Dockerfile"), DOCKERFILE);
  await writeFile(join(contextDir, ".dockerignore"), "left-out\n");
  await writeFile(join(contextDir, "left-out"), "");
  daemon = await TestDaemon.start({ poolSize: 0, settings: { network: "none" } });
}, TIMEOUT_MS);

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await rm(contextDir, { recursive: true });
});

test(
  "a folder becomes a snapshot, and nobody else's",
  async () => {
    const { client } = daemon;
    const order = { contextDir, tag: "app", buildArgs: { WHO: "you" }, secrets: { token: "s3cret" } };
    const building = client.build(order);
    const events: readonly BuildEvent[] = await Array.fromAsync(building);
    const end = events.at(-1);
    expect(end, JSON.stringify(events.slice(-20))).toMatchObject({ type: "end", status: "completed" });
    expect(events).toContainEqual({ type: "log", line: "hello you" });
    expect(JSON.stringify(events)).not.toContain('s3cret"');
    const snapshot = await building;
    const vm = await client.vms.launch({ snapshotId: snapshot.id });
    expect(await sh(client, vm, "cat /greeting; test -e /left-out || echo without")).toBe(
      "hello you\nwithout",
    );
    expect((await client.vms.list()).map(({ id }) => id)).toEqual([vm.id]);
    const others = client.withOptions({ apiKey: addOrganisation(daemon.config.dataDir, "others") });
    expect(await others.builds.list()).toEqual([]);
    await expect(others.builds.logs("app")).rejects.toMatchObject({ status: 404 });
    await client.vms.delete(vm);
  },
  TIMEOUT_MS,
);

test(
  "one whose daemon was killed has failed and says why, and nothing of it is left",
  async () => {
    const { client } = daemon;
    const endless = "FROM scratch\nCOPY . /\nRUN echo begun; sleep 1000\n";
    const before = (await client.vms.list()).map((vm) => vm.id);
    const building = client.build({ contextDir, dockerfile: endless });
    const { id } = await building.begun;
    await eventually(async () => expect((await client.builds.logs(id)).log).toContain("begun"), TIMEOUT_MS);
    await daemon.sigkill();
    await daemon.restart();
    expect(await daemon.client.builds.retrieve(id)).toMatchObject({
      status: "failed",
      error: expect.stringContaining("server ended") as string,
    });
    const vms = (await daemon.client.vms.list()).map((vm) => vm.id);
    expect(vms).toEqual(before);
    expect(await readdir(join(daemon.config.dataDir, "vms"))).toEqual(vms);
  },
  TIMEOUT_MS,
);

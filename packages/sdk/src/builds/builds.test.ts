/** Builds by the SDK against the real control plane over real sockets; only what builds is fake. */
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createControlPlane, FakeImages, FakeWorker } from "@fastvm/control-plane";
import type { ControlPlane } from "@fastvm/control-plane";
import { afterEach, beforeEach, expect, it } from "vitest";
import { BuildFailedError, FastvmClient, FileTransferError, NotFoundError } from "../index.ts";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

let plane: ControlPlane;
let folder: string;
let worker: FakeWorker;
let client: FastvmClient;
let sent: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-sdk-builds-"));
  worker = new FakeWorker();
  const images = new FakeImages();
  const { dockerfile } = worker.builds;
  worker.builds.dockerfile = async (order, log, signal) => {
    if (order.context !== undefined)
      sent = execFileSync("tar", ["-tzf", order.context.path], { encoding: "utf8" });
    log("STEP 1/1: FROM debian");
    images.keep(`localhost/build/${order.buildId}:latest`, order.orgId);
    return dockerfile(order, log, signal);
  };
  const store = { kind: "sqlite", path: ":memory:" } as const;
  const config = { connectionGraceMs: 50 };
  plane = await createControlPlane({
    worker,
    images,
    log: silent,
    store,
    stagingFolder: join(folder, "staging"),
    config,
  });
  client = new FastvmClient({
    apiKey: await plane.ensureKey(),
    baseUrl: await plane.listen({ host: "127.0.0.1", port: 0 }),
  });
});

afterEach(async () => {
  await plane.close();
  await rm(folder, { recursive: true, force: true });
});

it("builds a folder: prints as it goes, and gives the snapshot", async () => {
  const contextDir = join(folder, "context");
  await mkdir(contextDir);
  await writeFile(join(contextDir, "Dockerfile"), "FROM debian\nCOPY . /srv\n");
  await writeFile(join(contextDir, ".dockerignore"), "secret\n");
  await writeFile(join(contextDir, "secret"), "");
  await writeFile(join(contextDir, "app.py"), "");
  const building = client.build({ contextDir, tag: "app", buildArgs: { A: "1" }, secrets: { token: "x" } });
  const events = await Array.fromAsync(building);
  const snapshot = await building;
  expect(events[0]).toEqual({ type: "progress", progress: "creating build VM" });
  expect(events).toContainEqual({ type: "log", line: "STEP 1/1: FROM debian" });
  expect(events.at(-1)).toEqual({ type: "end", status: "completed", snapshotId: snapshot.id });
  expect(snapshot).toMatchObject({ name: "app", status: "ready" });
  expect(sent.trim().split("\n").toSorted()).toEqual(["./.dockerignore", "./Dockerfile", "./app.py"]);
  expect(worker.builds.orders[0]).toMatchObject({
    dockerfile: { text: await readFile(join(contextDir, "Dockerfile"), "utf8") },
    args: { A: "1" },
    secrets: { token: "x" },
  });
  const [build] = await client.builds.list();
  expect(build).toMatchObject({ id: (await building.begun).id, tag: "app", status: "completed" });
  expect(await client.builds.logs("app")).toEqual({ log: "STEP 1/1: FROM debian\n", status: "completed" });
  expect((await client.vms.launch({ machineType: "c1m2", image: "app" })).status).toBe("running");
});

it("tells by the last event and by its error why a build failed", async () => {
  worker.builds.dockerfile = async () => ({ status: "failed", fault: "order", error: "make: no rule" });
  const building = client.build({ dockerfile: "FROM debian" });
  const events = await Array.fromAsync(building);
  expect(events.at(-1)).toEqual({ type: "end", status: "failed", error: "make: no rule" });
  await expect(building).rejects.toBeInstanceOf(BuildFailedError);
  await expect(building).rejects.toMatchObject({
    reason: "make: no rule",
    buildId: events.length > 0 ? (await building.begun).id : "",
  });
});

it("cancels a build that is followed", async () => {
  worker.builds.dockerfile = (_order, log, signal) => {
    log("begun");
    return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
  const building = client.build({ dockerfile: "FROM debian" });
  for await (const event of building) {
    if (event.type === "log")
      expect((await client.builds.cancel(await building.begun)).status).toBe("failed");
    if (event.type === "end") expect(event.error).toBe("It was cancelled");
  }
  await expect(building).rejects.toThrow("It was cancelled");
});

it("says what is missing before anything is built", async () => {
  await expect(client.build({ contextDir: join(folder, "none") })).rejects.toBeInstanceOf(FileTransferError);
  await expect(client.build({})).rejects.toMatchObject({ status: 400, field: "imageRef" });
  await expect(client.builds.retrieve("none")).rejects.toBeInstanceOf(NotFoundError);
  expect(await client.builds.list()).toEqual([]);
});

it("imports by the words of the newest API", async () => {
  const { contextRef, uploadUrl } = await client.snapshotImports.presignContext({ sizeBytes: 4 });
  const zip = { method: "PUT", body: "PK\u0003\u0004", headers: { "content-type": "application/zip" } };
  expect((await fetch(uploadUrl, zip)).status).toBe(200);
  worker.builds.dockerfile = async () => ({ status: "failed", fault: "order", error: "no" });
  const made = await client.snapshotImports.create({
    source: { type: "dockerfile", contextRef },
    name: "mine",
  });
  await expect(client.builds.wait(made)).rejects.toThrow("no");
  expect(await client.snapshotImports.retrieve("mine")).toMatchObject({
    id: made.id,
    status: "failed",
    error: "no",
  });
  expect((await client.snapshotImports.cancel(made)).status).toBe("failed");
  expect((await client.snapshotImports.list()).map(({ id }) => id)).toEqual([made.id]);
  expect(await client.snapshotImports.delete(made)).toEqual({ id: made.id, deleted: true });
});

/** Images of Dockerfiles, by a worker with real VMs: one builder, one base image of busybox, and as few builds as show all. */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { newOrgId } from "@fastvm/contract";
import type { BuildEvent, BuildOrder, BuildOutcome, OrgId } from "@fastvm/contract";
import { describeBuilds } from "@fastvm/contract/testing/builds-conformance";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PASSWORD, testImage, TestRegistry, USER } from "../testing/test-registry.ts";
import { CACHE, DENY_ALL, ROOT, TestWorker } from "../testing/test-worker.ts";

const run = promisify(execFile);
/** Under emulation, on a busy machine. */
const BUILD_MS = 600_000;
const APPLETS = [
  "cat",
  "chmod",
  "date",
  "echo",
  "env",
  "false",
  "id",
  "ls",
  "mkdir",
  "rm",
  "seq",
  "sh",
  "sleep",
  "stat",
  "sync",
  "test",
  "true",
];
const PASSWD = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home:/bin/sh\n";

const FEATURES = (base: string, last: string): string => `
ARG TAG=none
FROM ${base}:$TAG AS build
ARG WHO=nobody
ENV GREETING="hello $WHO"
SHELL ["/bin/sh", "-ec"]
RUN --mount=type=cache,target=/kept --mount=type=secret,id=token --mount=type=bind,source=sub,target=/bound \\
    mkdir /out; echo $GREETING >/out/greeting; \\
    echo once more >>/kept/count; cat /kept/count >/out/count; ls /bound >/out/bound-files; \\
    cat /run/secrets/token; echo; sync

FROM ${base}:1 AS unused
RUN false

FROM ${base}:1 AS more
RUN --mount=type=bind,from=build,source=/out,target=/of-another --mount=type=tmpfs,target=/memory \\
    cat /of-another/greeting >/seen; echo gone >/memory/file

FROM scratch AS final
ENV WORD="kept with it" \\
    OTHER=too
COPY --from=build /out/ /
COPY --from=more /seen /
COPY --from=${base}:1 /etc/passwd /etc/group /etc/
COPY --chown=app:app . /app/
COPY --chmod=711 file /runs
ADD packed.tar.gz /unpacked/
USER app
WORKDIR /app
EXPOSE 8080
VOLUME /data
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s --retries=2 CMD ["/bin/true"]
ENTRYPOINT ["/bin/cat"]
CMD ["/greeting"]
${last}

FROM final AS never
RUN false
`;

let folder: string;
let open: TestRegistry;
let closed: TestRegistry;
let host: TestWorker;
let base: string;
let orgId: OrgId;

beforeAll(async () => {
  await mkdir(ROOT, { recursive: true });
  folder = await mkdtemp(join(ROOT, "builds-"));
  [open, closed] = [await TestRegistry.start(), await TestRegistry.start({ isClosed: true })];
  base = `${open.host}/base`;
  const layer = await baseLayer();
  for (const registry of [open, closed]) await registry.push("base", "1", testImage({ layers: [layer] }));
  const allowed = { insecure: true, guarded: true };
  const registriesFile = join(folder, "registries.json");
  await writeFile(registriesFile, JSON.stringify({ [open.host]: allowed, [closed.host]: allowed }));
  const cacheDir = await ownCache();
  const imageDir = join(cacheDir, "images", "current");
  host = await TestWorker.start({ cacheDir, imageDir, registriesFile });
  orgId = newOrgId();
}, BUILD_MS);

afterAll(async () => {
  await host[Symbol.asyncDispose]();
  for (const registry of [open, closed]) await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** The machine's own is not to keep what this test makes. */
async function ownCache(): Promise<string> {
  const cacheDir = join(folder, "cache");
  for (const kind of ["images", "builder"]) {
    const digest = await readlink(join(CACHE, kind, "current"));
    await mkdir(join(cacheDir, kind), { recursive: true });
    await run("cp", ["-al", join(CACHE, kind, digest), join(cacheDir, kind, digest)]);
    await symlink(digest, join(cacheDir, kind, "current"));
  }
  for (const kind of ["templates", "accelerator"])
    await run("cp", ["-al", join(CACHE, kind), join(cacheDir, kind)]).catch(() => undefined);
  await copyFile(join(CACHE, "tsc-khz"), join(cacheDir, "tsc-khz")).catch(() => undefined);
  return cacheDir;
}

async function baseLayer(): Promise<Buffer> {
  const root = join(folder, "tree");
  for (const name of ["bin", "etc", "root", "tmp"]) await mkdir(join(root, name), { recursive: true });
  await copyFile("/bin/busybox", join(root, "bin", "busybox"));
  for (const applet of APPLETS) await symlink("busybox", join(root, "bin", applet));
  await writeFile(join(root, "etc", "passwd"), PASSWD);
  await writeFile(join(root, "etc", "group"), "root:x:0:\napp:x:1000:\n");
  const layer = join(folder, "base.tar");
  await run("tar", ["--create", "--file", layer, "--owner=0", "--group=0", "--directory", root, "."]);
  return await readFile(layer);
}

function order(text: string, more: Partial<BuildOrder> = {}): BuildOrder {
  return { buildId: randomUUID(), orgId, dockerfile: { text }, network: DENY_ALL, ...more };
}

interface Done {
  readonly outcome: BuildOutcome;
  readonly lines: readonly string[];
  readonly events: readonly BuildEvent[];
}

async function build(given: BuildOrder): Promise<Done> {
  const { builds } = host.worker;
  await builds.start(given);
  const events: BuildEvent[] = [];
  for await (const event of await builds.follow(given.buildId, 0)) events.push(event);
  await builds.forget(given.buildId);
  const last = events.at(-1);
  if (last?.kind !== "ended") throw new Error("the build has no end");
  return {
    outcome: last.outcome,
    events,
    lines: events.flatMap((event) => (event.kind === "log" ? [event.line] : [])),
  };
}

function succeeded({ outcome, lines }: Done): Extract<BuildOutcome, { status: "succeeded" }> {
  if (outcome.status === "succeeded") return outcome;
  throw new Error(`${JSON.stringify(outcome)}\n${lines.join("\n")}`);
}

/** What the built image's root file system has; we have made it ourselves. */
async function tree(digest: string, files: readonly string[]): Promise<readonly string[]> {
  const images = join(folder, "cache", "images");
  for (const name of await readdir(images)) {
    const manifest = await readFile(join(images, name, "manifest.json"), "utf8").catch(() => "{}");
    if ((JSON.parse(manifest) as { manifestDigest?: string }).manifestDigest !== digest) continue;
    const mounted = join(folder, "mounted");
    await mkdir(mounted, { recursive: true });
    await run("mount", ["-o", "loop,ro,noload", join(images, name, "rootfs.raw"), mounted]);
    try {
      const { stdout } = await run(
        "sh",
        ["-c", 'for f; do echo $f $(stat -c "%a %u" "$f") "$(head -n 1 "$f")"; done', "x", ...files],
        {
          cwd: mounted,
        },
      );
      return stdout
        .trimEnd()
        .split("\n")
        .map((line) => line.trimEnd());
    } finally {
      await run("umount", [mounted]);
    }
  }
  throw new Error(`there is no root file system of ${digest}`);
}

/** What the image says of itself, beyond what a launch needs. */
async function configOf(digest: string): Promise<unknown> {
  const read = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(join(folder, "cache", "oci", "blobs", name.slice("sha256:".length)), "utf8"));
  const { config } = (await read(digest)) as { config: { digest: string } };
  return ((await read(config.digest)) as { config: unknown }).config;
}

/** Prints the files below folders that have a text in them. Disks are mostly holes, which nobody need read. */
const SEARCH = `
import os, sys
text = sys.argv[1].encode()
def has(path):
    with open(path, "rb") as file:
        size, at = os.fstat(file.fileno()).st_size, 0
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return False
            end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            file.seek(at)
            if text in file.read(end - at):
                return True
            at = end
    return False
for folder in sys.argv[2:]:
    for parent, _, names in os.walk(folder):
        for name in names:
            if has(os.path.join(parent, name)):
                print(os.path.join(parent, name))
`;

/** Files of what is kept of builds, their caches and their images, that have a text in them; what is compressed is in the roots as well. */
async function filesWith(text: string): Promise<readonly string[]> {
  const images = join(folder, "cache", "images");
  const current = await readlink(join(images, "current"));
  const made = (await readdir(images)).filter((name) => name !== current && name !== "current");
  const places = [join(host.dataDir, "build-caches"), join(folder, "cache", "oci")];
  places.push(...made.map((name) => join(images, name)));
  const { stdout } = await run("python3", ["-c", SEARCH, text, ...places]);
  return stdout.split("\n").filter((line) => line !== "");
}

/** Nothing of builds is left but the caches of organisations. */
async function nothingIsLeft(): Promise<void> {
  expect(await readdir(join(host.dataDir, "templating"))).toEqual([]);
  expect(host.errors).toEqual([]);
}

async function zipped(): Promise<string> {
  const context = join(folder, "context");
  await mkdir(join(context, "sub"), { recursive: true });
  await writeFile(join(context, "file"), "of the context");
  await writeFile(join(context, "ignored"), "never seen");
  await writeFile(join(context, ".dockerignore"), "ignored\n.dockerignore\n");
  await writeFile(join(context, "sub", "inner"), "bound");
  await run("tar", [
    "--create",
    "--gzip",
    "--file",
    join(context, "packed.tar.gz"),
    "--directory",
    context,
    "file",
  ]);
  const path = join(folder, "context.zip");
  const program = "import shutil, sys; shutil.make_archive(sys.argv[1], 'zip', sys.argv[2])";
  await run("python3", ["-c", program, path.replace(/\.zip$/, ""), context]);
  return path;
}

test(
  "each feature does what it says, and a second build runs the steps that changed alone",
  async () => {
    const path = await zipped();
    const more = {
      context: { path, format: "zip" },
      args: { TAG: "1", WHO: "me" },
      secrets: { token: "a secret of many characters" },
      labels: { made: "here" },
      target: "final",
    } as const;
    const first = await build(order(FEATURES(base, "LABEL last=1"), more));
    const { image, steps } = succeeded(first);
    expect(steps.cached).toBe(0);
    expect(image.settings).toMatchObject({
      entrypoint: ["/bin/cat"],
      cmd: ["/greeting"],
      env: expect.arrayContaining(["WORD=kept with it", "OTHER=too"]) as string[],
      user: "app",
      workdir: "/app",
      ports: ["8080/tcp"],
      labels: { last: "1", made: "here" },
      stopSignal: "SIGINT",
    });
    // What FastVM does nothing with is there for whoever takes the image elsewhere.
    expect(await configOf(image.digest)).toMatchObject({
      Healthcheck: { Test: ["CMD", "/bin/true"], Interval: 5e9, Retries: 2 },
      Volumes: { "/data": {} },
    });
    const files = ["greeting", "count", "bound-files", "seen", "app/file", "app/sub/inner"];
    files.push("runs", "unpacked/file", "app/ignored", "memory/file");
    expect(await tree(image.digest, files)).toEqual([
      "greeting 644 0 hello me",
      "count 644 0 once more",
      "bound-files 644 0 inner",
      "seen 644 0 hello me",
      "app/file 644 1000 of the context",
      "app/sub/inner 644 1000 bound",
      "runs 711 0 of the context",
      "unpacked/file 644 0 of the context",
      "app/ignored",
      "memory/file",
    ]);
    // Commands that print secrets do not tell them, and nothing that is kept has them.
    expect(first.lines.join("\n")).not.toContain("a secret of");
    expect(first.lines).toContain("***");
    expect(await filesWith("a secret of")).toEqual([]);
    expect(await filesWith("of the context")).not.toEqual([]);

    const second = succeeded(await build(order(FEATURES(base, "LABEL last=2"), more)));
    expect(second.steps).toEqual({ ran: 1, cached: steps.ran - 1 });
    expect(second.image.settings.labels).toMatchObject({ last: "2" });
    await nothingIsLeft();
  },
  BUILD_MS,
);

test(
  "a private image is built on by who may pull it, and by nobody else",
  async () => {
    const text = `FROM ${closed.host}/base:1\n${MINE}`;
    const login = { registry: closed.host, username: USER, password: PASSWORD };
    expect(succeeded(await build(order(text, { credentials: [login] }))).steps).toEqual({
      ran: 1,
      cached: 0,
    });
    // Also though the layers are in this host's store.
    const { outcome } = await build(order(text, { orgId: newOrgId() }));
    expect(outcome).toMatchObject({ status: "failed", fault: "registry" });
    await nothingIsLeft();
  },
  BUILD_MS,
);

test(
  "a context that wants out of its folder does not get there, and one that is none is refused",
  async () => {
    const path = join(folder, "hostile.tar.gz");
    await run("python3", ["-c", HOSTILE_TAR, path]);
    const text = `FROM ${base}:1\n${MINE}\nCOPY . /in/`;
    const done = await build(order(text, { orgId: newOrgId(), context: { path, format: "tar.gz" } }));
    // The same step on the same image was cached for another organisation.
    const { image, steps } = succeeded(done);
    expect(steps).toEqual({ ran: 2, cached: 0 });
    const files = ["in/above", "in/absolute", "in/out/passwd", "in/disk", "etc/passwd"];
    expect(await tree(image.digest, files)).toEqual([
      "in/above 644 0 x",
      "in/absolute 644 0 x",
      "in/out/passwd 644 0 overwritten",
      "in/disk",
      "etc/passwd 644 0 root:x:0:0:root:/root:/bin/sh",
    ]);
    const none = join(folder, "none");
    await writeFile(none, "no archive at all");
    const { outcome } = await build(order(text, { context: { path: none, format: "zip" } }));
    expect(outcome).toMatchObject({
      status: "failed",
      fault: "order",
      error: expect.stringContaining("zip"),
    });
    await nothingIsLeft();
  },
  BUILD_MS,
);

const MINE = "RUN echo mine >/mine";
const HOSTILE_TAR = `
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w:gz") as archive:
    def add(name, content=b"x", **more):
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        for key, value in more.items():
            setattr(entry, key, value)
        archive.addfile(entry, io.BytesIO(content))
    add("../../above")
    add("/absolute")
    add("out", b"", type=tarfile.SYMTYPE, linkname="/etc")
    add("out/passwd", b"overwritten")
    add("disk", b"", type=tarfile.BLKTYPE, devmajor=254, devminor=0)
`;

test(
  "one that is cancelled while a command has a secret leaves that nowhere, and the next one builds on",
  async () => {
    const text = (last: string): string =>
      `FROM ${base}:1\n${MINE}\nRUN --mount=type=secret,id=token cat /run/secrets/token >/dev/shm/x; sync; ${last}`;
    const given = { orgId: newOrgId(), secrets: { token: "another secret of many characters" } };
    const waiting = order(text("echo waits; sleep 100000"), given);
    const { builds } = host.worker;
    await builds.start(waiting);
    for await (const event of await builds.follow(waiting.buildId, 0))
      if (event.kind === "log" && event.line === "waits") break;
    await builds.cancel(waiting.buildId);
    expect(await builds.list()).toMatchObject([{ outcome: { status: "cancelled" } }]);
    await builds.forget(waiting.buildId);
    expect(await readdir(join(host.dataDir, "build-caches"))).toContain(`${given.orgId}.raw`);
    expect(await filesWith("another secret of")).toEqual([]);
    expect(succeeded(await build(order(text("true"), given))).steps).toEqual({ ran: 1, cached: 1 });
    await nothingIsLeft();
  },
  BUILD_MS,
);

test(
  "a command that kills all it can reach ends its own build, at once, and what came before it is kept",
  async () => {
    const given = { orgId: newOrgId() };
    const killing = await build(order(`FROM ${base}:1\n${MINE}\nRUN kill -9 -1; sleep 100000`, given));
    expect(killing.outcome).toMatchObject({
      status: "failed",
      fault: "order",
      error: expect.stringMatching(/kill -9 -1/) as string,
    });
    // Nor does what a step leaves running hold up the next one.
    const next = await build(order(`FROM ${base}:1\n${MINE}\nRUN sleep 100000 & false`, given));
    expect(next.outcome).toMatchObject({ status: "failed", fault: "order" });
    expect(next.lines).toContainEqual(expect.stringMatching(/^--> Using cache /));
    await nothingIsLeft();
  },
  BUILD_MS,
);

test(
  "one that is cancelled before its VM stands leaves nothing",
  async () => {
    const given = order(`FROM ${base}:1`);
    await host.worker.builds.start(given);
    await host.worker.builds.cancel(given.buildId);
    expect(await host.worker.builds.list()).toMatchObject([{ outcome: { status: "cancelled" } }]);
    await host.worker.builds.forget(given.buildId);
    await nothingIsLeft();
  },
  BUILD_MS,
);

describeBuilds("a worker with VMs", async () => ({
  builds: host.worker.builds,
  orgId,
  dockerfiles: {
    good: `FROM ${base}:1\n${MINE}`,
    // More than an error may have.
    failing: `FROM ${base}:1\nRUN seq 1 5000; echo what is wrong >&2; false`,
    endless: `FROM ${base}:1\nRUN sleep 100000`,
  },
  [Symbol.asyncDispose]: nothingIsLeft,
}));

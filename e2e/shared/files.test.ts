/** Files of a VM by the SDK: without a shell, whatever their names and sizes. */
import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, FileEvent, Vm } from "fastvm";
import { addOrganisation } from "../harness/add-organisation.ts";
import { sh } from "../harness/guest.ts";
import { SharedDaemon } from "../harness/shared-daemon.ts";

const MIB = 1024 * 1024;
/** Many windows of the link, and several seconds of an emulated guest. */
const LARGE_MIB = 64;
/** So few events the guest's kernel is told to queue. */
const QUEUED_EVENTS = 16;
/** Makes more of them while the children of the agent that watch stand still. */
const FLOOD = `
import glob, os, signal
def name_and_parent(path):
    name, _, rest = open(path).read().rpartition(")")
    return name.split("(", 1)[1], int(rest.split()[1])
agent = os.getppid()
child = (name_and_parent(f"/proc/{agent}/stat")[0], agent)
watchers = [int(path.split("/")[2]) for path in glob.glob("/proc/[0-9]*/stat") if name_and_parent(path) == child]
for pid in watchers: os.kill(pid, signal.SIGSTOP)
for i in range(10 * ${QUEUED_EVENTS}): open(f"flood/{i}", "w").close()
for pid in watchers: os.kill(pid, signal.SIGCONT)`;

describe("files of a VM", () => {
  let daemon: SharedDaemon;
  let client: FastvmClient;
  let vm: Vm;

  beforeAll(async () => {
    daemon = await SharedDaemon.join();
    client = daemon.client;
    vm = await client.vms.launch({ machineType: "c1m2", name: "files" });
  });

  afterAll(() => daemon?.[Symbol.asyncDispose]());

  const files = () => client.vms.files;
  const failure = (call: Promise<unknown>) => expect(call).rejects;

  test("are text and bytes under whatever name", async () => {
    const names = [
      "plain",
      "a b",
      "ünï ✓",
      "new\nline",
      "-rf",
      "*",
      "'\"\\$(x)",
      "%2F+&?#=",
      ".hidden",
      "x".repeat(255),
    ];
    for (const name of names) {
      const path = `/root/odd/${name}`;
      expect(await files().write(vm, path, `<${name}>`), name).toMatchObject({ path, name, type: "file" });
      expect(await files().read(vm, path), name).toBe(`<${name}>`);
    }
    const listed = await files().list(vm, "odd", { pageSize: 3 });
    expect(listed.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
    const bytes = randomBytes(100_000);
    await files().write(vm, "bytes", bytes, { mode: "0600" });
    expect(Buffer.from(await files().read(vm, "bytes", { format: "bytes" })).equals(bytes)).toBe(true);
    expect(await sh(client, vm, "stat -c '%a %U %s' bytes; rm -r odd; ls -A")).toMatch(/^600 root 100000\n/);
  });

  test(`of ${LARGE_MIB} MiB go and come as streams`, async () => {
    const sent = createHash("sha256");
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let left = LARGE_MIB; left > 0; left -= 1) {
        const piece = randomBytes(MIB);
        sent.update(piece);
        yield piece;
      }
    }
    expect((await files().write(vm, "large", source())).sizeBytes).toBe(LARGE_MIB * MIB);
    const received = createHash("sha256");
    for await (const piece of await files().read(vm, "large", { format: "stream" })) received.update(piece);
    expect(received.digest("hex")).toBe(sent.digest("hex"));
    await files().remove(vm, "large");
  });

  test("a file is whole or not at all, and one that is replaced stays whose it is", async () => {
    await sh(client, vm, "echo old >kept && chown nobody kept && chmod 751 kept");
    async function* breaksOff(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("half");
      throw new Error("the source ends");
    }
    await failure(files().write(vm, "kept", breaksOff())).toThrow();
    expect(await files().read(vm, "kept")).toBe("old\n");
    await files().write(vm, "kept", "new");
    expect(await sh(client, vm, "stat -c '%a %U' kept; ls -A | grep part || true")).toBe("751 nobody");
  });

  test("links are told as links, followed to be read and written, and removed alone", async () => {
    await sh(
      client,
      vm,
      "mkdir -p real/deep && echo x >real/deep/file && ln -s real/deep/file link && ln -s real folder && ln -s nowhere lost",
    );
    expect(await files().stat(vm, "link")).toMatchObject({ type: "symlink", linkTarget: "real/deep/file" });
    expect(await files().stat(vm, "link", { followLinks: true })).toMatchObject({
      type: "file",
      sizeBytes: 2,
    });
    expect(await files().read(vm, "link")).toBe("x\n");
    await files().write(vm, "link", "y");
    expect(await files().exists(vm, "lost")).toBe(true);
    await failure(files().stat(vm, "lost", { followLinks: true })).toMatchObject({ code: "file_not_found" });
    const paths = (await files().list(vm, "/root", { depth: 9 })).map(({ path }) => path);
    expect(paths).toContain("/root/real/deep/file");
    expect(paths.filter((path) => path.startsWith("/root/folder/"))).toEqual([]);
    await files().remove(vm, "folder", { recursive: true });
    await files().remove(vm, "link");
    expect(await sh(client, vm, "cat real/deep/file")).toBe("y");
  });

  test("what is not as it should be is said", async () => {
    await files().makeDir(vm, "dir/below", { mode: "0700" });
    await failure(files().makeDir(vm, "dir")).toMatchObject({ status: 409, code: "file_exists" });
    await failure(files().read(vm, "none")).toMatchObject({
      status: 404,
      code: "file_not_found",
      field: "path",
    });
    await failure(files().read(vm, "dir")).toMatchObject({ status: 409, code: "is_a_directory" });
    await failure(files().write(vm, "dir", "x")).toMatchObject({ status: 409, code: "is_a_directory" });
    await failure(files().list(vm, "/etc/passwd")).toMatchObject({ status: 409, code: "not_a_directory" });
    await failure(files().write(vm, "/etc/passwd/x", "x")).toMatchObject({ code: "not_a_directory" });
    await failure(files().remove(vm, "dir")).toMatchObject({ status: 409, code: "folder_not_empty" });
    await failure(files().write(vm, "/dev/null", "x")).toMatchObject({ status: 422, code: "file_failed" });
    await failure(files().rename(vm, "dir", "/dev/shm/dir")).toMatchObject({
      status: 422,
      code: "file_failed",
    });
    expect(await files().read(vm, "/proc/version")).toContain("Linux");
    expect(await files().exists(vm, "none")).toBe(false);
  });

  test("a folder is watched: create, write, chmod, rename and remove, also in what is made meanwhile", async () => {
    await files().makeDir(vm, "watched");
    const watch = await files().watch(vm, "watched", { recursive: true });
    await files().makeDir(vm, "watched/sub");
    await sh(
      client,
      vm,
      "cd watched/sub && echo x >file && mv file moved && chmod 600 moved && rm moved && touch /root/watched/end",
    );
    const seen = await until(watch, ({ path }) => path.endsWith("/end"));
    expect(seen.filter(({ type }) => type === "rename").map(({ path }) => path)).toEqual([
      "/root/watched/sub/file",
      "/root/watched/sub/moved",
    ]);
    const kinds = new Set(seen.map(({ type, path }) => `${type} ${path.slice("/root/watched/".length)}`));
    for (const kind of ["create sub", "create sub/file", "chmod sub/moved", "remove sub/moved", "create end"])
      expect(kinds).toContain(kind);
    const ended = await files().watch(vm, "watched");
    await files().remove(vm, "watched", { recursive: true });
    await failure(until(ended, () => false)).toMatchObject({ code: "file_not_found" });
  });

  test("that events were lost is said", async () => {
    await files().makeDir(vm, "flood");
    const queue = "/proc/sys/fs/inotify/max_queued_events";
    const usual = await sh(client, vm, `cat ${queue} && echo ${QUEUED_EVENTS} >${queue}`);
    const watch = await files().watch(vm, "flood");
    await sh(client, vm, `echo ${usual} >${queue}`);
    expect(await client.vms.run(vm, ["python3", "-c", FLOOD])).toMatchObject({ exitCode: 0 });
    const seen = await until(watch, ({ type }) => type === "overflow");
    expect(seen.at(-1)).toEqual({ type: "overflow", path: "" });
  });

  test("another organisation reaches none, and of a paused VM nobody does", async () => {
    const other = client.withOptions({ apiKey: addOrganisation(daemon.dataDir, "others").key });
    await failure(other.vms.files.read(vm, "/etc/hostname")).toMatchObject({
      status: 404,
      code: "not_found",
    });
    await failure(other.vms.files.write(vm, "x", "x")).toMatchObject({ status: 404, code: "not_found" });
    const watch = await files().watch(vm, "/root");
    await client.vms.pause(vm);
    await failure(until(watch, () => false)).toMatchObject({ code: expect.any(String) });
    await failure(files().read(vm, "/etc/hostname")).toMatchObject({ status: 409, code: "vm_wrong_state" });
    await client.vms.resume(vm);
    expect(await files().read(vm, "kept")).toBe("new");
  });
});

/** The events up to one. */
async function until(
  watch: AsyncIterable<FileEvent>,
  isLast: (event: FileEvent) => boolean,
): Promise<FileEvent[]> {
  const seen: FileEvent[] = [];
  for await (const event of watch) {
    seen.push(event);
    if (isLast(event)) return seen;
  }
  return seen;
}

/** The published client of sandboxes, as it comes from npm, and its command, unchanged against a real VM. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createKey } from "@fastvm/daemon";
import { Sandbox, SandboxNotFoundError } from "microsandbox";
import { PublishedSandboxes } from "../harness/published-sandboxes.ts";
import { SharedDaemon } from "../harness/shared-daemon.ts";
import { IMPORT_FOLDER } from "../harness/shared-settings.ts";

/** On a machine that may be busy with others. */
const TIMEOUT_MS = 400_000;
/** Of which there is a template already: one of a size of its own takes a boot. */
const MEMORY_MIB = 2048;

const BUNDLE = "/etc/ssl/certs/ca-certificates.crt";

let daemon: SharedDaemon;
let published: PublishedSandboxes;
let sandbox: Sandbox;

beforeAll(async () => {
  daemon = await SharedDaemon.join();
  // Of the first organisation, whose the host is.
  const { key } = await createKey(daemon.dataDir, { api: "microsandbox" });
  published = new PublishedSandboxes(daemon.url, key);
  sandbox = await Sandbox.builder("one")
    .image("base")
    .memory(MEMORY_MIB)
    .env("A", "b")
    .workdir("/srv")
    .create();
}, TIMEOUT_MS);

afterAll(async () => {
  await Sandbox.remove("one").catch(() => undefined);
  await daemon?.[Symbol.asyncDispose]();
  published?.[Symbol.dispose]();
});

const msb = (...args: string[]): Promise<string> => published.msb(...args);

test("commands run, are fed, are ended by signals, and say why they did not start", async () => {
  const output = await sandbox.shell("pwd; echo $A; echo to-stderr >&2; exit 3");
  expect([output.code, output.stdout(), output.stderr()]).toEqual([3, "/srv\nb\n", "to-stderr\n"]);
  const fed = await sandbox.execStreamWith("cat", (options) => options.stdinPipe());
  const input = await fed.takeStdin();
  await input?.write("through a pipe\n");
  await input?.close();
  expect((await fed.collect()).stdout()).toBe("through a pipe\n");
  const told = await sandbox.execStream("sh", ["-c", "echo $$"]);
  const started = await told.recv();
  expect(started).toMatchObject({ kind: "started" });
  expect((await told.collect()).stdout()).toBe(`${started?.kind === "started" ? started.pid : ""}\n`);
  const byItself = await sandbox.shell("kill -TERM $$");
  expect(byItself.code).toBe(-1);
  const sleeping = await sandbox.execStream("sleep", ["1000"]);
  await sleeping.signal(15);
  expect(await sleeping.wait()).toMatchObject({ code: -1 });
  await expect(sandbox.exec("no-such-program")).rejects.toThrow(/no-such-program|not found/i);
});

test("files go in and come out", async () => {
  const bytes = Buffer.alloc(4 * 1024 * 1024, "x");
  const files = sandbox.fs();
  await files.write("/srv/a", bytes);
  expect(Buffer.from(await files.read("/srv/a")).equals(bytes)).toBe(true);
  expect((await sandbox.shell("wc -c < /srv/a")).stdout().trim()).toBe(String(bytes.length));
  await expect(files.read("/none")).rejects.toThrow(/No such file or directory \(os error 2\)/);
});

test("the command msb sees and uses the same sandbox, stops it and starts it again", async () => {
  expect(await msb("ls")).toMatch(/one\s+\S+\s+running/);
  expect(await msb("exec", "one", "--", "sh", "-c", "echo from-$A >/srv/kept; cat /srv/kept")).toBe(
    "from-b\n",
  );
  await msb("stop", "one");
  expect(await Sandbox.get("one")).toMatchObject({ status: "stopped" });
  await msb("start", "one");
  expect(await msb("exec", "one", "--", "cat", "/srv/kept")).toBe("from-b\n");
  await Sandbox.get("one").then((handle) => handle.stop());
  await msb("rm", "one");
  await expect(Sandbox.get("one")).rejects.toThrow(SandboxNotFoundError);
});

test("msb runs a command in a sandbox of its own", async () => {
  expect(await msb("run", "--memory", `${MEMORY_MIB}M`, "base", "--", "echo", "from a sandbox")).toContain(
    "from a sandbox\n",
  );
});

/** What the client has no words for on this backend, or would have to be asked for in many. */
async function create(spec: object): Promise<{ status: string; last_failure_message: string | null }> {
  const url = `${daemon.url}/v1/sandboxes?start=true&wait_for=running&wait_timeout=90`;
  const headers = {
    authorization: `Bearer ${process.env["MSB_API_KEY"]}`,
    "content-type": "application/json",
  };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(spec) });
  let now = (await answer.json()) as Awaited<ReturnType<typeof create>> & { id: string };
  // A busy machine takes longer than the server waits.
  while (now.status === "starting") {
    await new Promise((resolve) => setTimeout(resolve, 500));
    now = (await (await fetch(`${daemon.url}/v1/sandboxes/${now.id}`, { headers })).json()) as typeof now;
  }
  return now;
}

test("a root is changed before its first boot, and what runs in it is limited as it says", async () => {
  const host = join(IMPORT_FOLDER, "of-sandboxes");
  mkdirSync(join(host, "deep"), { recursive: true });
  writeFileSync(join(host, "deep/b"), "of the host\n", { mode: 0o644 });
  const spec = {
    name: "changed",
    image: { Oci: { reference: "base" } },
    resources: { cpus: 1, memory_mib: MEMORY_MIB },
    runtime: { scripts: { greet: "#!/bin/sh\necho hello from $0\n" }, user: "nobody:daemon" },
    rlimits: [
      { resource: "Nofile", soft: 100, hard: 200 },
      { resource: "Sigpending", soft: 500, hard: 600 },
    ],
    patches: [
      { Text: { path: "/etc/app/a.conf", content: "one\n", mode: 0o640, replace: false } },
      { Append: { path: "/etc/app/a.conf", content: "two\n" } },
      { File: { path: "/etc/app/bytes", content: [0, 255], mode: null, replace: false } },
      { Symlink: { target: "a.conf", link: "/etc/app/link", replace: false } },
      { Mkdir: { path: "/etc/app/folder", mode: 0o700 } },
      { Remove: { path: "/etc/motd" } },
      { CopyFile: { src: join(host, "deep/b"), dst: "/opt/one", mode: 0o444, replace: false } },
      { CopyDir: { src: host, dst: "/opt/all", replace: false } },
      { Remove: { path: BUNDLE } },
    ],
    network: { enabled: true, trust_host_cas: true },
    init: { cmd: "auto", args: [], env: [["FROM_INIT", "yes"]] },
    security_profile: "restricted",
  };
  await expect(create(spec)).resolves.toMatchObject({ status: "running", last_failure_message: null });
  const changed = await Sandbox.get("changed").then((handle) => handle.connect());
  const say = async (script: string) => (await changed.shell(script)).stdout();
  expect(await say("cat /etc/app/link 2>&1; stat -c '%a %F' /etc/app/* | sort; ls /etc/motd 2>&1")).toBe(
    [
      "cat: /etc/app/link: Permission denied",
      ...["640 regular file", "644 regular file", "700 directory", "777 symbolic link"],
      "ls: cannot access '/etc/motd': No such file or directory\n",
    ].join("\n"),
  );
  const files = changed.fs();
  expect(Buffer.from(await files.read("/etc/app/link")).toString()).toBe("one\ntwo\n");
  expect([...Buffer.from(await files.read("/etc/app/bytes"))]).toEqual([0, 255]);
  expect(await say("greet; ulimit -Sn; ulimit -Hn; id -un; id -gn; grep NoNewPrivs /proc/self/status")).toBe(
    "hello from /.msb/scripts/greet\n100\n200\nnobody\ndaemon\nNoNewPrivs:\t1\n",
  );
  expect(Buffer.from(await files.read("/proc/1/limits")).toString()).toMatch(
    /^Max pending signals +500 +600 +signals/m,
  );
  expect(Buffer.from(await files.read("/proc/1/environ")).toString()).toContain("FROM_INIT=yes");
  expect(await say("stat -c %a /opt/one; cat /opt/one /opt/all/deep/b")).toBe(
    "444\nof the host\nof the host\n",
  );
  const authorities = (bundle: string) => bundle.match(/BEGIN CERTIFICATE/g)?.length;
  const trusted = Buffer.from(await files.read(BUNDLE)).toString();
  expect(authorities(trusted)).toBe(authorities(readFileSync(BUNDLE, "utf8")));
  await Sandbox.remove("changed");
  rmSync(host, { recursive: true });
  const failed = { ...spec, name: "failed", patches: [{ Append: { path: "/no/such", content: "" } }] };
  await expect(create(failed)).resolves.toMatchObject({
    status: "failed",
    last_failure_message: expect.stringContaining("patches.0: /no/such is not there") as string,
  });
  await Sandbox.remove("failed");
});

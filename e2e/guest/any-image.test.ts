/** VMs of images of every kind: each is unpacked and booted once, side by side, compared with what umoci makes of it, and then used. */
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { runCli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";
import { IMAGE_KINDS, ImageKinds } from "../harness/image-kinds.ts";
import type { ImageKind } from "../harness/image-kinds.ts";
import { NOBODY_UID, pathsIn, reachedBy } from "../harness/other-user.ts";

interface Expected {
  /** What runs as process 1; the agent's has no file any more. */
  readonly init: RegExp;
  /** What it is given of ours: an image of Debian lacks no more than curl. */
  readonly tools: readonly string[];
  readonly path: string;
  readonly folder: string;
}

const AGENT = /^\/init( \(deleted\))?$/;
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const ALL = ["busybox", "curl", "tar"];
const EXPECTED: Readonly<Record<ImageKind, Expected>> = {
  scratch: { init: AGENT, tools: ALL, path: PATH, folder: "/root" },
  // As its maker says.
  busybox: { init: AGENT, tools: ALL, path: "/opt/bin:/bin", folder: "/srv/app" },
  slim: { init: AGENT, tools: ["curl"], path: PATH, folder: "/root" },
  python: { init: AGENT, tools: ["curl"], path: PATH, folder: "/root" },
  systemd: { init: /systemd$/, tools: ["curl"], path: PATH, folder: "/root" },
};
const PORT = 8080;
const DEADLINE_MS = 30_000;
/** Of all images together, on a machine that has other things to do. */
const MAKING_LIMIT_MS = 600_000;
/** Longer than the daemon gives an image to boot, as that says what the console had come to, and the SDK only how long it waited. */
const LAUNCH_LIMIT_MS = 500_000;

let daemon: TestDaemon;
let client: FastvmClient;
let kinds: ImageKinds;
let folder: string;
let vms: ReadonlyMap<ImageKind, Vm>;
let unpacked: ReadonlyMap<ImageKind, readonly string[]>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-any-image-"));
  daemon = await TestDaemon.start({ poolSize: 0 });
  client = daemon.client;
  kinds = await ImageKinds.make(daemon.config.cacheDir);
  await good(["image", "load", "--input", kinds.archive]);
  // Much of it is waiting, and what umoci does is no guest's.
  [vms, unpacked] = await Promise.all([ofEach(launch), ofEach((kind) => kinds.byUmoci(kind))]);
}, MAKING_LIMIT_MS);

afterAll(async () => {
  await good(["image", "rm", "--everybody", ...IMAGE_KINDS.map((kind) => kinds.nameOf(kind))]);
  await daemon[Symbol.asyncDispose]();
  await kinds[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function ofEach<T>(make: (kind: ImageKind) => Promise<T>): Promise<ReadonlyMap<ImageKind, T>> {
  return new Map(await Promise.all(IMAGE_KINDS.map(async (kind) => [kind, await make(kind)] as const)));
}

async function good(args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runCli(args, daemon.environment);
  expect(exitCode, `fastvm ${args.join(" ")}: ${stderr}`).toBe(0);
  return stdout.trim();
}

const launch = async (kind: ImageKind, name: string = kind): Promise<Vm> =>
  await client.vms.launch(
    { machineType: "c1m2", image: kinds.nameOf(kind), name, envVars: { GIVEN: "by the launch" } },
    undefined,
    { timeoutMs: LAUNCH_LIMIT_MS },
  );

describe.each(IMAGE_KINDS)("an image of the kind %s", (kind) => {
  let vm: Vm;

  beforeAll(() => {
    const launched = vms.get(kind);
    if (launched === undefined) throw new Error(`there is no VM of ${kind}`);
    vm = launched;
  });

  afterAll(() => client.vms.delete(vm));

  test("is unpacked as umoci does it", async () => {
    expect(await kinds.byUs(kind)).toEqual(unpacked.get(kind));
  });

  test("boots what it has, runs commands, and is somebody of its own", async () => {
    const expected = EXPECTED[kind];
    expect(await sh(client, vm, "readlink /proc/1/exe")).toMatch(expected.init);
    expect(await sh(client, vm, 'echo "$PATH"; pwd')).toBe(
      `${expected.path}:/.fastvm/bin\n${expected.folder}`,
    );
    const given = "cd /.fastvm/bin; for each in busybox curl tar; do [ ! -e $each ] || echo $each; done";
    expect((await sh(client, vm, given)).split("\n")).toEqual(expected.tools);
    expect(await client.vms.run(vm, ["tar", "--version"])).toMatchObject({ exitCode: 0 });
    expect(await client.vms.run(vm, 'echo "$GIVEN"; exit 3')).toMatchObject({
      exitCode: 3,
      stdout: "by the launch\n",
    });
    const said =
      "cat /proc/sys/kernel/hostname /etc/machine-id /etc/resolv.conf; grep -c localhost /etc/hosts";
    expect((await sh(client, vm, said)).split("\n")).toEqual([
      kind,
      vm.id.replaceAll("-", ""),
      "nameserver 192.0.0.1",
      expect.stringMatching(/^[1-9]/) as string,
    ]);
    // Pipes by the name that shells give them, and memory that is shared by name.
    expect(await sh(client, vm, "echo piped | cat /dev/fd/0; test -c /dev/ptmx; test -d /dev/shm")).toBe(
      "piped",
    );
    expect(await sh(client, vm, "test -w /tmp; test -w /var/tmp; echo $?")).toBe("0");
    expect(await client.vms.run(vm, ["sh", "-c", "id -u"], { user: "root" })).toMatchObject({
      stdout: "0\n",
    });
  });

  test("has files, folders, a console and services", async () => {
    const local = join(folder, kind);
    await mkdir(join(local, "www", "deep"), { recursive: true });
    await writeFile(join(local, "www", "page"), `served by ${kind}`);
    await client.upload(vm, join(local, "www"), "/tmp/www");
    await client.upload(vm, "/bin/busybox", "/tmp/busybox");
    expect(await client.vms.files.read(vm, "/tmp/www/page")).toBe(`served by ${kind}`);
    await client.download(vm, "/tmp/www", join(local, "folder"));
    await client.download(vm, "/tmp/busybox", join(local, "busybox"));
    expect(await readFile(join(local, "folder", "page"), "utf8")).toBe(`served by ${kind}`);
    expect(await readFile(join(local, "busybox"))).toEqual(await readFile("/bin/busybox"));

    // Its resolver is outside: what comes back has been through its network.
    const asked = await sh(client, vm, "/tmp/busybox nslookup no.such.host.invalid 2>&1; true");
    expect(asked).toMatch(/192\.0\.0\.1[^]*(NXDOMAIN|SERVFAIL|REFUSED)/);

    const terminal = await client.vms.pty.create(vm);
    await client.vms.pty.sendInput(vm, terminal.id, "tty; exit 4\n");
    const ended = await terminal.wait();
    expect(ended).toMatchObject({ exitCode: 4, stdout: expect.stringMatching(/\/dev\/pts\/\d/) as string });

    await sh(client, vm, `/tmp/busybox httpd -p ${PORT} -h /tmp/www`);
    const service = await client.vms.services.register(vm, { name: "web", port: PORT });
    const served = await fetch(`${service.pathUrl}/page`);
    expect(await served.text()).toBe(`served by ${kind}`);
  });
});

test("an image can be made ready for a machine type, whose first launch boots nothing then", async () => {
  await good(["image", "warm", kinds.nameOf("scratch"), "--machine", "c2m4"]);
  const made = await kinds.templatesOf("scratch", "c2m4");
  expect(made).toHaveLength(1);
  const vm = await client.vms.launch({ machineType: "c2m4", image: kinds.nameOf("scratch") });
  expect(await sh(client, vm, "nproc")).toBe("2");
  expect(await kinds.templatesOf("scratch", "c2m4")).toEqual(made);
  await client.vms.delete(vm);
});

test("what was made of images opens for nobody else on the host, a VM's own user among them", async () => {
  const vm = await launch("busybox", "curious");
  const paths = await pathsIn(await kinds.folderOf("python"));
  expect(paths.length).toBeGreaterThan(3);
  const { uid } = await stat(join(daemon.config.dataDir, "vms", vm.id, "disk", "2.qcow2"));
  expect(uid).not.toBe(0);
  for (const user of [NOBODY_UID, uid]) expect(await reachedBy(user, paths)).toEqual([]);
  await client.vms.delete(vm);
});

test("a lone program needs nothing else, and Python runs", async () => {
  const [scratch, python] = await Promise.all([launch("scratch", "program"), launch("python", "snake")]);
  expect(await client.vms.run(scratch, ["/program", "hello"])).toMatchObject({
    exitCode: 7,
    stdout: "2 hello\n",
  });
  expect(await client.vms.run(python, ["python3", "-c", "print(6 * 7)"])).toMatchObject({ stdout: "42\n" });
  await Promise.all([client.vms.delete(scratch), client.vms.delete(python)]);
});

test("variables and folder of the image are in force in copies of a VM too, and its command line copies as well", async () => {
  const vm = await launch("busybox", "original");
  const { children } = await client.vms.fork(vm, { count: 1 });
  const child = children[0]?.vm;
  if (child === undefined) throw new Error("the fork has no child");
  const said = 'echo "$GREETING $GIVEN"; pwd; id -u';
  expect(await sh(client, child, said)).toBe("hello from the image by the launch\n/srv/app\n0");
  const own = { env: { GREETING: "mine" }, cwd: "/" };
  expect(await client.vms.run(child, 'echo "$GREETING"; pwd', own)).toMatchObject({ stdout: "mine\n/\n" });
  // Whoever takes the folder away has a VM still.
  expect(await sh(client, child, "rm -r /srv/app; pwd")).toBe("/srv/app");
  expect(await sh(client, child, "pwd")).toBe("/root");
  const copied = join(folder, "passwd");
  await good(["cp", `${child.id}:/etc/passwd`, copied]);
  await good(["cp", copied, `${child.id}:/tmp/copied`]);
  expect(await sh(client, child, "cmp /etc/passwd /tmp/copied; echo $?")).toBe("0");
  await Promise.all([vm, child].map((each) => client.vms.delete(each)));
});

test("users are those of the image, its configuration is told, and its programs end before it powers off", async () => {
  const vm = await launch("busybox", "ending");
  expect(await client.vms.run(vm, ["id"], { user: "app" })).toMatchObject({
    stdout: "uid=1000(app) gid=1000(app) groups=1000(app),1001(extra)\n",
  });
  expect(await good(["image", "inspect", kinds.nameOf("busybox")])).toMatch(
    /in 130 layers[^]*Entrypoint: +\["\/bin\/sh","-c"\][^]*Folder: +\/srv\/app\nUser: +app/,
  );
  const script = 'trap "echo told; exit 5" TERM; echo ready >/tmp/ready; while :; do sleep 0.1; done';
  const program = client.vms.run(vm, ["sh", "-c", script]);
  await eventually(async () => expect(await sh(client, vm, "cat /tmp/ready")).toBe("ready"), DEADLINE_MS);
  void client.vms.run(vm, "poweroff").catch(() => undefined);
  expect(await program).toMatchObject({ exitCode: 5, stdout: "told\n" });
  await eventually(async () => {
    expect((await client.vms.get(vm)).status).not.toBe("running");
  }, DEADLINE_MS);
  await client.vms.delete(vm);
});

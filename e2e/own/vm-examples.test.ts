/**
 * Every example of the commands that speak to the API, typed against real VMs in an order in which each finds what it names. Those of
 * whoever runs the host are in host-examples.test.ts.
 */
import { execFile } from "node:child_process";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { FastvmClient, Vm } from "fastvm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { ExampleTypist } from "../harness/example-typist.ts";
import { freePort } from "../harness/free-port.ts";
import { sh } from "../harness/guest.ts";
import { isOfHost } from "../harness/host-commands.ts";
import { ObjectStore } from "../harness/object-store.ts";

const ID = "0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001";
const SHORT_ID = "0b9c5f2e";
const SOON_MS = 30_000;

let daemon: TestDaemon;
let store: ObjectStore;
let typist: ExampleTypist;
let client: FastvmClient;
let dev: Vm;
/** Of the second example of a launch. */
let labelled: string;

beforeAll(async () => {
  [daemon, store] = await Promise.all([
    TestDaemon.start({ settings: { bucketNetworks: ["127.0.0.0/8"] } }),
    ObjectStore.start(),
  ]);
  client = daemon.client;
  typist = await ExampleTypist.open(daemon.environment);
  await makeKey();
});

afterAll(async () => {
  await typist?.[Symbol.asyncDispose]();
  await store?.[Symbol.asyncDispose]();
  await daemon?.[Symbol.asyncDispose]();
});

/** For ssh, which asks nobody but the system's list of users where its home is. */
async function makeKey(): Promise<void> {
  const folder = join(typist.home, ".ssh");
  await mkdir(folder, { mode: 0o700 });
  const key = join(folder, "id_ed25519");
  await promisify(execFile)("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  const settings = `IdentityFile ${key}\nUserKnownHostsFile ${join(folder, "known_hosts")}\n`;
  await writeFile(join(folder, "config"), settings);
  const ssh = join(typist.home, "ssh");
  await writeFile(ssh, `#!/bin/sh\nexec /usr/bin/ssh -F '${join(folder, "config")}' "$@"\n`);
  await chmod(ssh, 0o755);
}

test("a VM is launched, shown and asked", async () => {
  await typist.type("launch");
  labelled = (await typist.type("launch", { nth: 1 })).trim();
  const idle = (await typist.type("launch", { nth: 2 })).trim();
  await typist.enter(`rm -y ${idle}`);
  dev = await client.vms.get("dev");
  expect(await typist.type("ls")).toMatch(/^dev +running$/m);
  expect(await typist.type("ps")).toContain("dev");
  expect(await typist.type("ps", { nth: 1 })).toContain(labelled);
  expect(await typist.type("inspect")).toBe(`${dev.publicIpv6}\n`);
  expect(await typist.type("vm get")).toContain(dev.id);
  expect(await typist.type("wait")).toContain("running");
  expect(await typist.type("exec")).toMatch(/^Linux /);
  expect(await typist.type("exec", { nth: 1 })).toBe("1 in /tmp\n");
  expect(await typist.type("run")).toMatch(/^Python 3/);
  expect(await typist.type("top")).toContain("PID");
  expect(await typist.type("stats")).toContain("dev");
  await typist.type("stats", { nth: 1 });
  await typist.type("logs");
  await typist.type("quota");
  await typist.type("df");
});

test("it changes, and files go there and back", async () => {
  await typist.type("update");
  await typist.type("update", { nth: 1 });
  expect(await client.vms.get(dev)).toMatchObject({ metadata: { tier: "2" } });
  await typist.type("cp");
  expect(await typist.type("cp", { nth: 1 })).toContain("# FastVM");
  await sh(client, dev, "touch /etc/made-here");
  expect(await typist.type("diff")).toContain("/etc/made-here");
});

test("snapshots and copies are made of it", async () => {
  await typist.type("snapshot create");
  await sh(client, dev, "touch /root/made-since");
  expect(await typist.type("diff", { nth: 1 })).toContain("/root/made-since");
  expect(await typist.type("snapshot ls")).toContain("ready");
  expect(await typist.type("snapshot tree")).toContain("ready");
  await typist.type("snapshot restore");
  await typist.type("snapshot rename");
  await typist.enter("snapshot rename done ready");
  await typist.type("fork");
  const names = (await client.vms.list()).map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["branch", "left", "right"]));
  await typist.enter("rm -y branch left right");
  await typist.type("snapshot rm");
  await typist.type("pause");
  expect((await client.vms.get(dev)).status).toBe("paused");
  await typist.type("resume");
});

test("its ports, its firewall and its keys lead into it", async () => {
  const page = "mkdir /srv/www; cd /srv/www; echo served >index.html";
  await sh(client, dev, `${page}; setsid python3 -m http.server -b :: 80 >/dev/null 2>&1 &`);
  const here = String(await freePort());
  const served = () => fetch(`http://127.0.0.1:${here}/`).then((answer) => answer.text());
  await typist.atTerminal(
    "port",
    130,
    async (terminal) => {
      await terminal.shows(/Ctrl-C ends it/);
      expect(await eventually(served, SOON_MS)).toBe("served\n");
      await terminal.press("C-c");
    },
    { nth: 1, names: { 8080: here } },
  );
  expect(await typist.type("service add")).toContain("web");
  expect(await typist.type("service ls")).toContain("8000");
  expect(await typist.type("port")).toContain("web");
  await typist.type("service rm");

  expect(await typist.type("firewall get")).not.toBe("");
  const rules = async () => (await client.vms.firewall.get(dev)).policy.ingress?.rules;
  await typist.type("firewall set");
  expect(await rules()).toHaveLength(2);
  await typist.type("firewall patch");
  expect(await rules()).toHaveLength(1);
  await typist.type("ssh-key add");
  const [fingerprint = ""] = /SHA256:\S+/.exec(await typist.type("ssh-key ls")) ?? [];
  await typist.atTerminal(
    "ssh",
    3,
    async (terminal) => {
      await terminal.shows(/root@dev/);
      expect(await served()).toBe("served\n");
      await terminal.enter("exit 3");
    },
    { names: { "8080:": `${here}:` } },
  );
  await typist.type("ssh-key rm", { names: { "SHA256:2q0mLyvLmZxj": fingerprint } });
});

test("at a terminal one is in it", async () => {
  await typist.atTerminal("console", 0, async (terminal) => {
    await terminal.shows(/root@dev/);
    await terminal.enter("echo in-$(hostname)");
    await terminal.shows(/^in-dev$/m);
    await terminal.press("C-]");
  });
  const id = (await typist.enter("exec -d dev 'echo begun; exec sleep 1000'")).trim();
  const names = { [SHORT_ID]: id };
  await typist.atTerminal(
    "attach",
    143,
    async (terminal) => {
      await terminal.shows(/^begun$/m);
      await typist.type("kill", { names });
    },
    { names },
  );
});

test("what happened is told, and sent", async () => {
  expect(await typist.type("events")).toContain("vm.");
  await typist.atTerminal(
    "events",
    130,
    async (terminal) => {
      await terminal.shows(/vm\.resumed|vm\.launch_succeeded/);
      await terminal.press("C-c");
    },
    { nth: 1 },
  );
  expect(await typist.type("audit")).not.toBe("");
  await typist.type("audit", { nth: 1 });
  const [id = ""] = (await typist.type("webhook create")).split(" ");
  const names = { [ID]: id };
  expect(await typist.type("webhook ls")).toContain("hooks.example");
  await typist.type("webhook update", { names });
  await typist.type("webhook deliveries", { names });
  await typist.enter(`webhook update ${id} --enable`);
  expect(await typist.type("webhook replay", { names })).toContain("0 are sent again");
  await typist.type("webhook rm", { names });
});

test("volumes have files with and without a VM", async () => {
  await typist.type("volume create");
  expect(await typist.type("volume ls")).toContain("data");
  expect(await typist.type("volume get")).toContain("10");
  await typist.type("volume resize");
  await typist.type("volume files mkdir");
  await typist.type("volume cp");
  expect(await typist.type("volume files cat")).toContain("# FastVM");
  await typist.type("volume attach");
  expect(await sh(client, dev, "head -n 1 /mnt/data/README.md")).toContain("FastVM");
  await typist.type("volume detach");
  for (const nth of [0, 1]) await watchVolume(nth);
  await typist.type("volume files mv");
  await typist.type("volume files rm");
  expect(await typist.type("volume files ls")).toContain("notes/");
  await typist.type("volume rm");
});

/** Until it shows one of the files that are made meanwhile, as it does not say from when on it watches. */
async function watchVolume(nth: number): Promise<void> {
  const [volume] = await client.volumes.list();
  await typist.atTerminal(
    "volume files watch",
    130,
    async (terminal) => {
      await eventually(async () => {
        await client.volumes.files.write(volume?.id ?? "", `/notes/of-watch-${nth}`, "made");
        expect(await terminal.screen()).toContain(`of-watch-${nth}`);
      }, SOON_MS);
      await terminal.press("C-c");
    },
    { nth },
  );
}

test("a bucket is a folder of it", async () => {
  await mkdir(join(typist.home, ".aws"));
  await writeFile(join(typist.home, ".aws", "credentials"), store.credentials().value.data);
  await store.makeBucket("pictures");
  await store.put("pictures/first.txt", "hello");
  const id = (await typist.type("bucket attach")).trim();
  expect(await sh(client, dev, "cat /mnt/pictures/first.txt")).toBe("hello");
  expect(await typist.type("bucket ls")).toContain("s3://pictures");
  const names = { MOUNT: id };
  expect(await typist.type("bucket rotate", { names })).toBe("mounted\n");
  await typist.type("bucket detach", { names });
});

test("it stops, starts and goes", async () => {
  await typist.type("stop");
  expect((await client.vms.get(dev)).status).toBe("stopped");
  await typist.type("start");
  await typist.type("restart");
  await typist.type("rename");
  await typist.enter("rename prod dev");
  await typist.type("rm");
  await typist.type("prune");
  await client.vms.pause(labelled);
  expect(await typist.type("prune", { nth: 1 })).toContain(labelled.slice(0, SHORT_ID.length));
  expect(await client.vms.list()).toEqual([]);
});

test("no example is left", () => {
  expect(typist.untyped((path) => !isOfHost(path))).toEqual([]);
});

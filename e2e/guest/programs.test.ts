/**
 * A browser without a screen, a database and container engines of Debian's in a VM, in use. The host has installed them into a copy of
 * the base image; with FASTVM_TEST_PROGRAMS=in-guest an emulated guest does, for minutes, as it does with Docker in `containers.test.ts`.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { APT_INSTALL, APT_UPDATE } from "../harness/apt.ts";
import { CONTAINER_INPUT } from "../harness/container-input.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { sh } from "../harness/guest.ts";
import { preparedImage } from "../harness/prepared-image.ts";

const IN_GUEST = process.env["FASTVM_TEST_PROGRAMS"] === "in-guest";
const PACKAGES = ["chromium-headless-shell", "postgresql", "podman", "buildah"];
/** Of the image, and of all that an emulated guest does in one test. */
const DEADLINE_MS = 1_500_000;

const PAGE = "<title>before</title><script>document.title = 'after ' + 6 * 7</script><p>hello</p>";

/** As root it wants no sandbox of its own; the VM is one. */
const CHROMIUM = "chromium-headless-shell --no-sandbox --disable-gpu --virtual-time-budget=10000";

let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;

beforeAll(async () => {
  const settings = IN_GUEST ? {} : { imageDir: await preparedImage(PACKAGES) };
  daemon = await TestDaemon.start({ settings });
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c2m4", name: "programs" });
  if (IN_GUEST) await run(`${APT_UPDATE} && ${APT_INSTALL} ${PACKAGES.join(" ")}`);
}, DEADLINE_MS);

afterAll(() => daemon[Symbol.asyncDispose]());

async function run(command: string, where = vm): Promise<string> {
  return await sh(client, where, command, { timeoutMs: DEADLINE_MS });
}

/** What a command printed last. */
async function lastLine(command: string): Promise<string> {
  return (await run(command)).split("\n").at(-1) ?? "";
}

test("Chromium runs a page's script and takes a picture of it", { timeout: DEADLINE_MS }, async () => {
  await run(`mkdir -p /root/web && cd /root/web && cat > index.html <<'END'\n${PAGE}\nEND`);
  await run(
    "cd /root/web && (python3 -m http.server 8000 > /root/web.log 2>&1 &) && until curl -s localhost:8000 > /dev/null; do sleep 0.2; done",
  );
  expect(await run(`${CHROMIUM} --dump-dom http://localhost:8000/ 2> /root/chromium.log`)).toContain(
    "<title>after 42</title>",
  );
  await run(
    `cd /root && ${CHROMIUM} --screenshot=/root/page.png --window-size=320,240 http://localhost:8000/ 2>> /root/chromium.log`,
  );
  expect(await run("file -b /root/page.png")).toMatch(/^PNG image data, 320 x 240/);
});

test(
  "PostgreSQL takes transactions of many clients, also over a snapshot",
  { timeout: DEADLINE_MS },
  async () => {
    await run("cd / && su postgres -c 'createdb bench && pgbench -q -i -s 1 bench'");
    const load = run("cd / && su postgres -c 'pgbench -n -c 4 -j 2 -t 100 bench'");
    const snapshot = await client.snapshots.create({ vmId: vm.id });
    expect(await load).toContain("number of transactions actually processed: 400/400");
    const restored = await client.vms.launch({ snapshotId: snapshot.id });
    const sum =
      "cd / && su postgres -c \"psql -tAc 'select (select sum(abalance) from " +
      "pgbench_accounts) = (select sum(delta) from pgbench_history)' bench\"";
    expect(await run(sum)).toBe("t");
    expect(
      await run("cd / && until su postgres -c 'psql -c checkpoint bench'; do sleep 0.5; done", restored),
    ).toContain("CHECKPOINT");
    await client.vms.delete(restored);
    await client.snapshots.delete(snapshot);
  },
);

test("podman and buildah run and build", { timeout: DEADLINE_MS }, async () => {
  for (const command of CONTAINER_INPUT) await run(command);
  await run("podman import -q /root/root.tar tiny");
  expect(await lastLine("podman run --rm tiny cat /proc/self/uid_map")).toMatch(/^\s*0\s+0\s+4294967295$/);
  expect(await lastLine("cd /root/build && podman build -q -t built . && podman run --rm built")).toBe(
    "built",
  );
  expect(await lastLine("cd /root/build && buildah bud -q -t again . && podman run --rm again")).toBe(
    "built",
  );
});

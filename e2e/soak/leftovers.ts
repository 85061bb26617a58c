/** What a daemon has on its host beside what its records account for. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Snapshot, Vm } from "fastvm";
import type { TestDaemon } from "../harness/daemon.ts";
import { processesIn } from "../harness/processes.ts";

/** Namespaces are made ahead; see worker/src/network/spare-vm-networks.ts. */
const SPARE_NAMESPACES = 12;
/** Waiting processes, and VMs that stand by. */
const SPARE_KINDS = 2;
/** What is only there while something is under way, or was left by it. */
const PASSING = /\.(partial|new|melted|memory)$/;
const SPARE = /^(pool|standby)\//;

/** A line for each thing that should not be there, or is missing. */
export async function findLeftovers(
  daemon: TestDaemon,
  vms: readonly Vm[],
  snapshots: readonly Snapshot[],
): Promise<readonly string[]> {
  const { dataDir, cacheDir } = daemon.config;
  const idsOf = (...statuses: readonly string[]): string[] =>
    vms.filter(({ status }) => statuses.includes(status)).map(({ id }) => id);
  const ids = new Set(vms.map(({ id }) => id));
  return [
    // One whose launch was cut short never had a folder.
    ...differences("vms", without(await readdir(join(dataDir, "vms")), idsOf("error")), idsOf("running")),
    ...differences(
      "stopped",
      without(await entries(join(dataDir, "stopped")), idsOf("error")),
      idsOf("stopped"),
    ),
    ...differences("paused", await readdir(join(dataDir, "paused")), idsOf("paused")),
    ...differences(
      "snapshots",
      await readdir(join(dataDir, "snapshots")),
      snapshots.map(({ id }) => id),
    ),
    ...differences("forks", await entries(join(dataDir, "forks")), []),
    ...differences("templating", await entries(join(dataDir, "templating")), []),
    ...without(await passingFiles(dataDir), await templatesOnTheWay(daemon)),
    ...(await passingFiles(join(cacheDir, "templates"))),
    ...(await strayStaging(join(dataDir, "staging"), ids)),
    ...(await processes(daemon, idsOf("running"))),
    ...(daemon.config.network === "none" ? [] : await network(daemon, idsOf("running"))),
  ];
}

function differences(what: string, found: readonly string[], wanted: readonly string[]): string[] {
  return [
    ...found.filter((name) => !wanted.includes(name)).map((name) => `${what}: ${name} is left over`),
    ...wanted.filter((name) => !found.includes(name)).map((name) => `${what}: ${name} is missing`),
  ];
}

function without(names: readonly string[], left: readonly string[]): string[] {
  return names.filter((name) => !left.includes(name));
}

function entries(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

async function passingFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  return names
    .filter((name) => PASSING.test(name) && !SPARE.test(name))
    .map((name) => `files: ${name} is left over`);
}

/** Another daemon of the machine swept the cache, so this one makes its own anew: the name says whose it is. */
async function templatesOnTheWay(daemon: TestDaemon): Promise<string[]> {
  const pid = await daemon.pid();
  const own = new RegExp(String.raw`/templates/[^/]+\.\d+-${pid}-\d+\.[^/]+\.partial is left over$`);
  const files = await passingFiles(daemon.config.dataDir);
  return files.filter((line) => own.test(line.replace("files: ", "/")));
}

/** Objects belong to a VM, which their path names. */
async function strayStaging(folder: string, ids: ReadonlySet<string>): Promise<string[]> {
  const owners = (await entries(folder)).filter((name) => /^[0-9a-f-]{36}$/.test(name));
  return owners.filter((name) => !ids.has(name)).map((name) => `staging: ${name} has no VM`);
}

async function processes(daemon: TestDaemon, running: readonly string[]): Promise<string[]> {
  const found = (await processesIn(daemon.config.dataDir)).map(({ folder }) => folder);
  const spare = found.filter((folder) => SPARE.test(folder));
  const groups = await cgroups(daemon.config.dataDir);
  return [
    ...differences(
      "processes",
      found.filter((folder) => !SPARE.test(folder)),
      running.map((id) => `vms/${id}`),
    ),
    ...(spare.length > daemon.config.poolSize * SPARE_KINDS
      ? [`processes: too many are spare: ${spare.join(", ")}`]
      : []),
    ...(groups.length > found.length ? [`cgroups: ${groups.length} for ${found.length} processes`] : []),
  ];
}

async function cgroups(dataDir: string): Promise<readonly string[]> {
  const scope = scopeOf(dataDir);
  const roots = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].map((root) => join(root, `fastvm-${scope}`));
  for (const root of roots) {
    const found = await readdir(root, { withFileTypes: true }).catch(() => []);
    if (found.length > 0) return found.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  }
  return [];
}

async function network(daemon: TestDaemon, running: readonly string[]): Promise<string[]> {
  const { dataDir, poolSize } = daemon.config;
  const prefix = `fastvm-${scopeOf(dataDir).slice(0, 6)}-`;
  const spaces = (await entries("/run/netns"))
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
  const links = await ownLinks(scopeOf(dataDir).slice(0, 6));
  const used = await Promise.all(running.map((id) => networkIndex(join(dataDir, "vms", id))));
  const chained = await chainedIndexes(scopeOf(dataDir).slice(0, 6));
  const mostSpaces = running.length + poolSize * SPARE_KINDS + SPARE_NAMESPACES;
  return [
    ...used
      .filter((index) => !spaces.includes(index))
      .map((index) => `network: namespace ${index} of a running VM is missing`),
    ...differences("links", links, spaces),
    ...differences("chains", chained, used),
    ...(spaces.length > mostSpaces
      ? [`network: ${spaces.length} namespaces, at most ${mostSpaces} have a use`]
      : []),
  ];
}

/** Other daemons of the machine have such links, too: they are told apart by their group. */
async function ownLinks(instance: string): Promise<string[]> {
  const group = String(Number.parseInt(instance, 16) + 1);
  const { stdout } = await promisify(execFile)("ip", ["-o", "link", "show", "group", group]);
  return [...stdout.matchAll(/^\d+: fv-(\d+)[@:]/gm)].map(([, index]) => index ?? "");
}

async function networkIndex(folder: string): Promise<string> {
  const journal = JSON.parse(await readFile(join(folder, "journal.json"), "utf8")) as {
    network?: { index: number };
  };
  return String(journal.network?.index);
}

async function chainedIndexes(instance: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)("nft", ["-j", "list", "table", "inet", `fastvm_${instance}`]);
  const { nftables } = JSON.parse(stdout) as { nftables: { chain?: { name: string } }[] };
  const indexes = nftables.map(({ chain }) => /^vm(\d+)_/.exec(chain?.name ?? "")?.[1]);
  return [...new Set(indexes.filter((index) => index !== undefined))];
}

/** Names what is this daemon's alone, as the worker does it. */
function scopeOf(dataDir: string): string {
  return createHash("sha256").update(dataDir).digest("hex").slice(0, 12);
}

/**
 * The process that makes a bucket a file system: without rights, with a user, a root, a network and a control group of its own. It is
 * mounted nowhere but in the server of the VM's volumes, so that it ends with that, whoever ends it, and no folder of the host ever
 * leads into a bucket.
 */
import { chown, mkdir, open, readFile, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { FastvmError, type BucketCredentials, type BucketSource, type VolumeId } from "@fastvm/contract";
import type { Cgroups } from "../host/cgroups.ts";
import type { UidAllocator } from "../host/uid-allocator.ts";
import { GUARDED_IPV4, GUARDED_IPV6 } from "../ip/guarded-ranges.ts";
import { CONFINE_PATH, confineArguments } from "../processes/confine.ts";
import type { Exposed, NamespaceKind } from "../processes/confine.ts";
import { identifyProcess, isAlive, killAndWait } from "../processes/proc.ts";
import type { ProcessIdentity } from "../processes/proc.ts";
import { spawnAround } from "../processes/spawn.ts";
import { attachCommand } from "../volumes/server/programs.ts";
import { bucketTool, MOUNT_FOLDER, STAGING_FOLDER, type BucketTool } from "./bucket-tool.ts";
import { refusalOf } from "./bucket-refusal.ts";
import { mountForServer } from "./mount-for-server.ts";

const PROGRAM = fileURLToPath(new URL("../../native/build/fastvm-bucket", import.meta.url));

/** Of a tool that transfers twenty files at once, and its proxy. */
const MEMORY_MIB = 512;
/** Larger files go through no staging. */
const MAX_FILE_BYTES = 64 * 1024 ** 3;
/** Files that are open in the VM are open in the tool as well. */
const DESCRIPTORS = 4096;
/** What a tool sends when its last file is closed has so long; then it is ended. */
const LAST_WORDS_MS = 3_000;
const POLL_MS = 20;
const LOG_FILE = "log";
/** See native/bucket/bucket.h. */
const PROXY_KEEPS = 4;
const TOOL_KEEPS = 6;
const LIBRARIES = ["/lib", "/lib64", "/usr/lib"];
const TOOL_READS = [
  "/etc/ssl/certs",
  "/usr/share/ca-certificates",
  "/usr/local/share/ca-certificates",
  "/etc/mime.types",
];
const PROXY_READS = ["/etc/resolv.conf", "/etc/hosts"];

export interface BucketHost {
  readonly uids: UidAllocator;
  readonly cgroups: Cgroups;
  readonly namespaces: ReadonlySet<NamespaceKind>;
  /** Root's; in it each tool has a folder of its own. */
  readonly folder: string;
  /** Guarded ones into which tools may be led all the same. */
  readonly openNetworks: readonly string[];
}

type EndingHost = Pick<BucketHost, "uids" | "cgroups">;

/** What a restarted daemon must know of one. */
interface HeldBucket {
  /** Of its control group. */
  readonly name: string;
  /** Its own; no part of a bucket is ever in it. */
  readonly folder: string;
  readonly uid: number;
  readonly proxyUid: number;
  readonly process: ProcessIdentity;
}

/** The same as a VM's. */
export interface HeldBucketMount extends HeldBucket {
  readonly volumeId: VolumeId;
}

interface BucketOrder {
  readonly name: string;
  readonly source: BucketSource;
  readonly credentials: BucketCredentials;
  readonly readOnly: boolean;
  /** Of the server that is to have it, and by which tag. */
  readonly cwd: string;
  readonly controlSocket: string;
  readonly tag: string;
}

/** Resolves when the server has it; nothing is left where it rejects. */
export async function startBucket(host: BucketHost, order: BucketOrder): Promise<HeldBucket> {
  const { name, source, credentials, readOnly } = order;
  const uid = host.uids.take();
  const tool = bucketTool({ uri: source.uri, credentials, readOnly, uid });
  requireParts(host, tool);
  const folder = join(host.folder, name);
  const held = { name, folder, uid, proxyUid: host.uids.take() };
  let process: ProcessIdentity | undefined;
  try {
    await makeFolder(folder, uid);
    const attach = attachCommand({
      ...order,
      options: ["stat=relaxed", `owner=${uid}`, "close=passed", "special=none"],
      path: host.folder,
    });
    await using mounting = await mountForServer({ target: host.folder, uid, attach, cwd: order.cwd });
    process = await startTool(host, held, tool, mounting.fuseFd);
    await mounting.attached();
    return { ...held, process };
  } catch (error) {
    const log = await readFile(join(folder, LOG_FILE), "utf8").catch(() => "");
    await freeBucket(host, { ...held, process });
    throw refusalOf(error, log);
  }
}

function requireParts({ namespaces }: BucketHost, { program }: BucketTool): void {
  if (!existsSync(program) || !existsSync(PROGRAM))
    throw new FastvmError("not_supported", `${program} is not installed beside the daemon`);
  if (!namespaces.has("mount"))
    throw new FastvmError(
      "not_supported",
      "this host gives no mount namespaces, without which no bucket is mounted",
    );
}

async function makeFolder(folder: string, uid: number): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  for (const name of [MOUNT_FOLDER, STAGING_FOLDER]) {
    await mkdir(join(folder, name), { mode: 0o700 });
    await chown(join(folder, name), uid, uid);
  }
  await chown(folder, uid, uid);
}

async function startTool(
  host: BucketHost,
  { name, folder, uid, proxyUid }: Omit<HeldBucket, "process">,
  { program, args, env }: BucketTool,
  fuseFd: number,
): Promise<ProcessIdentity> {
  const groups = await host.cgroups.make(name, { cpu: 1, memoryMib: MEMORY_MIB });
  const common = {
    namespaces: without(host.namespaces, "pid"),
    devices: ["/dev/null", "/dev/urandom"],
    groups,
  };
  const shared = { ...common, network: undefined, maxFileBytes: MAX_FILE_BYTES, descriptors: DESCRIPTORS };
  const fusermounts = ["fusermount", "fusermount3"].flatMap((each) =>
    ["/bin", "/usr/bin"].map((place) => ({ path: PROGRAM, as: `${place}/${each}` })),
  );
  const exposed = [...present([program, ...LIBRARIES, ...TOOL_READS]), ...fusermounts];
  const ofTool = [
    ...["--keep", `${TOOL_KEEPS}`],
    ...confineArguments({ ...shared, uid, exposed }),
    ...["---", program, ...args],
  ];
  const guards = [...GUARDED_IPV4, ...GUARDED_IPV6].flatMap((network) => ["--guard", network]);
  const opens = host.openNetworks.flatMap((network) => ["--open", network]);
  const ofProxy = [
    ...["--keep", `${PROXY_KEEPS}`],
    ...confineArguments({
      ...shared,
      uid: proxyUid,
      exposed: [...present(PROXY_READS), { path: PROGRAM, as: "/bin/fastvm-bucket" }],
    }),
    ...["---", "/bin/fastvm-bucket", "proxy", ...guards, ...opens],
  ];
  await using log = await open(join(folder, LOG_FILE), "w", 0o600);
  const { pid } = await spawnAround({
    command: PROGRAM,
    args: ["run", CONFINE_PATH, ...ofProxy, "--", CONFINE_PATH, ...ofTool],
    cwd: folder,
    env: { PATH: "/usr/bin:/bin", ...env },
    logFd: log.fd,
    fd: fuseFd,
  });
  const process = await identifyProcess(pid);
  if (process === undefined) throw new FastvmError("internal", "the tool of a bucket ended at once");
  return process;
}

function present(paths: readonly string[]): readonly Exposed[] {
  return paths.filter((path) => existsSync(path)).map((path) => ({ path }));
}

function without(kinds: ReadonlySet<NamespaceKind>, kind: NamespaceKind): ReadonlySet<NamespaceKind> {
  return new Set([...kinds].filter((one) => one !== kind));
}

/** Nobody has it open any more, or soon: it ends by itself, and what it has still to send it sends. Then nothing is left of it. */
export async function endBucket(host: EndingHost, held: HeldBucket): Promise<void> {
  const deadline = Date.now() + LAST_WORDS_MS;
  while (Date.now() < deadline && (await isAlive(held.process))) await sleep(POLL_MS);
  await freeBucket(host, held);
}

async function freeBucket(
  { uids, cgroups }: EndingHost,
  {
    name,
    folder,
    uid,
    proxyUid,
    process,
  }: Omit<HeldBucket, "process"> & { readonly process: ProcessIdentity | undefined },
): Promise<void> {
  if (process !== undefined) await killAndWait(process);
  // Its proxy ends with it, a moment later.
  await cgroups.remove(name);
  uids.release(uid);
  uids.release(proxyUid);
  await rm(folder, { recursive: true, force: true });
}

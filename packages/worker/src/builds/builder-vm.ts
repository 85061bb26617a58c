/**
 * A VM of nobody with buildah in it and the organisation's cache: the base image's template, and three or four disks behind its spare ones.
 * What it is asked for is done by a program in it (`guest/build-image.py`).
 */
import { randomBytes } from "node:crypto";
import { chmod, chown, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import { step } from "@fastvm/contract";
import type { BuildOrder, ExecEvent } from "@fastvm/contract";
import { DISK_FOLDER } from "../disk/chain.ts";
import { putBehindSpare } from "../disk/spare-disk.ts";
import { linkOrCopy } from "../files/copy.ts";
import { isErrno } from "../files/errno.ts";
import { bindSpare } from "../image-build/bind-spare.ts";
import { BuildVm } from "../image-build/build-vm.ts";
import type { ImageContext } from "../image-build/derived-image.ts";
import { makeRootDisk } from "../image-build/root-disk.ts";
import { MAX_IMAGE_BYTES } from "../images/image-limits.ts";
import { raiseFileLimit } from "../processes/file-limit.ts";
import { exec } from "../vm/guest/exec.ts";
import type { Parts } from "../vm/state/worker-context.ts";
import { BuildFailure } from "./build-failure.ts";
import { MAX_ANSWER_CHARS, senseless } from "./guest-answers.ts";

export type BuilderContext = ImageContext & Parts<"buildCaches" | "onError" | "overlays">;

/** More than a build with a compiler's image and its packages takes. Holes until it is written. */
const CACHE_DISK_GIB = 20;
/** Half of a digest names the file system, half of it seeds its folders. */
const DIGEST_BYTES = 32;

const CACHE_DISK = "cache.raw";
const FOLDER_IN_GUEST = "/run/fastvm-build";
const CACHE_IN_GUEST = "/var/lib/fastvm-build-cache";
const PROGRAMS = ["build-image.py", "build_context.py", "build_log.py", "dockerfile.py"] as const;
/** By the user of the QEMU that it is linked for; the folders above decide whom that is. */
const READABLE = 0o444;
/** The program's own word for what is wrong with the order. */
const REFUSED = 3;
/** Of what it says of a failure. */
const MAX_REASON_BYTES = 8192;
/** It kills what there is and lets go of a disk; that is written then. */
const END_LIMIT_MS = 60_000;

export class BuilderVm implements AsyncDisposable {
  readonly #context: BuilderContext;
  readonly #order: BuildOrder;
  readonly #vm: BuildVm;
  readonly #signal: AbortSignal;
  #spares = 0;
  #hasCache = false;

  static async start(context: BuilderContext, order: BuildOrder, signal: AbortSignal): Promise<BuilderVm> {
    const tools = await findTools(context);
    const vm = await BuildVm.start(context, signal, order.network);
    const builder = new BuilderVm(context, order, vm, signal);
    try {
      await step("build.vm-started");
      await builder.#equip(tools);
      return builder;
    } catch (error) {
      await builder[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(context: BuilderContext, order: BuildOrder, vm: BuildVm, signal: AbortSignal) {
    this.#context = context;
    this.#order = order;
    this.#vm = vm;
    this.#signal = signal;
  }

  /** In the VM's folder, where its QEMU finds it. */
  pathOf(name: string): string {
    return join(this.#vm.vm.folder, DISK_FOLDER, name);
  }

  /** A file that is only read, behind the next spare disk; the disk's name in the guest. */
  async attach(path: string, name: string): Promise<string> {
    const [file, overlay] = [`${name}.raw`, `${name}.qcow2`];
    await chmod(path, READABLE);
    if (path !== this.pathOf(file)) await linkOrCopy(path, this.pathOf(file));
    // As large as any: behind the file's end are zeros.
    await this.#context.overlays.create(this.pathOf(overlay), MAX_IMAGE_BYTES, this.#vm.vm.record.uid);
    return await this.#bind(name, {
      kind: "read",
      file: `${DISK_FOLDER}/${file}`,
      overlay: `${DISK_FOLDER}/${overlay}`,
    });
  }

  /** What the program prints; `input` is JSON for it. */
  async ask(args: readonly string[], input?: unknown): Promise<string> {
    let text = "";
    const decoder = new StringDecoder();
    for await (const data of this.read(args, input)) {
      text += decoder.write(Buffer.from(data));
      if (text.length > MAX_ANSWER_CHARS) throw senseless();
    }
    return text + decoder.end();
  }

  /** As it is printed. Rejects when the program fails, with `BuildFailure` for what is wrong with the order. */
  async *read(
    args: readonly string[],
    input?: unknown,
    onEnd?: (words: string) => void,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const stdin = input === undefined ? {} : { stdin: Buffer.from(JSON.stringify(input)) };
    const command = ["python3", "-X", "utf8", `${FOLDER_IN_GUEST}/build-image.py`, ...args];
    let words = "";
    for await (const event of await exec(this.#vm.vm, { command, ...stdin }, { signal: this.#signal })) {
      if (event.kind === "stdout") yield event.data;
      else if (event.kind === "stderr")
        words = (words + Buffer.from(event.data).toString()).slice(-MAX_REASON_BYTES);
      else checkEnd(args, event, words);
    }
    onEnd?.(words);
  }

  /** What the organisation's next build begins with, as far as this one went. Nothing runs in the guest afterwards. */
  async keepCache(): Promise<void> {
    if (!this.#hasCache) return;
    this.#hasCache = false;
    const signal = AbortSignal.timeout(END_LIMIT_MS);
    const command = ["python3", "-X", "utf8", `${FOLDER_IN_GUEST}/build-image.py`, "end"];
    for await (const event of await exec(this.#vm.vm, { command }, { signal }))
      if (event.kind === "exit") checkEnd(["end"], event, "");
    await this.#vm.end();
    const { buildCaches, cache } = this.#context;
    await buildCaches.keep(this.#order.orgId, this.pathOf(CACHE_DISK));
    await step("build.cache-kept");
    // Not waited for: it may have gigabytes to remove.
    void cache.sweep();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#vm[Symbol.asyncDispose]();
  }

  async #equip(tools: string): Promise<void> {
    const { orgId, noCache = false } = this.#order;
    const { uid } = this.#vm.vm.record;
    // Larger than the disk that its QEMU was started for.
    await raiseFileLimit(this.#vm.vm.requireGuest().qemu.identity.pid, uid, CACHE_DISK_GIB);
    const into = this.pathOf(CACHE_DISK);
    const wasKept = !noCache && (await this.#context.buildCaches.take(orgId, into));
    if (!wasKept) await makeRootDisk(into, CACHE_DISK_GIB, randomBytes(DIGEST_BYTES).toString("hex"));
    await chown(into, uid, uid);
    await step("build.cache-taken");
    const cache = await this.#bind("cache", { kind: "raw", file: `${DISK_FOLDER}/${CACHE_DISK}` });
    const disk = await this.attach(tools, "tools");
    // Without barriers: what its guest has not let go of is not kept anyway.
    const script = `mkdir -p ${FOLDER_IN_GUEST}/tools ${CACHE_IN_GUEST}
mount -t ext4 -o ro "$2" ${FOLDER_IN_GUEST}/tools
mount -t ext4 -o noatime,discard,init_itable=0,barrier=0 "$1" ${CACHE_IN_GUEST}`;
    await this.#vm.mustRun(script, [cache, disk]);
    this.#hasCache = true;
    for (const name of PROGRAMS) {
      const content = await readFile(new URL(`guest/${name}`, import.meta.url));
      await this.#vm.mustRun(`cat >${FOLDER_IN_GUEST}/${name}`, [], content);
    }
  }

  async #bind(node: string, behind: Parameters<typeof putBehindSpare>[3]): Promise<string> {
    const { qmp } = this.#vm.vm.requireGuest().qemu;
    await putBehindSpare(qmp, this.#spares, `build-${node}`, behind);
    this.#spares += 1;
    return (await bindSpare(this.#vm)).disk;
  }
}

function checkEnd(
  [name = ""]: readonly string[],
  { exitCode, timedOut }: Extract<ExecEvent, { readonly kind: "exit" }>,
  words: string,
): void {
  if (exitCode === REFUSED) throw new BuildFailure("order", words.trim());
  if (exitCode !== 0 || timedOut) throw new Error(`The builder's ${name} ended with ${exitCode}: ${words}`);
}

async function findTools({ config }: Parts<"config">): Promise<string> {
  const path = join(config.cacheDir, "builder", "current", "builder.raw");
  try {
    await stat(path);
    return path;
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    throw new BuildFailure("host", "This host has no builder: guest/image/build.sh makes it", {
      cause: error,
    });
  }
}

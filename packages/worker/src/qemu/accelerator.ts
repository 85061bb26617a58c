/**
 * Whether this host can run guests on hardware virtualization. Opening /dev/kvm proves nothing: on some hosts an ordinary kernel
 * never starts on it. So a guest is booted once, with a deadline, and the verdict is remembered for this kernel, QEMU and CPU.
 */
import { createHash } from "node:crypto";
import { access, constants, mkdtemp, readFile, rm } from "node:fs/promises";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { makeClosedFolder } from "../files/closed-folder.ts";
import { replaceFile } from "../files/durable.ts";
import { isErrno } from "../files/errno.ts";
import type { Image } from "../image/image.ts";
import { runTool } from "../processes/spawn.ts";
import { processor } from "./machine.ts";
import type { Accelerator } from "./machine.ts";
import { refusedFeatures } from "./refused-features.ts";

export interface Verdict {
  readonly accelerator: Accelerator;
  /** One sentence for people. */
  readonly because: string;
  /** Features of the processor that guests must not see here, see qemu/refused-features.ts. */
  readonly masked?: readonly string[];
}

/** With hardware virtualization the first line is there after 100 ms. */
const BOOT_DEADLINE_MS = 8_000;
const KVM_DEVICE = "/dev/kvm";
/** The kernel's first words: it runs. */
const PROOF = /Linux version/;

export async function decideAccelerator(options: {
  readonly qemuPath: string;
  readonly qemuVersion: string;
  readonly cpuModel: string;
  readonly image: Image;
  readonly cacheFolder: string;
}): Promise<Verdict> {
  if (!(await canOpenKvm())) return { accelerator: "tcg", because: `${KVM_DEVICE} cannot be opened` };
  const key = createHash("sha256")
    .update(JSON.stringify([release(), options.image.digest, options.qemuVersion, options.cpuModel]))
    .digest("hex");
  const path = join(options.cacheFolder, `${key}.json`);
  const known = await readVerdict(path);
  if (known !== undefined) return known;
  const verdict = await tryKvm(options.qemuPath, options.image);
  await makeClosedFolder(options.cacheFolder);
  await replaceFile(path, JSON.stringify(verdict));
  return verdict;
}

async function canOpenKvm(): Promise<boolean> {
  try {
    await access(KVM_DEVICE, constants.R_OK | constants.W_OK);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT", "EACCES", "EPERM")) return false;
    throw error;
  }
}

async function readVerdict(path: string): Promise<Verdict | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Verdict;
  } catch (error) {
    if (isErrno(error, "ENOENT") || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function tryKvm(qemuPath: string, image: Image): Promise<Verdict> {
  const whole = await bootOnKvm(qemuPath, image, []);
  if (whole.booted) return { accelerator: "kvm", because: "a kernel booted on it" };
  const masked = refusedFeatures(whole.failure);
  const rest = masked.length === 0 ? whole : await bootOnKvm(qemuPath, image, masked);
  if (rest.booted) {
    return { accelerator: "kvm", because: `a kernel booted on it, without ${masked.join(", ")}`, masked };
  }
  return {
    accelerator: "tcg",
    because: `${KVM_DEVICE} opens but no kernel starts on it within ${BOOT_DEADLINE_MS / 1000} s (${rest.failure})`,
  };
}

/** Boots until the kernel gives up for want of a root disk, or the deadline: one processor, and after everything else on this host. */
async function bootOnKvm(
  qemuPath: string,
  image: Image,
  masked: readonly string[],
): Promise<{ booted: boolean; failure: string }> {
  const folder = await mkdtemp(join(tmpdir(), "fastvm-kvm-"));
  const console = join(folder, "console");
  const args = [
    ...processor("kvm", masked),
    ...["-M", "microvm", "-m", "256M", "-nodefaults", "-no-user-config"],
    ...["-display", "none", "-no-reboot", "-serial", `file:${console}`, "-kernel", image.kernel],
    ...["-append", "console=ttyS0 earlyprintk=ttyS0 panic=-1"],
  ];
  try {
    const failure = await runTool("nice", ["-n", "19", qemuPath, ...args], {
      timeoutMs: BOOT_DEADLINE_MS,
    }).then(() => "QEMU ended", wordsOf);
    return { booted: PROOF.test(await readFile(console, "utf8").catch(() => "")), failure };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function wordsOf(error: unknown): string {
  const stderr = (error as { stderr?: unknown }).stderr;
  return typeof stderr === "string" && stderr.trim() !== "" ? stderr.trim() : "it printed nothing";
}

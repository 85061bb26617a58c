/**
 * A bare QEMU whose guest has a folder of the host by 9p: the same machine and root as the product's guests, and another kernel. It cannot
 * be captured: QEMU refuses to while 9p is mounted.
 */
import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { FloorMachine } from "../qemu-arguments.ts";

const KERNEL = fileURLToPath(new URL("./kernel.sh", import.meta.url));
const execFileAsync = promisify(execFile);

/** Where the guest has the folder. */
export const NINEP_PATH = "/mnt/shared";

interface NinepSource {
  readonly machine: FloorMachine;
  readonly cacheDir: string;
  /** Kernel parameters, those of the product's guests. */
  readonly cmdline: string;
  /** The VM's own files go here. */
  readonly scratch: string;
  /** What the guest has. */
  readonly shared: string;
}

export class NinepVm implements AsyncDisposable {
  readonly #qemu: ChildProcess;
  readonly #folder: string;
  readonly #lines: AsyncIterator<string>;

  static async boot(source: NinepSource): Promise<NinepVm> {
    const { stdout } = await execFileAsync(KERNEL, [source.cacheDir]);
    const folder = join(source.scratch, "ninep");
    await mkdir(folder, { recursive: true });
    await execFileAsync("qemu-img", [
      ...["create", "-q", "-f", "qcow2", "-F", "raw"],
      ...["-b", join(source.cacheDir, "images/current/rootfs.raw"), join(folder, "disk.qcow2")],
    ]);
    const qemu = spawn("qemu-system-x86_64", ninepArguments(stdout.trim(), source), {
      cwd: folder,
      stdio: ["pipe", "pipe", "inherit"],
    });
    const vm = new NinepVm(qemu, folder);
    try {
      if ((await vm.#line()) !== "ready")
        throw new Error("The guest said something else than that it is there");
      return vm;
    } catch (error) {
      await vm[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(qemu: ChildProcess, folder: string) {
    this.#qemu = qemu;
    this.#folder = folder;
    if (qemu.stdout === null) throw new Error("QEMU has no output");
    this.#lines = createInterface(qemu.stdout)[Symbol.asyncIterator]();
  }

  /** What a line of shell prints in the guest. Throws when it ends with another status than 0. */
  async sh(line: string): Promise<string> {
    this.#qemu.stdin?.write(`${line}\n`);
    const printed: string[] = [];
    for (;;) {
      const next = await this.#line();
      const [, status] = /^ended (\d+)$/.exec(next) ?? [];
      if (status === "0") return printed.join("\n");
      if (status !== undefined) throw new Error(`"${line}" ended with ${status}: ${printed.join("\n")}`);
      printed.push(next);
    }
  }

  async #line(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done === true) {
      const console = await readFile(join(this.#folder, "console"), "utf8").catch(() => "");
      throw new Error(`The guest with 9p ended: ${console}`);
    }
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode } = this.#qemu;
    const exited = exitCode === null && signalCode === null ? once(this.#qemu, "exit") : undefined;
    if (this.#qemu.kill("SIGKILL")) await exited;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function ninepArguments(kernel: string, { machine, cmdline, shared }: NinepSource): readonly string[] {
  const { accelerator, cpu, memoryMib } = machine;
  // As the product has a VM's disk: what the guest flushes its host writes when it likes.
  const disk = {
    driver: "qcow2",
    "node-name": "disk",
    discard: "unmap",
    file: { driver: "file", filename: "disk.qcow2", cache: { "no-flush": true } },
  };
  return [
    ...["-M", "microvm,pit=off,pic=on,rtc=on,acpi=on,ioapic2=on,pcie=off,usb=off,isa-serial=on"],
    ...(accelerator === "kvm"
      ? ["-accel", "kvm", "-cpu", "host"]
      : ["-accel", "tcg,thread=multi,tb-size=128", "-cpu", "max,erms=off,fsrm=off"]),
    ...["-smp", `${cpu}`, "-m", `${memoryMib}M`, "-global", "virtio-mmio.force-legacy=false"],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "file:console"],
    ...["-device", "virtio-serial-device,max_ports=2"],
    ...["-chardev", "stdio,id=told,signal=off", "-device", "virtserialport,nr=1,chardev=told,name=told"],
    ...["-blockdev", JSON.stringify(disk), "-device", "virtio-blk-device,drive=disk"],
    // QEMU is root, and so is the guest's program: owners and modes are passed on, which costs the least.
    ...["-fsdev", `local,id=shared,path=${shared},security_model=passthrough,multidevs=remap`],
    ...["-device", "virtio-9p-device,fsdev=shared,mount_tag=shared"],
    ...["-kernel", join(kernel, "vmlinuz"), "-initrd", join(kernel, "initramfs.cpio"), "-append", cmdline],
  ];
}

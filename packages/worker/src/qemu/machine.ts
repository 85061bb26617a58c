/**
 * The machine every VM is: one place decides what hardware a guest sees. A snapshot's memory can be resumed only by the machine it was
 * captured on, so the digest of this goes into every manifest.
 */
import { createHash } from "node:crypto";
import type { MachineType } from "@fastvm/contract";
import { GUEST_MAC } from "../network/addresses.ts";

export type Accelerator = "kvm" | "tcg";

/** `tap`: a network interface that ends in the TAP device of the namespace QEMU runs in. `none`: a machine without one. */
export type NetworkDevice = "tap" | "none";

export interface MachineSpec {
  readonly machine: MachineType;
  readonly accelerator: Accelerator;
  readonly network: NetworkDevice;
}

/** Names inside QEMU that other modules talk to. */
export const DISK_DEVICE = "/machine/peripheral/disk";
export const CONSOLE_CHARDEV = "console";

/** Files in a VM's folder, QEMU's working directory: relative, so that the folder may be renamed under a running QEMU. */
export const MEMORY_FILE = "memory";
export const RUN_FOLDER = "run";
export const QMP_SOCKET = `${RUN_FOLDER}/qmp.sock`;
export const LINK_SOCKET = `${RUN_FOLDER}/link.sock`;

/** A guest may print without end; this much of its last words is kept, in QEMU's memory. A power of two. */
const CONSOLE_BYTES = 65_536;

/** Translated code per VM. QEMU's default is an eighth of the host's memory, for each. */
const TRANSLATION_CACHE_MIB = 128;

/**
 * Without the two flags the guest's kernel copies memory with `rep movsb`, the fast way on real processors, which software emulation executes byte by
 * byte: output of commands comes three times as slowly (26 against 80 MiB per second of QEMU's processor time).
 */
const TCG_CPU = "max,erms=off,fsrm=off";

/**
 * The device of the disk is realised with a stand-in, since a process that was spawned ahead does not know its VM's disk yet; the
 * real one is attached before the guest starts. Its size has no meaning.
 */
const PLACEHOLDER = '{"driver":"null-co","node-name":"placeholder","size":1073741824,"read-zeroes":true}';

/** Open in QEMU from its start: it may not open TAP devices itself. */
export const TAP_FD = 4;

/** Last, so that the other devices have the same places with and without it. Every guest has one MAC: each is alone on its wire. */
const NETWORK_DEVICE = [
  ...["-netdev", `tap,id=net,fd=${TAP_FD}`],
  ...["-device", `virtio-net-device,id=nic,netdev=net,mac=${GUEST_MAC}`],
] as const;

function hardware({ machine, accelerator, network }: MachineSpec): readonly string[] {
  return [
    // pit=off: a guest under TCG calibrates against the PIT and hangs in about half the boots. dump-guest-core: a crash of
    // QEMU must not write a tenant's memory to disk.
    ...["-M", "microvm,pit=off,rtc=on,acpi=on,memory-backend=mem,dump-guest-core=off"],
    ...(accelerator === "kvm"
      ? ["-accel", "kvm", "-cpu", "host,migratable=off"]
      : ["-accel", `tcg,thread=multi,tb-size=${TRANSLATION_CACHE_MIB}`, "-cpu", TCG_CPU]),
    ...["-smp", `${machine.cpu}`, "-m", `${machine.memoryMib}M`],
    // share=off: writes stay private to this process, and siblings share what none of them wrote.
    ...["-object", `memory-backend-file,id=mem,size=${machine.memoryMib}M,mem-path=${MEMORY_FILE},share=off`],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-global", "virtio-mmio.force-legacy=false"],
    // Without this the stream would name the machine's configuration and one pool could not serve all device states.
    ...["-global", "migration.send-configuration=off"],
    ...["-chardev", `ringbuf,id=${CONSOLE_CHARDEV},size=${CONSOLE_BYTES}`, "-serial", "chardev:console"],
    ...["-chardev", `socket,id=link,path=${LINK_SOCKET},server=on,wait=off`],
    ...["-device", "virtio-serial-device,id=serial,max_ports=2"],
    ...["-device", "virtserialport,bus=serial.0,nr=1,chardev=link,name=fastvm.link"],
    ...["-blockdev", PLACEHOLDER, "-device", "virtio-blk-device,id=disk,drive=placeholder"],
    ...["-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-device,rng=rng"],
    ...(network === "tap" ? NETWORK_DEVICE : []),
  ];
}

const CONTAINMENT = [
  "-sandbox",
  "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
] as const;

export interface BootSource {
  readonly kernel: string;
  readonly initramfs: string;
  readonly cmdline: string;
}

/** Arguments of a QEMU that boots a kernel (to make a template) or, without one, waits for a device state. It starts no guest by itself. */
export function qemuArguments(name: string, spec: MachineSpec, boot?: BootSource): readonly string[] {
  return [
    ...["-name", name],
    ...hardware(spec),
    ...CONTAINMENT,
    ...["-qmp", `unix:${QMP_SOCKET},server=on,wait=off`, "-S"],
    ...(boot === undefined
      ? ["-incoming", "defer"]
      : ["-kernel", boot.kernel, "-initrd", boot.initramfs, "-append", boot.cmdline]),
  ];
}

/** Names the hardware: two machines with one digest load each other's device state. */
export function machineDigest(spec: MachineSpec): string {
  return createHash("sha256")
    .update(JSON.stringify(hardware(spec)))
    .digest("hex");
}

/**
 * The machine every VM is: one place decides what hardware a guest sees. A snapshot's memory can be resumed only by the machine it was
 * captured on, so the digest of this goes into every manifest.
 */
import { createHash } from "node:crypto";
import type { MachineType } from "@fastvm/contract";
import { QEMU_FOLDER } from "./qemu-set.ts";
import { GUEST_MAC } from "../network/addresses.ts";

export type Accelerator = "kvm" | "tcg";

/** `tap`: a network interface that ends in the TAP device of the namespace QEMU runs in. `none`: a machine without one. */
export type NetworkDevice = "tap" | "none";

export interface MachineSpec {
  readonly machine: MachineType;
  readonly accelerator: Accelerator;
  readonly network: NetworkDevice;
  /** Features of the host's processor that KVM offers and then refuses to set; guests do not see them. */
  readonly masked?: readonly string[] | undefined;
}

/** Names inside QEMU that other modules talk to. */
export const DISK_ID = "disk";
export const DISK_DEVICE = `/machine/peripheral/${DISK_ID}`;
export const CONSOLE_CHARDEV = "console";

/** Files in a VM's folder, QEMU's working directory: relative, so that the folder may be renamed under a running QEMU. */
export const MEMORY_FILE = "memory";
export const RUN_FOLDER = "run";
export const QMP_SOCKET = `${RUN_FOLDER}/qmp.sock`;
export const LINK_SOCKET = `${RUN_FOLDER}/link.sock`;
export const FS_SOCKET = `${RUN_FOLDER}/fs.sock`;

/** A guest may print without end; this much of its last words is kept, in QEMU's memory. A power of two. */
const CONSOLE_BYTES = 65_536;

/** Translated code per VM. QEMU's default is an eighth of the host's memory, for each. */
const TRANSLATION_CACHE_MIB = 128;

/**
 * Without the two flags the guest's kernel copies memory with `rep movsb`, the fast way on real processors, which software emulation
 * executes byte by byte: output of commands comes three times as slowly (26 against 80 MiB per second of QEMU's processor time).
 */
const TCG_CPU = "max,erms=off,fsrm=off";

/**
 * All that this processor has and that can be captured, which `migratable=off` would not keep to. Without its performance counters, whose
 * state is large and the host's own, and without page faults that the host answers later: one under way would be lost in a capture.
 */
const KVM_CPU = "host,migratable=on,pmu=off,kvm-asyncpf=off,kvm-asyncpf-int=off";

/**
 * The device of a disk is realised with a stand-in, since a process that was spawned ahead does not know its VM's disk yet; the real one is
 * attached before the guest starts. Its size has no meaning there.
 */
const PLACEHOLDER = '{"driver":"null-co","node-name":"placeholder","size":1073741824,"read-zeroes":true}';

/**
 * Block devices that no disk is behind yet: a microvm takes no device later on, and what a VM was captured with it has for
 * good. Measured with none, two, four and eight: no difference in the time or processor time of a restore; 0.2 MiB of QEMU's
 * memory and 44 KiB of device state for each. The guest's agent keeps them out of sight (guest/agent/src/boot/spare-disks.c).
 */
export const SPARE_DISKS = 4;

/** Path inside QEMU of the device for the spare disk `index`, from 0. */
export function spareDiskDevice(index: number): string {
  return `/machine/peripheral/spare${index}`;
}

/** Node of what is behind it while nothing is. */
export function spareStandIn(index: number): string {
  return `spare${index}`;
}

/** Open in QEMU from its start: it may not open TAP devices itself. */
export const TAP_FD = 4;

/** The processor of guests. Under software emulation what emulates it is no hardware: see `backends`. */
export function processor(accelerator: Accelerator, masked: readonly string[]): readonly string[] {
  const without = masked.map((name) => `,${name}=off`).join("");
  if (accelerator === "tcg") return ["-cpu", TCG_CPU + without];
  return ["-accel", "kvm,kernel-irqchip=on", "-cpu", KVM_CPU + without];
}

/**
 * What the guest sees, and so all that a device state depends on. The order matters: it
 * is that of names in the guest. Every guest has one MAC: each is alone on its wire.
 */
function hardware({ machine, accelerator, network, masked = [] }: MachineSpec): readonly string[] {
  return [
    // pit=off: a guest under TCG calibrates against the PIT and hangs in about half the
    // boots. The rest says what is the default today: a microvm is not versioned.
    ...["-M", "microvm,pit=off,pic=on,rtc=on,acpi=on,ioapic2=on,pcie=off,usb=off,isa-serial=on"],
    ...processor(accelerator, masked),
    ...["-smp", `${machine.cpu}`, "-m", `${machine.memoryMib}M`],
    ...["-global", "virtio-mmio.force-legacy=false"],
    // Without this the stream would name the machine's configuration and one pool could not serve all device states.
    ...["-global", "migration.send-configuration=off"],
    ...["-serial", `chardev:${CONSOLE_CHARDEV}`],
    ...["-device", "virtio-serial-device,id=serial,max_ports=3"],
    ...["-device", "virtserialport,bus=serial.0,nr=1,chardev=link,name=fastvm.link"],
    // For shared folders: docs/volume-server.md.
    ...["-device", "virtserialport,bus=serial.0,nr=2,chardev=fs,name=fastvm.fs"],
    ...["-device", `virtio-blk-device,id=${DISK_ID},drive=placeholder`],
    ...["-device", "virtio-rng-device,rng=rng"],
    ...(network === "tap" ? ["-device", `virtio-net-device,id=nic,netdev=net,mac=${GUEST_MAC}`] : []),
    ...spareDisks().flatMap((name) => ["-device", `virtio-blk-device,id=${name},drive=${name}`]),
  ];
}

/** What stands behind the hardware on this host. A captured guest may find other things there. */
function backends({ machine, accelerator, network }: MachineSpec): readonly string[] {
  return [
    // dump-guest-core: a crash of QEMU must not write a tenant's memory to disk. suppress-vmdesc: a saved device state
    // does not describe itself, and QEMU would complain of that at each restore, in the log that tells why a VM ended.
    ...["-M", "memory-backend=mem,dump-guest-core=off,suppress-vmdesc=on"],
    ...(accelerator === "tcg" ? ["-accel", `tcg,thread=multi,tb-size=${TRANSLATION_CACHE_MIB}`] : []),
    // share=off: writes stay private to this process, and siblings share what none of them wrote.
    ...["-object", `memory-backend-file,id=mem,size=${machine.memoryMib}M,mem-path=${MEMORY_FILE},share=off`],
    ...["-object", "rng-random,id=rng,filename=/dev/urandom"],
    ...["-chardev", `ringbuf,id=${CONSOLE_CHARDEV},size=${CONSOLE_BYTES}`],
    ...["-chardev", `socket,id=link,path=${LINK_SOCKET},server=on,wait=off`],
    ...["-chardev", `socket,id=fs,path=${FS_SOCKET},server=on,wait=off`],
    ...["-blockdev", PLACEHOLDER],
    ...spareDisks().flatMap((name) => ["-blockdev", `{"driver":"null-co","node-name":"${name}","size":0}`]),
    ...(network === "tap" ? ["-netdev", `tap,id=net,fd=${TAP_FD}`] : []),
    ...["-L", QEMU_FOLDER, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
  ];
}

function spareDisks(): readonly string[] {
  return Array.from({ length: SPARE_DISKS }, (_, index) => `spare${index}`);
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

/**
 * Arguments of a QEMU that boots a kernel (to make a template), begins with its firmware
 * alone or, without either, waits for a device state. It starts no guest by itself.
 */
export function qemuArguments(
  name: string,
  spec: MachineSpec,
  boot?: BootSource | "firmware",
): readonly string[] {
  return [
    ...["-name", name],
    ...hardware(spec),
    ...backends(spec),
    ...CONTAINMENT,
    ...["-qmp", `unix:${QMP_SOCKET},server=on,wait=off`, "-S"],
    ...(boot === undefined ? ["-incoming", "defer"] : boot === "firmware" ? [] : bootArguments(boot)),
  ];
}

function bootArguments({ kernel, initramfs, cmdline }: BootSource): readonly string[] {
  return ["-kernel", kernel, "-initrd", initramfs, "-append", cmdline];
}

/** Names the hardware: two machines with one digest load each other's device state. */
export function machineDigest(spec: MachineSpec): string {
  return createHash("sha256")
    .update(JSON.stringify(hardware(spec)))
    .digest("hex");
}

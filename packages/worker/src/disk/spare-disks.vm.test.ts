import { chown, open } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { spareDiskDevice, SPARE_DISKS } from "../qemu/machine.ts";
import { inGuest, TestContext } from "../testing/test-context.ts";
import type { Vm } from "../vm/state/vm.ts";
import { activeLayer, DISK_FOLDER } from "./chain.ts";

const MIB = 1024 ** 2;
const DISK_BYTES = 64 * MIB;
const DRIVER = "/sys/bus/virtio/drivers/virtio_blk";
/** Of those without a driver, the first: devices are numbered in the order of the machine. */
const BIND_FIRST = `for device in $(ls /sys/bus/virtio/devices | sort -V); do
  [ -e /sys/bus/virtio/devices/$device/driver ] || { echo $device >${DRIVER}/bind; echo $device; exit; }
done`;

describe("spare disks", () => {
  let host: TestContext;
  let vm: Vm;

  beforeAll(async () => {
    host = await TestContext.open();
    vm = await host.launch();
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  /** Puts an empty disk under a device, with the guest running. */
  async function attach(index: number): Promise<void> {
    const { qmp } = vm.requireGuest().qemu;
    const file = `${DISK_FOLDER}/spare-${index}.raw`;
    await using disk = await open(join(vm.folder, file), "wx", 0o600);
    await disk.truncate(DISK_BYTES);
    await chown(join(vm.folder, file), vm.record.uid, vm.record.uid);
    const node = `spare-disk-${index}`;
    const options = { driver: "file", filename: file, locking: "off" };
    await qmp.execute("blockdev-add", { driver: "raw", "node-name": node, file: options });
    await qmp.execute("qom-set", { path: spareDiskDevice(index), property: "drive", value: node });
  }

  test("are not seen by who looks at the disks", async () => {
    expect(await inGuest(vm, "lsblk --all --noheadings --list --output NAME")).toBe("vda");
    expect(await inGuest(vm, "ls /dev/vd*")).toBe("/dev/vda");
    const waiting = await inGuest(
      vm,
      "for d in /sys/bus/virtio/devices/*; do [ -e $d/driver ] || cat $d/device; done",
    );
    // 2 is the kind of a block device.
    expect(waiting.split("\n")).toEqual(Array.from({ length: SPARE_DISKS }, () => "0x0002"));
  });

  test("do not hide which layer the VM writes to", async () => {
    const { chain } = vm.record;
    expect(await activeLayer(vm.requireGuest().qemu.qmp)).toBe(chain[chain.length - 1]);
  });

  test("become a disk while the guest runs: attached, then bound", async () => {
    await attach(0);
    await inGuest(vm, BIND_FIRST);
    expect(await inGuest(vm, "lsblk --bytes --noheadings --nodeps --output NAME,SIZE /dev/vdb")).toMatch(
      new RegExp(`^vdb\\s+${DISK_BYTES}$`),
    );
    const stored = await inGuest(
      vm,
      "mkfs.ext4 -q /dev/vdb && mount /dev/vdb /mnt && echo kept >/mnt/file && " +
        "umount /mnt && mount /dev/vdb /mnt && cat /mnt/file && umount /mnt",
    );
    expect(stored).toBe("kept");
  });

  test("tell a guest that has bound one already of its disk by a change of size", async () => {
    const { qmp } = vm.requireGuest().qemu;
    await inGuest(vm, BIND_FIRST);
    expect(await inGuest(vm, "cat /sys/block/vdc/size")).toBe("0");
    await attach(1);
    // QEMU changes what is behind the device and says nothing of it.
    expect(await inGuest(vm, "cat /sys/block/vdc/size")).toBe("0");
    await qmp.execute("block_resize", { "node-name": "spare-disk-1", size: DISK_BYTES });
    const wait =
      "for i in $(seq 100); do [ $(cat /sys/block/vdc/size) = 0 ] || break; sleep 0.1; done; cat /sys/block/vdc/size";
    expect(Number(await inGuest(vm, wait)) * 512).toBe(DISK_BYTES);
  });
});

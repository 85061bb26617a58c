/** How a build VM takes a spare disk that something was put behind. */
import type { BuildVm } from "./build-vm.ts";

export interface BoundDisk {
  /** Its driver's name for it, by which it is let go. */
  readonly device: string;
  /** `/dev/vdb`. */
  readonly disk: string;
}

/** A spare disk has no driver until it is asked for; prints the device's name and that of the disk, once its size is known. */
const BIND = `
driver=/sys/bus/virtio/drivers/virtio_blk
device=$1
if [ -z "$device" ]; then
  for found in $(ls /sys/bus/virtio/devices | sort -V); do
    [ -e /sys/bus/virtio/devices/$found/driver ] || { device=$found; break; }
  done
fi
echo $device >$driver/bind
disk=$(ls /sys/bus/virtio/devices/$device/block)
until [ -b /dev/$disk ]; do sleep 0.01; done
echo $device /dev/$disk
`;
/** Of the device that is its argument. */
export const UNBIND = `echo $1 >/sys/bus/virtio/drivers/virtio_blk/unbind`;

/** `known`: the one to bind again; default: the first that has no driver. */
export async function bindSpare(build: BuildVm, known?: BoundDisk): Promise<BoundDisk> {
  const [device = "", disk = ""] = (await build.mustRun(BIND, [known?.device ?? ""])).split(" ");
  return { device, disk };
}

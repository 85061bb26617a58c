/** What a guest's kernel refuses to do with files of a mount: docs/volume-server.md. */
import type { VolumeMount } from "@fastvm/contract";

const [READONLY, NOEXEC, NOSUID, NODEV] = [1, 2, 4, 8];

/** Nothing of a volume is a device of the guest's, or lends rights: others write to it, too. */
export function mountFlags({ readOnly, noexec, nosuid, nodev, source }: VolumeMount): number {
  const isVolume = source === undefined;
  return (
    (readOnly ? READONLY : 0) |
    (noexec === true ? NOEXEC : 0) |
    (nosuid === true || isVolume ? NOSUID : 0) |
    (nodev === true || isVolume ? NODEV : 0)
  );
}

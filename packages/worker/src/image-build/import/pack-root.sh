# Writes the root file system of a disk to standard output, as a tar: runs in a build VM alone, as what it reads is a stranger's.
#
#   pack-root.sh DISK [TYPE]
#
# The first file system with a root in it, of the disk itself or of one of its partitions. What names its disks (etc/fstab) stays behind,
# as they are not there any more.
set -eu
disk=$1
wanted=${2:-}
root=/mnt

# Written since the kernel looked.
blockdev --rereadpt "$disk" 2>/dev/null || :

options_of() {
  case $1 in
    ext2 | ext3 | ext4) echo ro,noload ;;
    xfs) echo ro,norecovery,nouuid ;;
    btrfs | squashfs | erofs) echo ro ;;
    *) return 1 ;;
  esac
}

found=
for device in "$disk" "$disk"?*; do
  [ -b "$device" ] || continue
  type=$(blkid --probe --output value --match-tag TYPE "$device" 2>/dev/null) || continue
  found="$found $type"
  [ -z "$wanted" ] || [ "$wanted" = "$type" ] || continue
  options=$(options_of "$type") || continue
  mount -t "$type" -o "$options,nodev,nosuid,noexec" "$device" "$root" 2>/dev/null || continue
  if [ -d $root/etc ] && { [ -d $root/usr ] || [ -d $root/bin ]; }; then
    exec tar --create --file=- --format=pax --pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f --numeric-owner --sort=name \
      --xattrs --xattrs-include='*' --one-file-system --exclude=./etc/fstab --exclude=./lost+found --directory $root .
  fi
  umount $root
done
echo "refused: no file system in it has a root; there is:${found:- nothing that is known}" >&2
exit 3

#!/bin/sh
# Packs what runs before the root filesystem is there: the agent as /init, and the kernel modules without which there is no disk to mount
# and no link to the host. The same input gives the same bytes.
#
#   initramfs.sh <kernel modules folder (lib/modules/<version>)> <agent binary> <static busybox> <static curl> <output>
#
# /modules/order lists the files in /modules in the order in which they load, one a line. /tools is for images that have no tools
# of their own; the base image has, and leaves it.
set -eu
modules=$1
agent=$2
busybox=$3
curl=$4
output=$5

# Names as in modules.dep. What the kernel has built in (ext4 in Debian's cloud flavour) is skipped.
wanted='virtio_mmio virtio_console virtio_blk virtio-rng virtio_net ext4 fuse'

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# The module's path and those of its dependencies, what others need first.
with_dependencies() {
  awk -v name="$1" -F': *' '
    { file = $1; sub(/.*\//, "", file) }
    file == name ".ko" {
      count = split($2, needed, " ")
      for (i = count; i > 0; i--) print needed[i]
      print $1
      found = 1
    }
    END { exit !found }' "$modules/modules.dep"
}

is_built_in() {
  grep -q "/$1\.ko\$" "$modules/modules.builtin"
}

load_order() {
  for name in $wanted; do
    if is_built_in "$name"; then continue; fi
    if ! with_dependencies "$name"; then
      echo "the kernel has no module $name" >&2
      return 1
    fi
  done
}

mkdir "$tree/dev" "$tree/proc" "$tree/sys" "$tree/newroot" "$tree/modules" "$tree/tools"
install -m 0755 "$busybox" "$tree/tools/busybox"
install -m 0755 "$curl" "$tree/tools/curl"
install -m 0755 "$agent" "$tree/init"
order=$(load_order)
printf '%s\n' "$order" | awk '!seen[$0]++' | while read -r path; do
  install -m 0644 "$modules/$path" "$tree/modules/"
  basename "$path" >>"$tree/modules/order"
done

find "$tree" -exec touch --no-dereference --date=@0 {} +
# Not compressed: see README.md for what that was measured to cost.
(cd "$tree" && find . -mindepth 1 -print0 | LC_ALL=C sort -z |
  cpio --quiet --null --create --format=newc --reproducible --owner=0:0) >"$output"

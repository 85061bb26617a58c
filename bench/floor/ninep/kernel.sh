#!/bin/sh
# Makes what a VM boots that mounts a folder of the host by 9p: Debian's generic kernel, as that for clouds, the guests', has no client for
# it, and an initramfs with the modules of it. Printed is the folder they are in.
#
#   kernel.sh <cache folder>
#
# leaves <cache folder>/bench/ninep-<recipe digest>/: vmlinuz, initramfs.cpio, packages.txt. It is whole, or not there.
set -eu
here=$(dirname "$(readlink -f "$0")")
sources=$(readlink -f "$here/../../../guest/image")/apt-sources.sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

codename=bookworm
meta=linux-image-amd64
busybox=/bin/busybox
modules='virtio_mmio virtio_blk virtio_console ext4 9pnet_virtio 9p'

folder=$1/bench/ninep-$(cat "$here/kernel.sh" "$here/init" "$sources" | sha256sum | cut -c 1-16)
if [ -e "$folder" ]; then
  echo "$folder"
  exit
fi
mkdir -p "$1/bench"
work=$(mktemp -d "$1/bench/.partial.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
made=$work/made
tree=$work/tree

# The lists and the state of apt are our own: what the host has installed has no part in it. Its proxies and keys have.
apt() {
  tool=$1
  shift
  "$tool" -q -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State="$work/state" \
    -o Dir::State::status=/dev/null -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root -o APT::Architecture=amd64 "$@"
}

mkdir -p "$made" "$work/state/lists/partial" "$work/cache/archives/partial" "$work/debs" "$tree/bin" "$tree/modules"
"$sources" "$codename" >"$work/sources.list"
apt apt-get update >&2
# The meta package depends on the one of the current version.
package=$(apt apt-cache depends --important "$meta" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
(cd "$work/debs" && apt apt-get download "$package" >&2)
dpkg-deb --extract "$work"/debs/*.deb "$work/unpacked"
dpkg-deb --show "$work"/debs/*.deb >"$made/packages.txt"
version=$(ls "$work/unpacked/lib/modules")
depmod --basedir "$work/unpacked" "$version"
cp "$work/unpacked/boot/vmlinuz-$version" "$made/vmlinuz"

install -m 0755 "$busybox" "$tree/bin/busybox"
install -m 0755 "$here/init" "$tree/init"
# In the order in which they load: what others need first.
for module in $modules; do
  modprobe --dirname "$work/unpacked" --set-version "$version" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r path; do
  install -m 0644 "$path" "$tree/modules/"
  basename "$path" >>"$tree/modules/order"
done
(cd "$tree" && find . -mindepth 1 -print0 | cpio --quiet --null --create --format=newc --owner=0:0) >"$made/initramfs.cpio"

chmod 0755 "$made"
mv --no-target-directory "$made" "$folder"
echo "$folder"

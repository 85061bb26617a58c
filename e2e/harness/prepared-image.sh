#!/bin/bash
# Installs packages into a copy of a base image, by the host's processors: for an emulated guest the same is minutes. Into the cache, beside
# the images that VMs start from, and once for the same image and packages. Needs root.
#
#   prepared-image.sh <cache folder> <folder of the base image> <package>...
#
# prints the folder of the image. Everything that it mounts ends with it.
set -euo pipefail
recipe=$(readlink -f "$0")

# As in guest/image/rootfs.sh: a killed run leaves no mount behind.
if [ "${FASTVM_IMAGE_NAMESPACE:-}" != private ]; then
  exec env FASTVM_IMAGE_NAMESPACE=private unshare --mount --propagation private "$recipe" "$@"
fi

cache=$1
base=$(readlink -f "$2")
shift 2
# The folder of an image has its digest for a name.
digest=$({ cat "$recipe" && echo "$(basename "$base") $*"; } | sha256sum | cut -c 1-64)
target=$cache/images/$digest

# One at a time, and none beside guest/image/build.sh, which removes what a killed one left; the second finds what the first has made.
exec 9>"$cache/image-build.lock"
flock 9
if [ -e "$target/manifest.json" ]; then
  touch "$target"
  echo "$target"
  exit
fi

partial=$(mktemp -d "$cache/images/.partial.XXXXXX")
tree=$(mktemp -d)
trap 'umount --recursive --quiet "$tree" || true; rmdir "$tree"; rm -rf --one-file-system "$partial"' EXIT

cp --sparse=always "$base/rootfs.raw" "$partial/rootfs.raw"
chmod 0644 "$partial/rootfs.raw"
mount -o loop "$partial/rootfs.raw" "$tree"
mount --bind /dev "$tree/dev"
mount -t proc proc "$tree/proc"
# What a package brings is there and starts with the guest, not now.
printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
chmod +x "$tree/usr/sbin/policy-rc.d"
# The host's way to the archive, which is not the guest's.
mount --bind "$(readlink -f /etc/resolv.conf)" "$tree/etc/resolv.conf"
apt-config dump --format '%f "%v";%n' Acquire |
  grep -E '^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date|https?::Verify-Peer) "[^"]+";$' >"$tree/tmp/apt.conf" || true
in_tree() {
  chroot "$tree" env APT_CONFIG=/tmp/apt.conf DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
    apt-get -q -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root -o Dpkg::Options::=--force-unsafe-io "$@" >&2
}
in_tree update
in_tree install --yes --no-install-recommends "$@"
in_tree clean
rm -rf "$tree/usr/sbin/policy-rc.d" "$tree/tmp/apt.conf" "$tree"/var/lib/apt/lists/*
umount --recursive "$tree"

chmod 0444 "$partial/rootfs.raw"
ln "$base/vmlinuz" "$base/initramfs.cpio" "$partial/"
sed -e "s/^  \"digest\": \"[0-9a-f]*\"/  \"digest\": \"$digest\"/" "$base/manifest.json" >"$partial/manifest.json"
chmod 0755 "$partial"
mv --no-target-directory "$partial" "$target"
echo "$target"

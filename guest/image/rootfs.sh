#!/bin/sh
# Makes the root filesystem and takes the kernel apart: Debian packages in, a folder with everything that is the same for every agent out.
# Needs root (file owners, chroot). Everything it mounts ends with it.
#
#   rootfs.sh <folder, existing and empty>
#
# leaves there: rootfs.raw (ext4, sparse), vmlinuz, modules/ (lib/modules/<version> of the kernel), kernel-version, packages.txt.
set -eu
recipe=$(dirname "$(readlink -f "$0")")
folder=$(readlink -f "$1")
tree=$folder/tree

# mmdebstrap starts perl and python3 once per package: the system's, not what a version manager in front of them resolves each time.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

codename=bookworm
kernel_package=linux-image-cloud-amd64
# The API's default disk. Nearly all of it is a hole.
rootfs_size=10G

# A mount namespace of its own: a killed build leaves no mount behind, so cleaning up after it can never reach into the host's /proc or /dev.
if [ "${FASTVM_IMAGE_NAMESPACE:-}" != private ]; then
  exec env FASTVM_IMAGE_NAMESPACE=private unshare --mount --propagation private "$0" "$@"
fi

# Where the host reaches the archive through a proxy, or from a dated mirror, so must the build. The image itself gets none of it.
host_apt_options() {
  apt-config dump --format '%f "%v";%n' Acquire |
    grep -E '^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date|https?::Verify-Peer) "[^"]+";$' || true
}

list_packages() {
  sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$recipe/packages" | paste -sd, -
}

bootstrap() {
  # Licences stay. What a user installs later comes whole: customize.sh removes these settings from the image.
  host_apt_options >"$folder/apt.conf"
  "$recipe/apt-sources.sh" "$codename" >"$folder/sources.list"
  SOURCE_DATE_EPOCH=0 mmdebstrap --mode=root --variant=minbase --format=directory \
    --include="$(list_packages)" \
    --aptopt="$folder/apt.conf" \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook="'$recipe/unpack-kernel.sh' $kernel_package '$folder' \"\$1\"" \
    --customize-hook="'$recipe/customize.sh' \"\$1\"" \
    "$codename" "$tree" "$folder/sources.list"
}

# journal: the default of 128 MiB would be written round and round, and each clone's overlay grow to hold it.
# lazy_itable_init=0: else the guest's kernel zeroes inode tables in the background of its first minutes, in every template.
# resize: how far the disk may grow, in blocks: 2 TiB, what the API allows. Growing takes a journal credit for each block that is reserved for it, and with
# the default (16 TiB) more than a journal of this size has: the kernel then says that there is no space.
# hash_seed, UUID and time are fixed so that equal trees make equal filesystems.
make_filesystem() {
  export E2FSPROGS_FAKE_TIME=1
  mke2fs -q -t ext4 -L fastvm -m 1 -J size=16 \
    -U 6a5d1f5e-0c7b-4c54-9e0b-fa57f0000001 \
    -E resize=536870912,lazy_itable_init=0,lazy_journal_init=0,hash_seed=6a5d1f5e-0c7b-4c54-9e0b-fa57f0000002 \
    -d "$tree" "$folder/allocated.raw" "$rootfs_size" 2>&1
  # Inode tables are allocated though never written, which fallocate --dig-holes does not see; a copy leaves out all that is zero.
  cp --sparse=always "$folder/allocated.raw" "$folder/rootfs.raw"
  rm "$folder/allocated.raw"
}

bootstrap
make_filesystem
rm -rf --one-file-system "$tree" "$folder/apt.conf" "$folder/sources.list"

#!/bin/sh
# A hook of mmdebstrap: downloads the kernel and unpacks it, without installing it. Its modules go into the tree, its image beside it.
#
#   unpack-kernel.sh <meta package> <output folder> <tree>
set -eu
meta=$1
output=$2
tree=$3
work=$output/kernel
mkdir "$work"
cd "$work"

# The meta package depends on the one of the current version. APT_CONFIG, set by mmdebstrap, makes apt work on the tree.
package=$(apt-cache depends --important "$meta" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
# As root apt would download as _apt, which cannot write here.
apt-get -o APT::Sandbox::User=root download "$package"
dpkg-deb --extract ./*.deb unpacked
version=$(ls unpacked/lib/modules)

depmod --basedir unpacked "$version"

cp -a "unpacked/lib/modules/$version" "$output/modules"
mkdir -p "$tree/usr/lib/modules"
cp -a "unpacked/lib/modules/$version" "$tree/usr/lib/modules/"
cp "unpacked/boot/vmlinuz-$version" "$output/vmlinuz"
printf '%s\n' "$version" >"$output/kernel-version"
{
  dpkg-deb --show ./*.deb
  chroot "$tree" dpkg-query --show
} >"$output/packages.txt"
cd "$output"
rm -rf "$work"

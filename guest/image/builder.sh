#!/bin/sh
# Makes the disk that a VM which builds images has beside the base image: buildah, and the libraries of it that are not in that, unpacked
# from Debian's packages. The base image itself is everybody's and stays as it is.
#
#   builder.sh <folder, existing and empty>
#
# leaves there: builder.raw (ext4, to be mounted read-only), packages.txt.
set -eu
recipe=$(dirname "$(readlink -f "$0")")
folder=$(readlink -f "$1")
work=$folder/work
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

codename=bookworm
# The last two: which registries and signatures are accepted, and what a command in a container may do.
packages='buildah libgpgme11 libassuan0 golang-github-containers-image golang-github-containers-common'
# Three times what is in it.
size=64M

# The lists and the state of apt are our own: what the host has installed has no part in it. Its proxies and keys have.
apt_get() {
  apt-get -q -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State="$work/state" \
    -o Dir::State::status=/dev/null -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root -o APT::Architecture=amd64 "$@"
}

mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/debs" "$work/tree"
"$recipe/apt-sources.sh" "$codename" >"$work/sources.list"
apt_get update
# shellcheck disable=SC2086 # A list of words.
(cd "$work/debs" && apt_get download $packages)
for package in "$work"/debs/*.deb; do dpkg-deb --extract "$package" "$work/tree"; done
rm -rf "$work/tree/usr/share/man" "$work/tree/usr/share/bash-completion"
find "$work/tree/usr/share/doc" -type f ! -name copyright -delete

mke2fs -q -t ext4 -L builder -m 0 -O ^has_journal -d "$work/tree" "$folder/builder.raw" "$size"
for package in "$work"/debs/*.deb; do dpkg-deb --show "$package"; done >"$folder/packages.txt"
rm -rf --one-file-system "$work"

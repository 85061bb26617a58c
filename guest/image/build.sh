#!/bin/bash
# Builds the base image into ${FASTVM_CACHE_DIR:-/var/cache/fastvm}, and only what has changed of it:
#
#   rootfs/<recipe digest>/   root filesystem, kernel, modules: from Debian's packages, about a minute
#   images/<digest>/          rootfs.raw, vmlinuz (hard links), initramfs.cpio with the agent, manifest.json: a second or two
#   images/current            -> <digest>, the image that new VMs start from
#   builder/<recipe digest>/  builder.raw: what a VM that makes images of Dockerfiles has beside the image, some seconds
#   builder/current           -> <recipe digest>
#
#   build.sh [--refresh]      --refresh: take the packages anew (security updates)
#
# Everything appears whole, by rename. A build that is killed leaves a .partial folder, which the next one removes.
set -euo pipefail
recipe=$(dirname "$(readlink -f "$0")")
agent_source=$(dirname "$recipe")/agent
agent=$agent_source/build/fastvm-agent
curl=$agent_source/build/curl
cache=${FASTVM_CACHE_DIR:-/var/cache/fastvm}
busybox=/bin/busybox
log=$cache/image-build.log

die() {
  echo "image: $*" >&2
  exit 1
}

refresh=no
case "$*" in
  '') ;;
  --refresh) refresh=yes ;;
  *) die "usage: build.sh [--refresh]" ;;
esac
[ "$(id -u)" = 0 ] || die "building an image needs root: it makes files of other owners"

# What a step prints goes to the log; its name and time to the user.
step() {
  local what=$1 start=$SECONDS
  shift
  echo "image: $what …"
  "$@" >>"$log" 2>&1 || die "$what failed; the log is $log"
  echo "image: $what: $((SECONDS - start)) s"
}

digest_of() {
  sha256sum | cut -c 1-64
}

# Names and contents, in an order that is the same on every machine.
recipe_digest() {
  (cd "$recipe" && find apt-sources.sh packages rootfs.sh unpack-kernel.sh customize.sh files -type f -print0 | LC_ALL=C sort -z |
    xargs -0 sha256sum) | digest_of
}

cmdline() {
  sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$recipe/cmdline" | paste -sd' '
}

# One builder at a time. Children inherit the lock, so that what is left running of a killed build holds it, too.
lock() {
  mkdir -p "$cache/rootfs" "$cache/images" "$cache/builder"
  exec 9>"$cache/image-build.lock"
  if ! flock --nonblock 9; then
    echo "image: another build is running; waiting for it"
    flock 9
  fi
  rm -rf --one-file-system "$cache"/rootfs/.partial.* "$cache"/images/.partial.* "$cache"/builder/.partial.*
}

# Moves a finished folder to its name, durably: contents first, then the name.
publish() {
  chmod 0755 "$1"
  find "$1" \( -type f -o -type d \) -exec sync {} +
  mv --no-target-directory "$1" "$2"
  sync "$(dirname "$2")"
}

# A daemon that brings the cache within its budget leaves alone what was used a moment ago.
used() {
  [ ! -e "$1" ] || touch "$1"
}

build_rootfs() {
  local target=$1 partial
  partial=$(mktemp -d "$cache/rootfs/.partial.XXXXXX")
  step "root filesystem from Debian packages" "$recipe/rootfs.sh" "$partial"
  chmod 0444 "$partial/rootfs.raw" "$partial/vmlinuz"
  # Only --refresh finds one there; images made of it hold its files by links of their own.
  rm -rf --one-file-system "$target"
  step "writing it to disk" publish "$partial" "$target"
}

write_manifest() {
  local folder=$1 digest=$2 recipe_digest=$3
  cat >"$folder/manifest.json" <<JSON
{
  "digest": "$digest",
  "kernelVersion": "$(cat "$cache/rootfs/$recipe_digest/kernel-version")",
  "kernel": { "file": "vmlinuz", "sha256": "$(digest_of <"$folder/vmlinuz")" },
  "initramfs": { "file": "initramfs.cpio", "sha256": "$(digest_of <"$folder/initramfs.cpio")" },
  "rootfs": { "file": "rootfs.raw", "bytes": $(stat --format=%s "$folder/rootfs.raw") },
  "cmdline": "$(cmdline)",
  "recipeDigest": "$recipe_digest",
  "createdAt": "$(date --utc +%Y-%m-%dT%H:%M:%SZ)"
}
JSON
}

build_image() {
  local digest=$1 recipe_digest=$2 partial
  partial=$(mktemp -d "$cache/images/.partial.XXXXXX")
  ln "$cache/rootfs/$recipe_digest/rootfs.raw" "$cache/rootfs/$recipe_digest/vmlinuz" "$partial/"
  step "initramfs" "$recipe/initramfs.sh" "$cache/rootfs/$recipe_digest/modules" "$agent" "$busybox" "$curl" "$partial/initramfs.cpio"
  chmod 0444 "$partial/initramfs.cpio"
  write_manifest "$partial" "$digest" "$recipe_digest"
  publish "$partial" "$cache/images/$digest"
}

build_builder() {
  local target=$1 partial other
  partial=$(mktemp -d "$cache/builder/.partial.XXXXXX")
  step "builder of images from Debian packages" "$recipe/builder.sh" "$partial"
  chmod 0444 "$partial/builder.raw"
  rm -rf --one-file-system "$target"
  publish "$partial" "$target"
  # A VM that builds just now has it by a link of its own.
  for other in "$cache"/builder/*/; do
    if [ "${other%/}" != "$target" ] && [ ! -L "${other%/}" ]; then rm -rf --one-file-system "$other"; fi
  done
}

# In a folder of the cache.
set_current() {
  local folder=$cache/$1
  if [ "$(readlink "$folder/current")" != "$2" ]; then
    ln --symbolic --force --no-dereference "$2" "$folder/.partial.current"
    mv --no-target-directory "$folder/.partial.current" "$folder/current"
    sync "$folder"
  fi
}

lock
: >"$log"
if [ -e "$agent_source/Makefile" ]; then
  make -C "$agent_source" >>"$log" 2>&1 || die "building the agent failed; the log is $log"
fi
[ -x "$agent" ] || die "there is no agent at $agent"
[ -x "$curl" ] || die "there is no curl at $curl"
[ -x "$busybox" ] || die "there is no $busybox: install busybox-static"
if ldd "$busybox" >/dev/null 2>&1; then die "$busybox needs libraries: install busybox-static in place of busybox"; fi
case "$(cmdline)" in *[\"\\]*) die "a quote or backslash in $recipe/cmdline" ;; esac

recipe_digest=$(recipe_digest)
used "$cache/rootfs/$recipe_digest"
if [ "$refresh" = yes ] || [ ! -e "$cache/rootfs/$recipe_digest/packages.txt" ]; then
  build_rootfs "$cache/rootfs/$recipe_digest"
fi

# The versions of the packages are part of it: the same recipe gives another image after --refresh, and templates of the old one stay its own.
digest=$(
  {
    echo "$recipe_digest"
    cmdline
    sha256sum <"$cache/rootfs/$recipe_digest/packages.txt"
    sha256sum <"$agent"
    sha256sum <"$busybox"
    sha256sum <"$curl"
    sha256sum <"$recipe/initramfs.sh"
  } | digest_of
)
used "$cache/images/$digest"
if [ ! -e "$cache/images/$digest/manifest.json" ]; then
  build_image "$digest" "$recipe_digest"
fi
set_current images "$digest"

builder_digest=$(cat "$recipe/builder.sh" "$recipe/apt-sources.sh" | digest_of)
if [ "$refresh" = yes ] || [ ! -e "$cache/builder/$builder_digest/packages.txt" ]; then
  build_builder "$cache/builder/$builder_digest"
fi
set_current builder "$builder_digest"
echo "image: ready: $cache/images/$digest"

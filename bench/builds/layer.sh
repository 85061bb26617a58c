#!/bin/sh
# Makes the only layer of an image from Debian's packages and what they depend on, unpacked and not installed: small stand-ins for the
# official images of languages, which a machine without the internet has not.
#
#   layer.sh <tar> <package>...
set -eu
tar=$1
shift
recipe=$(dirname "$(readlink -f "$0")")
codename=bookworm
work=$(mktemp -d /var/tmp/fastvm-layer-XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

# The lists and the state of apt are our own: what the host has installed has no part in it. Its proxies and keys have.
apt_get() {
  apt-get -q -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State="$work/state" \
    -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root -o APT::Architecture=amd64 "$@"
}

mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/root/tmp"
: >"$work/status"
"$recipe/../../guest/image/apt-sources.sh" "$codename" >"$work/sources.list"
apt_get update
apt_get install --yes --no-install-recommends --download-only base-files base-passwd dash coreutils "$@"
# As one tar, since each package's own would put folders where links of the one before are.
for package in "$work"/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar --extract --keep-directory-symlink --directory "$work/root"
done
root=$work/root
rm -rf "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale" "$root/usr/share/info" "$root/usr/share/lintian"
# Tests of Go's own, three tenths of what it has.
rm -rf "$root"/usr/share/go-*/test
find "$root"/usr/share/go-* "$root"/usr/lib/go-* -name testdata -prune -exec rm -rf {} + 2>/dev/null || :
# What scripts of packages would have made.
[ -e "$root/bin/sh" ] || ln -s dash "$root/bin/sh"
cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
chmod 1777 "$root/tmp"
tar --create --file "$tar" --sort=name --owner=0 --group=0 --numeric-owner --directory "$root" .

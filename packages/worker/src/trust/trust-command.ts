/**
 * The command that makes a guest trust. It does what Debian's update-ca-certificates would do for the
 * files that come and go, in a dozen processes in place of a thousand (1 s against 16 s under emulation
 * on a busy host), and leaves things as that tool, whenever the guest's owner runs it, leaves them, too.
 */
import { anchorFileName, BUNDLES } from "./trust.ts";
import type { Anchor } from "./trust.ts";

/** Exit status of a guest that keeps no such bundle: it has the files and nothing else. */
const NO_BUNDLE = 3;
/** Of one whose first bundle is another than the first that there may be. */
const FIRST_OTHER = 10;
const statusOf = (index: number): number => (index === 0 ? 0 : FIRST_OTHER + index);
/** Which bundle a guest has by that status, if it has one; `failed` where it does not trust what it is to trust. */
export function bundleBy(status: number): { readonly bundle?: string } | "failed" {
  if (status === NO_BUNDLE) return {};
  const bundle = BUNDLES.find((_, index) => statusOf(index) === status);
  return bundle === undefined ? "failed" : { bundle };
}
/** Where the tools of other families look for what an owner adds. */
const ANCHORS = ["/etc/pki/ca-trust/source/anchors", "/etc/pki/trust/anchors"];

/**
 * Its arguments: the root of the filesystem, then name and content of each file that is to be there. First
 * all of ours goes, also what an earlier run left half done; from the bundle one block for each file, since
 * the owner may have the same certificate there by a file of his own. Hooks are those of Java's keystore.
 */
const SCRIPT = `
set -e
root=$1
shift
folder=$root/usr/local/share/ca-certificates/fastvm
certs=$root/etc/ssl/certs
bundles=
status=
found() {
  [ -f "$root$1" ] || return 0
  status=\${status:-$2}
  file=$(readlink -f "$root$1")
  case "$bundles " in *" $file "*) ;; *) bundles="$bundles $file" ;; esac
}
${BUNDLES.map((path, index) => `found ${path} ${statusOf(index)}`).join("\n")}
mkdir -p "$folder"
changes=
old=
for file in "$folder"/fastvm-*.crt; do
  if [ -f "$file" ]; then
    old=$folder/fastvm-*.crt
    name=\${file##*/}
    changes="$changes-$certs/\${name%.crt}.pem
"
  fi
done
for bundle in $bundles; do
  awk -v bundle="$bundle" '
    /^-----BEGIN / { inside = 1; block = "" }
    !inside { if (FILENAME == bundle) print; next }
    { block = block $0 "\\n" }
    /^-----END / {
      inside = 0
      if (FILENAME != bundle) ours[block]++
      else if (ours[block] > 0) ours[block]--
      else printf "%s", block
    }' $old "$bundle" > "$bundle.fastvm"
done
rm -f $old
for anchors in ${ANCHORS.map((path) => `"$root${path}"`).join(" ")}; do rm -f "$anchors"/fastvm-*.crt; done
while [ $# -gt 0 ]; do
  printf '%s' "$2" > "$folder/$1"
  chmod 644 "$folder/$1"
  for anchors in ${ANCHORS.map((path) => `"$root${path}"`).join(" ")}; do
    [ ! -d "$anchors" ] || cp "$folder/$1" "$anchors/"
  done
  shift 2
done
[ -n "$bundles" ] || exit ${NO_BUNDLE}
for link in "$certs"/*; do
  if [ -L "$link" ] && [ ! -e "$link" ]; then
    case "$(readlink "$link")" in "$folder"/* | fastvm-*.pem) rm -f "$link" ;; esac
  fi
done
for file in "$folder"/fastvm-*.crt; do
  [ -f "$file" ] || continue
  name=\${file##*/}
  pem=\${name%.crt}.pem
  for bundle in $bundles; do cat "$file" >> "$bundle.fastvm"; done
  [ -d "$certs" ] || continue
  ln -sf "$file" "$certs/$pem"
  changes="$changes+$certs/$pem
"
  if hash=$(openssl x509 -noout -hash -in "$file"); then
    n=0
    while [ -e "$certs/$hash.$n" ] && [ "$(readlink "$certs/$hash.$n")" != "$pem" ]; do n=$((n + 1)); done
    ln -sf "$pem" "$certs/$hash.$n"
  fi
done
for bundle in $bundles; do
  chmod 644 "$bundle.fastvm"
  mv -f "$bundle.fastvm" "$bundle"
done
for hook in "$root"/etc/ca-certificates/update.d/*; do
  if [ -x "$hook" ]; then printf '%s' "$changes" | "$hook" || true; fi
done
exit "$status"
`;

/** `root`: of the filesystem that is to change, but for tests the guest's. */
export function trustCommand(anchors: readonly Anchor[], root = ""): readonly string[] {
  return [
    "sh",
    "-c",
    SCRIPT,
    "sh",
    root,
    ...anchors.flatMap((anchor) => [anchorFileName(anchor), anchor.pem]),
  ];
}

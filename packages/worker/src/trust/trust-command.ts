/**
 * The command that makes a guest trust. It does what Debian's update-ca-certificates would do for the
 * files that come and go, in a dozen processes in place of a thousand (1 s against 16 s under emulation
 * on a busy host), and leaves things as that tool, whenever the guest's owner runs it, leaves them, too.
 */
import { anchorFileName, BUNDLE } from "./trust.ts";
import type { Anchor } from "./trust.ts";

/** Exit status of a guest that keeps no such bundle: it has the files and nothing else. */
export const NO_BUNDLE = 3;

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
bundle=$root${BUNDLE}
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
new=$bundle.fastvm
if [ -f "$bundle" ]; then
  awk -v bundle="$bundle" '
    /^-----BEGIN / { inside = 1; block = "" }
    !inside { if (FILENAME == bundle) print; next }
    { block = block $0 "\\n" }
    /^-----END / {
      inside = 0
      if (FILENAME != bundle) ours[block]++
      else if (ours[block] > 0) ours[block]--
      else printf "%s", block
    }' $old "$bundle" > "$new"
fi
rm -f $old
while [ $# -gt 0 ]; do
  printf '%s' "$2" > "$folder/$1"
  chmod 644 "$folder/$1"
  shift 2
done
[ -f "$bundle" ] || exit ${NO_BUNDLE}
find -L "$certs" -maxdepth 1 -type l '(' -lname "$folder/*" -o -lname 'fastvm-*.pem' ')' -delete
for file in "$folder"/fastvm-*.crt; do
  [ -f "$file" ] || continue
  name=\${file##*/}
  pem=\${name%.crt}.pem
  cat "$file" >> "$new"
  ln -sf "$file" "$certs/$pem"
  changes="$changes+$certs/$pem
"
  if hash=$(openssl x509 -noout -hash -in "$file"); then
    n=0
    while [ -e "$certs/$hash.$n" ] && [ "$(readlink "$certs/$hash.$n")" != "$pem" ]; do n=$((n + 1)); done
    ln -sf "$pem" "$certs/$hash.$n"
  fi
done
chmod 644 "$new"
mv -f "$new" "$bundle"
for hook in "$root"/etc/ca-certificates/update.d/*; do
  if [ -x "$hook" ]; then printf '%s' "$changes" | "$hook" || true; fi
done
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

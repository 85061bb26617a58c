#!/bin/sh
# Prints the host's own Debian sources for one release as one-line entries ("deb URI suite components"), so that the image comes from
# the mirror that its host uses. Reads sources.list(5) in both its forms.
#
#   apt-sources.sh <codename> [<apt folder, default /etc/apt>]
#
# Fails when there is no entry for the release itself.
set -eu
codename=$1
folder=${2:-/etc/apt}

# Third parties reuse Debian's codenames ("deb https://download.docker.com/linux/debian bookworm stable"), so an entry counts as Debian's own
# only if it has the component main, a URI that ends as Debian's archives do, and no keyring but Debian's.
# shellcheck disable=SC2016 # The program is awk's.
select='
function own(uri, suite, components, keyring) {
  if (suite != codename && suite != codename "-updates" && suite != codename "-security") return
  if ((" " components " ") !~ / main /) return
  sub(/\/+$/, "", uri)
  if (uri !~ /\/debian(-security)?$/ && uri !~ /^mirror\+file:/) return
  if (keyring != "" && keyring !~ /debian-archive/) return
  line = "deb " uri " " suite " " components
  if (!(line in seen)) print line
  seen[line] = 1
}
'

one_line() {
  awk -v codename="$codename" "$select"'
    $1 == "deb" {
      keyring = ""; i = 2
      if ($2 ~ /^\[/) {
        while (i <= NF) { if ($i ~ /signed-by=/) keyring = $i; if ($i ~ /\]$/) break; i++ }
        i++
      }
      uri = $i; suite = $(i + 1); components = ""
      for (j = i + 2; j <= NF && $j !~ /^#/; j++) components = components (components == "" ? "" : " ") $j
      own(uri, suite, components, keyring)
    }' "$@"
}

deb822() {
  awk -v codename="$codename" "$select"'
    function flush(    u, s, i, j, nu, ns) {
      if ((" " field["types"] " ") ~ / deb / && tolower(field["enabled"]) != "no") {
        nu = split(field["uris"], u, " "); ns = split(field["suites"], s, " ")
        gsub(/ +/, " ", field["components"])
        for (i = 1; i <= nu; i++) for (j = 1; j <= ns; j++) own(u[i], s[j], field["components"], field["signed-by"])
      }
      delete field
    }
    FNR == 1 { flush() }
    /^[ \t]*$/ { flush(); next }
    /^#/ { next }
    /^[ \t]/ { sub(/^[ \t]+/, ""); field[name] = field[name] " " $0; next }
    { name = tolower($0); sub(/:.*/, "", name); value = $0; sub(/^[^:]*:[ \t]*/, "", value); sub(/[ \t]+$/, "", value); field[name] = value }
    END { flush() }' "$@"
}

entries=$(
  for file in "$folder"/sources.list "$folder"/sources.list.d/*.list; do
    if [ -f "$file" ]; then one_line "$file"; fi
  done
  for file in "$folder"/sources.list.d/*.sources; do
    if [ -f "$file" ]; then deb822 "$file"; fi
  done
)
if ! printf '%s\n' "$entries" | grep -q " $codename main"; then
  echo "no Debian $codename entry in $folder/sources.list or $folder/sources.list.d" >&2
  exit 1
fi
printf '%s\n' "$entries" | awk '!seen[$0]++'

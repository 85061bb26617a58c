# Installs the Debian packages that are missing, and starts no service. Sourced by bash; expects steps.sh.

POLICY_FILE=/usr/sbin/policy-rc.d
CLUSTER_CONF=/etc/postgresql-common/createcluster.conf
# Another apt may be running, an unattended upgrade for instance.
APT_LOCK_SECONDS=300
policy_is_ours=no
lists_are_fresh=no

# packages_of FILE... prints the first word of each line that is not a comment.
packages_of() {
  sed -n 's/^\([a-z0-9][a-z0-9.+-]*\).*/\1/p' "$@"
}

# missing_packages NAME... prints the names that are not installed.
missing_packages() {
  local installed
  # dpkg-query fails when it has never heard of one of the names, and still prints the others.
  installed=$({ dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null || true; } | sed -n 's/^.i  *//p')
  printf '%s\n' "$@" | grep -vxF -f <(printf '%s\n' "$installed") || true
}

# install_packages FILE... installs what the lists name and the machine lacks.
install_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    fail "set-up installs its packages with apt-get, and this system has none; FastVM needs Debian 12 or newer"
  fi
  local -a wanted missing
  mapfile -t wanted < <(packages_of "$@")
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  [ "${#missing[@]}" -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    fail "only root can install Debian packages; run this as root, or first:" \
      "apt-get install --no-install-recommends ${missing[*]}"
  fi
  refresh_package_lists_once
  step apt-install "install ${#missing[@]} Debian packages: ${missing[*]}" install_without_services "${missing[@]}"
}

# Of a mirror that answers in part, apt still uses what it got: the installation decides whether that is enough.
refresh_package_lists_once() {
  [ "$lists_are_fresh" = no ] && [ "$(id -u)" -eq 0 ] || return 0
  step apt-update "refresh the package lists" refresh_package_lists
  lists_are_fresh=yes
}

refresh_package_lists() {
  retry apt_get -o APT::Update::Error-Mode=any update || echo "Going on with the package lists that are there"
}

install_without_services() {
  forbid_services
  forbid_postgres_cluster "$@"
  local status=0
  retry apt_get install --yes --no-install-recommends "$@" || status=$?
  allow_services
  return "$status"
}

apt_get() {
  DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 NEEDRESTART_MODE=l \
    apt-get -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout="$APT_LOCK_SECONDS" "$@"
}

# Packages ask policy-rc.d before they start a service; 101 forbids it. A policy of the machine's own stays.
forbid_services() {
  [ ! -e "$POLICY_FILE" ] || return 0
  printf '#!/bin/sh\nexit 101\n' >"$POLICY_FILE"
  chmod 755 "$POLICY_FILE"
  policy_is_ours=yes
}

allow_services() {
  [ "$policy_is_ours" = yes ] || return 0
  rm -f "$POLICY_FILE"
  policy_is_ours=no
}

# Debian's postgresql makes a cluster as it is installed. The tests start one of their own and need no other.
forbid_postgres_cluster() {
  case " $* " in *" postgresql "*) ;; *) return 0 ;; esac
  [ ! -e "$CLUSTER_CONF" ] || return 0
  mkdir -p "${CLUSTER_CONF%/*}"
  echo "create_main_cluster = false" >"$CLUSTER_CONF"
}

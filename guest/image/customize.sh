#!/bin/sh
# A hook of mmdebstrap: turns the installed packages into an image for a microVM that boots fast, is quiet when idle, and holds nothing
# that two clones must not share.
#
#   customize.sh <tree>
set -eu
recipe=$(dirname "$(readlink -f "$0")")
tree=$1
units=$tree/etc/systemd/system

cp -a --no-preserve=ownership "$recipe/files/." "$tree/"

mask() {
  for unit in "$@"; do ln -sf /dev/null "$units/$unit"; done
}

# Generators run at every boot, one process each, before any unit starts.
mask_generators() {
  mkdir -p "$tree/etc/systemd/system-generators"
  for name in "$@"; do ln -sf /dev/null "$tree/etc/systemd/system-generators/systemd-$name-generator"; done
}

# Periodic work: each would wake every idle clone, most of them at the same moment, and dirty its memory.
mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  systemd-tmpfiles-clean.timer
# The console belongs to the agent.
mask getty.target getty@.service serial-getty@.service console-getty.service container-getty@.service autovt@.service \
  systemd-ask-password-console.path systemd-ask-password-wall.path
# The host gives identity and entropy, after every restore. What the image saved of its own would be the same in every clone.
mask systemd-random-seed.service systemd-machine-id-commit.service systemd-firstboot.service systemd-boot-random-seed.service \
  systemd-boot-system-token.service
# The agent mounts the root as it shall be.
mask systemd-remount-fs.service
# State of hardware that is not there, and of boots that are not booted again.
mask systemd-pstore.service systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-journal-flush.service \
  systemd-hwdb-update.service systemd-network-generator.service dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
  sys-kernel-config.mount modprobe@.service systemd-quotacheck.service quotaon.service kmod-static-nodes.service \
  systemd-initctl.socket systemd-journald-audit.socket
mask_generators bless-boot cryptsetup getty gpt-auto hibernate-resume integritysetup rc-local system-update veritysetup

# Made anew at every boot but for this link, which leads out of its folder: files/etc/tmpfiles.d/legacy.conf.
rm -f "$tree/var/log/README"

# Cron is for its user's jobs. Those that packages bring would wake every clone in the same minute.
rm -f "$tree"/etc/cron.daily/apt-compat "$tree"/etc/cron.daily/dpkg "$tree"/etc/cron.d/e2scrub_all

# "./module.pyc" as a command: not worth a mount and a process at every boot.
rm -f "$tree"/usr/lib/binfmt.d/python3*.conf

# logind has no seats and, without pam_systemd, no sessions to care for; D-Bus starts it for who asks.
rm -f "$tree/usr/lib/systemd/system/multi-user.target.wants/systemd-logind.service"
ln -sf /usr/lib/systemd/system/multi-user.target "$units/default.target"

# One connection, one sshd: no daemon waits in an idle VM.
chroot "$tree" systemctl --quiet disable ssh.service
chroot "$tree" systemctl --quiet enable ssh.socket

# Root works without a password from inside (the agent), never by one from outside.
chroot "$tree" passwd --quiet --lock root
chroot "$tree" usermod --shell /bin/bash root

# What every clone gets anew.
rm -f "$tree"/etc/ssh/ssh_host_* "$tree/var/lib/systemd/random-seed" "$tree/var/lib/dbus/machine-id" "$tree/etc/hostname"
: >"$tree/etc/machine-id"
ln -s /etc/machine-id "$tree/var/lib/dbus/machine-id"
echo fastvm >"$tree/etc/hostname"
rm -f "$tree/etc/resolv.conf"
# The gateway of every VM, which answers as the VM's policy says.
echo "nameserver 192.0.0.1" >"$tree/etc/resolv.conf"

mv "$tree/etc/apt/sources.list.d/0000sources.list" "$tree/etc/apt/sources.list"

# mmdebstrap's own settings: the proxy is the host's, and what the image leaves out (manual pages, translations) its user's packages may well bring.
rm -f "$tree/etc/apt/apt.conf.d/99mmdebstrap"
rm -f "$tree/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
# Debian's Java and others link theirs without making the folder first, and cannot be installed where it is missing.
for section in 1 2 3 4 5 6 7 8; do mkdir -p "$tree/usr/share/man/man$section"; done

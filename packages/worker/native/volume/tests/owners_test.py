"""Owners, modes and types that are the guest's and not the host's."""

import errno
import os
import struct
import subprocess

import raw_guest as fuse
from raw_guest import name
from volume_test import VolumeTest


class Owners(VolumeTest):
    def test_owner_mode_and_type_are_kept_in_an_attribute(self):
        self.put("", "of-host")
        _, guest = self.mounted(stat="strict")
        _, node, _ = guest.create(1, "a", mode=0o4711, uid=5, gid=6)
        guest.ask(fuse.MKNOD, 1, struct.pack("<IIII", 0o020640, 0x103, 0, 0) + name("null"))
        self.assertEqual(guest.ask(fuse.SYMLINK, 1, name("l") + name("/anywhere"))[0], 0)
        found = guest.attributes(node)[1]
        self.assertEqual((found["mode"], found["uid"], found["gid"]), (0o104711, 5, 6))
        on_host = os.stat(self.path("a"))
        self.assertEqual((on_host.st_mode, on_host.st_uid), (0o100600, os.geteuid()))
        self.assertEqual(os.getxattr(self.path("a"), "user.msb.override_stat"), struct.pack("<IIIII", 1, 5, 6, 0o104711, 0))
        self.assertEqual(guest.attributes(guest.lookup(1, "null")[1])[1]["mode"], 0o020640)
        self.assertTrue(os.path.isfile(self.path("l")) and not os.path.islink(self.path("l")))
        self.assertEqual(guest.ask(fuse.READLINK, guest.lookup(1, "l")[1]), (0, b"/anywhere"))
        self.assertEqual(guest.attributes(guest.lookup(1, "of-host")[1])[1]["uid"], 0)

    def test_a_guest_neither_sees_nor_sets_that_attribute(self):
        _, guest = self.mounted(stat="strict")
        _, node, _ = guest.create(1, "a")
        body = struct.pack("<II", 20, 0) + name("user.msb.override_stat") + bytes(20)
        self.assertEqual(guest.ask(fuse.SETXATTR, node, body)[0], errno.EPERM)
        self.assertEqual(guest.ask(fuse.GETXATTR, node, bytes(8) + name("user.msb.override_stat"))[0], errno.ENODATA)

    def test_a_broken_attribute_is_an_error(self):
        self.put("", "a")
        os.setxattr(self.path("a"), "user.msb.override_stat", b"short")
        _, guest = self.mounted(stat="strict")
        self.assertEqual(guest.lookup(1, "a")[0], errno.EIO)

    def test_permissions_are_mirrored_with_a_floor(self):
        _, guest = self.mounted(stat="strict", permissions="mirror")
        guest.create(1, "a", mode=0o4055)
        self.assertEqual(os.stat(self.path("a")).st_mode, 0o100655)


class OwnersNowhere(VolumeTest):
    """On a file system that holds no attribute."""

    def setUp(self):
        super().setUp()
        subprocess.run(["mount", "-t", "ramfs", "-o", "mode=0755", "ramfs", self.root], check=True)
        self.addCleanup(subprocess.run, ["umount", self.root], check=True)
        self.put("", "of-host")
        os.chown(self.path("of-host"), 12, 34)
        os.chmod(self.path("of-host"), 0o640)

    def seen(self, guest):
        found = guest.attributes(guest.lookup(1, "of-host")[1])[1]
        return found["mode"] & 0o7777, found["uid"], found["gid"]

    def test_strict_refuses_it_relaxed_goes_on_without_and_off_has_the_hosts(self):
        server = self.start(attach=False)
        refused = server.attach("data", self.root, stat="strict")
        self.assertEqual((refused["ok"], refused["errno"]), (False, "EOPNOTSUPP"))
        _, relaxed = self.mounted(stat="relaxed")
        self.assertEqual(self.seen(relaxed)[1:], (65534, 65534))
        _, node, _ = relaxed.create(1, "a", mode=0o644, uid=5, gid=6)
        self.assertEqual(relaxed.attributes(node)[1]["uid"], 0)
        _, off = self.mounted(stat="off")
        self.assertEqual(self.seen(off), (0o640, 12, 34))
        _, node, _ = off.create(1, "b", mode=0o644, uid=5, gid=6)
        found = os.stat(self.path("b"))
        self.assertEqual((found.st_mode & 0o7777, found.st_uid, found.st_gid), (0o644, 5, 6))

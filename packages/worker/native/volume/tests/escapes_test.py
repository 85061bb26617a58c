"""What a guest may try that is root and speaks for itself."""

import errno
import os
import struct
import subprocess
import threading

import raw_guest as fuse
from raw_guest import Guest, name
from volume_test import CONFINED, USER, VolumeTest


class Escapes(VolumeTest):
    def setUp(self):
        super().setUp()
        self.outside = os.path.join(self.folder, "outside")
        os.mkdir(self.outside)
        with open(os.path.join(self.outside, "secret"), "w", encoding="utf8") as file:
            file.write("secret")

    def test_names_that_lead_away_are_refused(self):
        os.mkdir(self.path("d"))
        _, guest = self.mounted()
        _, folder = guest.lookup(1, "d")
        for parent in (1, folder):
            for text in ("..", ".", "", "../outside", "/etc", "d/..", "a\0b"[:0], b"d/", "x" * 256, "x" * 5000):
                refusal = errno.ENAMETOOLONG if len(text) > 255 else errno.EINVAL
                self.assertEqual(guest.lookup(parent, text)[0], refusal, text)
                self.assertEqual(guest.create(parent, text)[0], refusal, text)
                rename = struct.pack("<Q", 1) + name("d") + name(text)
                self.assertEqual(guest.ask(fuse.RENAME, 1, rename)[0], refusal, text)
            self.assertEqual(guest.ask(fuse.LOOKUP, parent, b"no end")[0], errno.EINVAL)

    def test_links_are_told_of_and_not_followed(self):
        for link, target in (("up", ".."), ("out", "../outside/secret"), ("abs", "/etc/passwd"), ("magic", "/proc/self/root")):
            os.symlink(target, self.path(link))
        _, guest = self.mounted()
        for link in ("up", "out", "abs", "magic"):
            _, node = guest.lookup(1, link)
            self.assertEqual(guest.attributes(node)[1]["mode"] & 0o170000, 0o120000)
            self.assertEqual(guest.open(node)[0], errno.ELOOP)
            self.assertEqual(guest.ask(fuse.OPENDIR, node, bytes(8))[0], errno.ENOTDIR)
            self.assertEqual(guest.lookup(node, "secret")[0], errno.ENOTDIR)
            self.assertEqual(guest.create(1, link)[0], errno.ELOOP)

    def test_folders_that_become_links_meanwhile_lead_nowhere(self):
        os.mkdir(self.path("a"))
        os.mkdir(self.path("b"))
        os.mkdir(self.path("b", "inner"))
        server, guest = self.mounted()
        _, node = guest.lookup(1, "a")
        _, inner = guest.lookup(guest.lookup(1, "b")[1], "inner")
        stop = threading.Event()

        def swap():
            while not stop.is_set():
                os.rename(self.path("a"), self.path("away"))
                os.symlink("../outside", self.path("a"))
                os.rename(self.path("b"), self.path("moved"))
                os.unlink(self.path("a"))
                os.rename(self.path("away"), self.path("a"))
                os.rename(self.path("moved"), self.path("b"))

        thread = threading.Thread(target=swap)
        thread.start()
        for _ in range(500):
            self.assertEqual(guest.lookup(node, "secret")[0], errno.ENOENT)
            self.assertEqual(guest.lookup(inner, "secret")[0], errno.ENOENT)
            error, found = guest.lookup(1, "a")
            if error == 0:
                self.assertIn(guest.lookup(found, "secret")[0], (errno.ENOENT, errno.ENOTDIR))
        stop.set()
        thread.join()
        self.assertEqual(self.text("..", "outside", "secret"), "secret")
        self.assertEqual(os.listdir(self.outside), ["secret"])

    def test_numbers_that_were_never_given_are_stale(self):
        self.put("", "a")
        _, guest = self.mounted()
        _, node = guest.lookup(1, "a")
        for number in (0, 2, 3, node + 1, node ^ 1 << 32, 1 << 32 | 1, 2**64 - 1, 2**63):
            self.assertEqual(guest.attributes(number)[0], errno.ESTALE, number)
            self.assertEqual(guest.read(node, number)[0], errno.EBADF)
        guest.post(fuse.FORGET, node, struct.pack("<Q", 1))
        self.assertEqual(guest.attributes(node)[0], errno.ESTALE)

    def test_lengths_that_lie_are_errors(self):
        _, guest = self.mounted()
        _, node, handle = guest.create(1, "a")
        lie = struct.pack("<QQIIQII", handle, 0, 5000, 0, 0, 0, 0) + b"short"
        self.assertEqual(guest.ask(fuse.WRITE, node, lie)[0], errno.EINVAL)
        self.assertEqual(guest.read(node, handle, size=2**31)[0], errno.EINVAL)
        self.assertEqual(guest.ask(fuse.SETXATTR, node, struct.pack("<II", 60000, 0) + name("user.a") + b"x")[0], errno.EINVAL)
        for opcode in range(1, 60):
            if opcode not in (fuse.INIT, fuse.FORGET, 38, 42, fuse.INTERRUPT):
                guest.ask(opcode, node, b"\xff" * 3)
        self.assertEqual(guest.attributes(node)[0], 0)

    def test_what_is_no_frame_begins_a_new_session(self):
        server, guest = self.mounted()
        _, node, handle = guest.create(1, "a")
        guest.port.sendall(b"\xde\xad" * 40)
        guest.connect(server)
        self.assertTrue(guest.has_table)
        self.assertEqual(guest.write(node, handle, b"on"), 0)

    def test_the_mount_it_is_given_ends_at_its_root(self):
        server, guest = self.start("--user", str(USER), "--rights", "owner", attach=False), Guest()
        command = [CONFINED, "attach", "--control", server.control, "--tag", "data", "--path", self.root, "--options", "readonly,nosuid"]
        self.assertEqual(subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode, 0)
        os.symlink(self.root, os.path.join(self.folder, "linked"))
        command[7], command[5] = os.path.join(self.folder, "linked"), "other"
        refused = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(refused.returncode, 1)
        guest.connect(server)
        self.assertEqual(guest.mount(), 0)
        pid = server.process.pid
        with open(f"/proc/{pid}/status", encoding="utf8") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        self.assertEqual(status["Uid"].split(), [str(USER)] * 4)
        self.assertEqual(int(status["CapEff"], 16), 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4)
        self.assertEqual(status["CapBnd"], status["CapPrm"])
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        self.assertNotEqual(os.readlink(f"/proc/{pid}/ns/net"), os.readlink("/proc/self/ns/net"))
        self.assertEqual(os.listdir(f"/proc/{pid}/root"), [])

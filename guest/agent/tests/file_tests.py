"""Files written and read: whole or not at all."""

import os
import stat
import struct
import subprocess
import unittest

import link_client as wire
from agent_case import AgentTest, MIB
from link_client import argv, field


class Files(AgentTest):
    def write(self, link, request, content):
        stream = link.open(wire.OPEN_WRITE, request)
        link.data(stream, content)
        link.send(wire.END, stream)
        return link.finish(stream).done

    def test_write_and_read_back(self):
        link = self.link()
        content = os.urandom(5 * MIB + 3)
        path = self.in_folder("deep/er/file")
        request = (field(wire.PATH, path) + field(wire.MODE, struct.pack("<I", 0o640))
                   + field(wire.MTIME, struct.pack("<Q", 1_000_000_000)) + field(wire.FLAGS, struct.pack("<I", 1)))
        self.assertEqual(self.write(link, request, content), (0, ""))
        found = os.stat(path)
        self.assertEqual((found.st_mode & 0o7777, found.st_mtime, found.st_size), (0o640, 1_000_000_000, len(content)))
        stream = link.open(wire.OPEN_READ, field(wire.PATH, path))
        self.assertEqual(link.finish(stream).done, (0, ""))
        self.assertEqual(link.streams[stream].stdout, content)
        self.assertEqual(os.listdir(self.in_folder("deep/er")), ["file"])

    def test_a_file_appears_whole_or_not_at_all(self):
        link = self.link()
        path = self.in_folder("file")
        with open(path, "w") as file:
            file.write("old")
        stream = link.open(wire.OPEN_WRITE, field(wire.PATH, path))
        link.data(stream, b"new content")
        link.ping()
        with open(path) as file:
            self.assertEqual(file.read(), "old")
        link.send(wire.RESET, stream)
        link.ping()
        with open(path) as file:
            self.assertEqual(file.read(), "old")
        self.assertEqual(sorted(os.listdir(self.folder)), ["file", "link.sock"])

    def test_a_file_that_lies_in_wait_under_the_temporary_name_is_left_alone(self):
        link = self.link()
        trap = self.in_folder(f".fastvm-{self.agent.pid}-0.part")
        with open(trap, "w") as file:
            file.write("theirs")
        self.assertEqual(self.write(link, field(wire.PATH, self.in_folder("file")), b"ours")[0], 0)
        with open(trap) as theirs, open(self.in_folder("file")) as ours:
            self.assertEqual((theirs.read(), ours.read()), ("theirs", "ours"))

    @unittest.skipIf(os.geteuid() != 0, "only root gives files away")
    def test_a_file_belongs_to_its_user(self):
        link = self.link()
        path = self.in_folder("file")
        request = field(wire.PATH, path) + field(wire.USER, "nobody") + field(wire.MODE, struct.pack("<I", 0o4750))
        self.assertEqual(self.write(link, request, b"x")[0], 0)
        found = os.stat(path)
        self.assertEqual((found.st_uid, found.st_mode & 0o7777), (65534, 0o4750))
        self.assertEqual(self.write(link, field(wire.PATH, path) + field(wire.USER, "who-is-this"), b"x")[0], 22)

    @unittest.skipIf(os.geteuid() != 0, "only root gives files away")
    def test_what_replaces_a_file_has_its_owner_and_its_mode(self):
        link = self.link()
        path = self.in_folder("script")
        with open(path, "w") as file:
            file.write("old")
        os.chown(path, 65534, 65533)
        os.chmod(path, 0o4750)
        self.assertEqual(self.write(link, field(wire.PATH, path), b"new")[0], 0)
        found = os.stat(path)
        self.assertEqual((found.st_uid, found.st_gid, found.st_mode & 0o7777, found.st_size), (65534, 65533, 0o750, 3))
        self.assertEqual(self.write(link, field(wire.PATH, path) + field(wire.MODE, struct.pack("<I", 0o600)), b"new")[0], 0)
        found = os.stat(path)
        self.assertEqual((found.st_uid, found.st_gid, found.st_mode & 0o7777), (65534, 65533, 0o600))

    def test_a_link_leads_to_the_file_that_is_written(self):
        link = self.link()
        os.mkdir(self.in_folder("behind"))
        target, alias = self.in_folder("behind/file"), self.in_folder("alias")
        with open(target, "w") as file:
            file.write("old")
        os.symlink("behind/file", alias)
        self.assertEqual(self.write(link, field(wire.PATH, alias), b"new")[0], 0)
        self.assertTrue(os.path.islink(alias))
        with open(target) as file:
            self.assertEqual(file.read(), "new")
        self.assertEqual(os.listdir(self.in_folder("behind")), ["file"])

    def test_a_pipe_is_not_replaced_by_a_file(self):
        link = self.link()
        os.mkfifo(self.in_folder("pipe"))
        self.assertEqual(self.write(link, field(wire.PATH, self.in_folder("pipe")), b"x")[0], 22)
        self.assertTrue(stat.S_ISFIFO(os.stat(self.in_folder("pipe")).st_mode))

    def test_what_cannot_be_written(self):
        link = self.link()
        self.assertEqual(self.write(link, field(wire.PATH, self.in_folder("no/file")), b"x")[0], 2)
        self.assertEqual(self.write(link, field(wire.PATH, self.folder), b"x")[0], 21)
        self.assertEqual(self.write(link, field(wire.PATH, "relative"), b"x")[0], 22)
        self.assertEqual(self.write(link, b"", b"x")[0], 22)
        self.assertEqual(sorted(os.listdir(self.folder)), ["link.sock"])

    def test_a_full_disk_leaves_nothing(self):
        link = self.link()
        os.mkdir(self.in_folder("small"))
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.in_folder("small")]).returncode != 0:
            self.skipTest("no tmpfs may be mounted")
        self.addCleanup(subprocess.run, ["umount", self.in_folder("small")])
        self.assertEqual(self.write(link, field(wire.PATH, self.in_folder("small/file")), bytes(3 * MIB))[0], 28)
        self.assertEqual(os.listdir(self.in_folder("small")), [])

    def test_what_cannot_be_read(self):
        link = self.link()
        for path, errno in ((self.in_folder("none"), 2), (self.folder, 21), ("/dev/zero", 22), ("relative", 22)):
            stream = link.open(wire.OPEN_READ, field(wire.PATH, path))
            self.assertEqual(link.finish(stream).done[0], errno, path)

    def test_a_pipe_is_refused_and_does_not_block(self):
        link = self.link()
        os.mkfifo(self.in_folder("pipe"))
        stream = link.open(wire.OPEN_READ, field(wire.PATH, self.in_folder("pipe")))
        self.assertEqual(link.finish(stream, 2).done[0], 22)

    def test_a_reader_without_credit_stalls_only_itself(self):
        link = self.link()
        path = self.in_folder("file")
        with open(path, "wb") as file:
            file.write(bytes(MIB))
        link.gives_credit = False
        stream = link.open(wire.OPEN_READ, field(wire.PATH, path))
        link.wait(lambda: len(link.streams[stream].stdout) == wire.WINDOW)
        link.gives_credit = True
        self.assertEqual(link.run(argv("true")).exit[0], 0)
        self.assertEqual(len(link.streams[stream].stdout), wire.WINDOW)

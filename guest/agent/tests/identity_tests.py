"""What makes a restored guest somebody of its own."""

import os
import struct
import time

import link_client as wire
from agent_case import AgentTest, MIB
from link_client import argv, field, shell


class Identity(AgentTest):
    def test_files_are_written_in_order(self):
        link = self.link()
        path = self.in_folder("etc/machine-id")
        request = b"".join(
            field(wire.FILE, field(wire.PATH, path) + field(wire.MODE, struct.pack("<I", mode)) + field(wire.CONTENT, text))
            for mode, text in ((0o600, "first"), (0o444, "second"))
        )
        self.assertEqual(link.identify(request), (0, ""))
        with open(path) as file:
            self.assertEqual(file.read(), "second")
        self.assertEqual(os.stat(path).st_mode & 0o7777, 0o444)

    def test_a_large_identity_comes_in_pieces(self):
        link = self.link()
        content = os.urandom(MIB)
        request = field(wire.FILE, field(wire.PATH, self.in_folder("big")) + field(wire.CONTENT, content))
        self.assertEqual(link.identify(request)[0], 0)
        with open(self.in_folder("big"), "rb") as file:
            self.assertEqual(file.read(), content)

    def test_commands(self):
        link = self.link()
        command = shell("echo done >" + self.in_folder("done"))
        self.assertEqual(link.identify(field(wire.COMMAND, command)), (0, ""))
        self.assertTrue(os.path.exists(self.in_folder("done")))
        errno, text = link.identify(field(wire.COMMAND, argv("/bin/false")))
        self.assertNotEqual(errno, 0)
        self.assertIn("/bin/false", text)

    def test_a_command_that_hangs_is_given_up(self):
        start = time.monotonic()
        errno, text = self.link().identify(field(wire.COMMAND, argv("sleep", "30")))
        self.assertNotEqual(errno, 0)
        self.assertLess(time.monotonic() - start, 6)

    def test_what_failed_is_told_and_nothing_behind_it_is_done(self):
        link = self.link()
        bad = field(wire.FILE, field(wire.PATH, "/proc/no/such") + field(wire.CONTENT, "x"))
        good = field(wire.FILE, field(wire.PATH, self.in_folder("good")) + field(wire.CONTENT, "x"))
        self.assertEqual(link.identify(bad + good), (2, "file /proc/no/such: No such file or directory"))
        self.assertFalse(os.path.exists(self.in_folder("good")))

    def test_broken_fields_are_refused(self):
        link = self.link()
        for request in (b"\1", struct.pack("<HHI", wire.FILE, 0, 99), field(wire.FILE, b"\1\2\3"),
                        field(wire.COMMAND, b""), field(wire.COMMAND, argv("true") + field(wire.ARG, b"a\0")),
                        field(wire.COMMAND, argv("true") * 65), field(wire.FORWARD, b"\1"),
                        field(wire.FORWARD, b"\1\0name"), field(wire.FORWARD, b"\1\0" + b"1" * 46), field(wire.FORWARD, b"\0\0::1"),
                        field(wire.ONLY_FORWARD, b""), field(wire.ONLY_FORWARD, b"\1\0\0"),
                        field(wire.FILE, field(wire.PATH, "x"))):
            self.assertEqual(link.identify(request)[0], 22, request)
        large = field(wire.FILE, field(wire.CONTENT, bytes(4 * MIB)))
        self.assertEqual(link.identify(large)[0], 22)
        link.ping()

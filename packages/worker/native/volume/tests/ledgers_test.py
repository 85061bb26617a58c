"""Servers that follow one that was killed."""

import errno
import fcntl
import os
import random
import struct

import raw_guest as fuse
from raw_guest import Guest, Server, name
from volume_test import VolumeTest


class Ledgers(VolumeTest):
    """Whoever follows a server that was killed."""

    def kept(self, recovers=False):
        server = Server(self.program, "--unconfined", "--ledger", os.path.join(self.folder, "ledger"))
        self.servers.append(server)
        answer = server.worker.ask("recover") if recovers else None
        self.assertTrue(server.attach("data", self.root)["ok"])
        return server if answer is None else (server, answer)

    def followed(self, server, guest):
        self.servers.remove(server)
        server.kill()
        server, answer = self.kept(recovers=True)
        self.assertEqual(answer, {"ok": True})
        guest.connect(server)
        self.assertTrue(guest.has_table)
        return server

    def begun(self):
        server, guest = self.kept(), Guest()
        guest.connect(server)
        self.assertEqual(guest.mount(), 0)
        return server, guest

    def test_open_files_go_on_and_what_is_gone_is_stale_alone(self):
        server, guest = self.begun()
        guest.ask(fuse.MKDIR, 1, bytes(8) + name("d"))
        _, folder = guest.lookup(1, "d")
        _, node, handle = guest.create(folder, "a")
        _, gone, gone_handle = guest.create(1, "gone")
        closed, closed_handle = guest.create(1, "closed")[1:]
        guest.ask(fuse.RELEASE, closed, struct.pack("<QIIQ", closed_handle, 0, 0, 0))
        self.assertEqual(guest.write(node, handle, b"before"), 0)
        guest.ask(fuse.RENAME, 1, struct.pack("<Q", 1) + name("d") + name("e"))
        server = self.followed(server, guest)
        os.unlink(self.path("gone"))
        self.assertEqual(guest.write(node, handle, b"after", offset=6), 0)
        self.assertEqual(guest.read(gone, gone_handle)[0], errno.ESTALE)
        self.assertEqual(guest.read(closed, closed_handle)[0], errno.EBADF)
        # Whoever follows is followed as well.
        server = self.followed(server, guest)
        self.assertEqual(guest.read(node, handle), (0, b"beforeafter"))
        self.assertEqual(self.text("e", "a"), "beforeafter")

    def test_one_that_is_killed_before_the_guest_hears_of_it_is_followed_by_its_table(self):
        server, guest = self.begun()
        _, node, handle = guest.create(1, "a")
        self.assertEqual(guest.write(node, handle, b"before"), 0)
        self.assertTrue(server.worker.ask("freeze")["ok"])
        table = server.worker.ask("save")[1]
        for attached in (False, True):
            self.servers.remove(server)
            server.kill()
            for i in range(2):
                os.unlink(os.path.join(self.folder, f"ledger.{i}"))
            server = Server(self.program, "--unconfined", "--ledger", os.path.join(self.folder, "ledger"))
            self.servers.append(server)
            self.assertTrue(server.worker.ask(f"load bytes={len(table)}", table)["ok"])
            self.assertTrue(not attached or server.attach("data", self.root)["ok"])
            self.servers.remove(server)
            server.kill()
            server, answer = self.kept(recovers=True)
            self.assertEqual(answer, {"ok": True})
        guest.connect(server)
        self.assertTrue(guest.has_table)
        self.assertEqual(guest.read(node, handle), (0, b"before"))

    def test_one_that_is_killed_without_its_folder_is_followed(self):
        server, guest = self.begun()
        _, node, handle = guest.create(1, "a")
        self.assertEqual(guest.write(node, handle, b"before"), 0)
        self.assertTrue(server.worker.ask("freeze lease=1")["ok"])
        self.assertTrue(server.worker.ask("park tag=data")["ok"])
        waits = guest.post(fuse.READ, node, struct.pack("<QQIIQII", handle, 0, 100, 0, 0, 0, 0))
        server = self.followed(server, guest)
        self.assertEqual(guest.answer(waits), (0, b"before"))

    def test_a_lock_is_lost_to_whoever_had_it_and_one_who_waits_waits_on(self):
        server, guest = self.begun()
        _, node, handle = guest.create(1, "a")
        _, other, other_handle = guest.create(1, "b")
        self.assertEqual(guest.lock(node, handle, 7, fuse.WRLCK), 0)
        self.assertEqual(guest.lock(other, other_handle, 7, fuse.WRLCK), 0)
        self.assertEqual(guest.lock(other, other_handle, 7, fuse.UNLCK), 0)
        with open(self.path("b"), "r+b") as of_host:
            fcntl.lockf(of_host, fcntl.LOCK_EX)
            waits = guest.post(fuse.SETLKW, other, guest.lock_body(other_handle, 7, fuse.WRLCK))
            self.assertEqual(guest.attributes(other)[0], 0)
            server = self.followed(server, guest)
            self.assertEqual(guest.write(node, handle, b"x"), errno.EIO)
            self.assertEqual(guest.write(other, other_handle, b"x"), 0)
            self.assertNotIn(waits, guest.answers)
        self.assertEqual(guest.answer(waits)[0], 0)

    def test_nothing_is_done_twice_wherever_it_is_killed(self):
        seed = int(os.environ.get("FASTVM_TEST_SEED") or random.randrange(1 << 31))
        draw, doubts = random.Random(seed), 0
        rounds = int(os.environ.get("FASTVM_TEST_KILLS") or 12)
        server, guest = self.begun()
        _, node, handle = guest.create(1, "log")
        for at in range(rounds):
            posted = []
            for i in range(40):
                number = at * 40 + i
                posted.append((number, "write", guest.post(fuse.WRITE, node, guest.write_body(handle, b"%d\n" % number, flags=os.O_APPEND))))
                posted.append((number, "folder", guest.post(fuse.MKDIR, 1, bytes(8) + name(f"d{number}"))))
                posted.append((number, "read", guest.post(fuse.READ, node, struct.pack("<QQIIQII", handle, 0, 1, 0, 0, 0, 0))))
            for _ in range(draw.randrange(60)):
                guest.take()
            server = self.followed(server, guest)
            done = {(number, what): guest.answer(unique)[0] for number, what, unique in posted}
            doubtful = [one for one, error in done.items() if error != 0]
            doubts += len(doubtful)
            self.assertLessEqual(len(doubtful), 1, f"seed {seed}")
            self.assertTrue(all(done[one] == errno.EIO and one[1] != "read" for one in doubtful), f"seed {seed}: {doubtful}")
            lines = self.text("log").split()
            for number, what in done:
                times = lines.count(str(number)) if what == "write" else int(os.path.isdir(self.path(f"d{number}")))
                if what != "read":
                    self.assertIn(times, (0, 1) if (number, what) in doubtful else (1,), f"seed {seed}: {what} {number}")

    def test_a_ledger_that_is_broken_or_of_another_life_is_none(self):
        server, guest = self.begun()
        _, node, handle = guest.create(1, "a")
        guest.lock(node, handle, 7, fuse.WRLCK)
        self.servers.remove(server)
        server.kill()
        paths = [os.path.join(self.folder, f"ledger.{i}") for i in range(2)]
        good = []
        for path in paths:
            with open(path, "rb") as file:
                good.append(file.read())
        draw = random.Random(8)
        for at in range(24):
            for path, content in zip(paths, good):
                changed = bytearray(content)
                # Also with the sums of those who mean it.
                start = 16
                while len(changed) >= start + 8 and at % 2 == 0:
                    length = struct.unpack_from("<I", changed, start)[0]
                    for _ in range(draw.randrange(1, 4)):
                        changed[draw.randrange(start + 8, start + 8 + length)] = draw.choice([0, 1, 0x7F, 0xFF, draw.randrange(256)])
                    total = 0x811C9DC5
                    for byte in changed[start + 8 : start + 8 + length]:
                        total = (total ^ byte) * 0x01000193 & 0xFFFFFFFF
                    struct.pack_into("<I", changed, start + 4, total)
                    start += 8 + length
                with open(path, "wb") as file:
                    file.write(changed if at % 2 == 0 else content[: draw.randrange(len(content) + 1)])
            server, _ = self.kept(recovers=True)
            self.assertTrue(server.worker.ask("ping")["ok"])
            self.end(server)
        for path, content in zip(paths, good):
            with open(path, "wb") as file:
                file.write(content)
        self.end(self.kept())
        server, answer = self.kept(recovers=True)
        self.assertEqual(answer["errno"], "ENOENT")

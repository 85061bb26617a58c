"""Servers that give their folder up for a moment."""

import errno
import fcntl
import os
import subprocess
import tempfile

import raw_guest as fuse
from raw_guest import Guest, Worker, name
from volume_test import VolumeTest


class Parked(VolumeTest):
    def held(self, server):
        """What the process has open beneath the root."""
        folder = f"/proc/{server.process.pid}/fd"
        links = [os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)]
        return [link for link in links if link.startswith(self.root)]

    def parked(self):
        root = os.stat(self.root)
        return {"ok": True, "lost": 0, "device": root.st_dev, "inode": root.st_ino}

    def test_what_is_open_and_locked_goes_on_and_nothing_is_held_meanwhile(self):
        (server, guest), (other_server, other) = self.mounted(), self.mounted()
        guest.ask(fuse.MKDIR, 1, bytes(8) + name("d"))
        _, folder = guest.lookup(1, "d")
        _, node, handle = guest.create(folder, "a")
        self.assertEqual(guest.write(node, handle, b"before"), 0)
        self.assertEqual(guest.lock(node, handle, 7, fuse.WRLCK), 0)
        self.assertEqual(guest.lock(node, handle, 8, fuse.WRLCK, flock=1), 0)
        theirs = other.lookup(other.lookup(1, "d")[1], "a")[1]
        their_handle = other.open(theirs)[1]
        waits = other.post(fuse.SETLKW, theirs, other.lock_body(their_handle, 9, fuse.WRLCK))
        self.assertEqual(other.attributes(1)[0], 0)
        for one in (server, other_server):
            self.assertEqual(one.worker.ask("park tag=data")["errno"], "EBUSY")
            self.assertTrue(one.worker.ask("freeze lease=1")["ok"])
        for words in ("check=1", ""):
            for one in (server, other_server):
                self.assertNotEqual(self.held(one), [])
                self.assertEqual(one.worker.ask(f"park tag=data {words}".strip()), self.parked())
        self.assertEqual(self.held(server) + self.held(other_server), [])
        asked = guest.post(fuse.FSYNC, node, handle.to_bytes(8, "little") + bytes(8))
        self.assertEqual(server.worker.ask("thaw")["errno"], "EBUSY")
        for one in (other_server, server):
            self.assertTrue(one.attach("data", self.root)["ok"])
        # Nobody's name is needed any more.
        os.rename(self.path("d", "a"), self.path("moved"))
        for one in (other_server, server):
            self.assertTrue(one.worker.ask("thaw")["ok"])
        self.assertEqual(guest.answer(asked)[0], 0)
        self.assertEqual(guest.write(node, handle, b"after", offset=6), 0)
        self.assertEqual(self.text("moved"), "beforeafter")
        with open(self.path("moved"), "r+b") as of_host:
            for lock in (fcntl.lockf, fcntl.flock):
                with self.assertRaises(BlockingIOError):
                    lock(of_host, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.assertEqual(other.attributes(1)[0], 0)
        self.assertNotIn(waits, other.answers)
        self.assertEqual(guest.lock(node, handle, 7, fuse.UNLCK), 0)
        self.assertEqual(other.answer(waits)[0], 0)

    def test_what_would_not_be_found_again_is_told_of_before(self):
        for file in ("linked", "moved", "gone", "kept"):
            self.put(file, file)
        os.mkdir(self.path("d"))
        self.put("", "d", "in")
        server, guest = self.mounted()
        worker = server.worker
        lost = lambda: (worker.ask("freeze")["ok"], worker.ask("park tag=data check=1")["lost"], worker.ask("thaw")["ok"])[1]
        nodes = {file: guest.lookup(1, file)[1] for file in ("linked", "moved", "gone", "kept", "d")}
        nodes["in"] = guest.lookup(nodes["d"], "in")[1]
        handles = {file: guest.open(node)[1] for file, node in nodes.items() if file != "d"}
        self.assertEqual(lost(), 0)
        # By the guest itself, and by others.
        self.assertEqual(guest.ask(fuse.UNLINK, 1, name("gone"))[0], 0)
        self.assertEqual(lost(), 1)
        os.rename(self.path("moved"), self.path("elsewhere"))
        os.link(self.path("linked"), self.path("link"))
        os.unlink(self.path("linked"))
        os.rename(self.path("d"), self.path("e"))
        self.assertEqual(lost(), 4)
        # Asked for by its new name it is known by that.
        self.assertEqual(guest.lookup(1, "elsewhere")[1], nodes["moved"])
        self.assertEqual(lost(), 3)
        for file in ("linked", "gone", "in"):
            guest.ask(fuse.RELEASE, nodes[file], handles[file].to_bytes(8, "little") + bytes(16))
        self.assertEqual(lost(), 0)
        self.assertEqual(guest.read(nodes["kept"], handles["kept"]), (0, b"kept"))

    def test_another_folder_of_the_same_name_is_not_taken_for_it(self):
        server, guest = self.mounted()
        _, node, handle = guest.create(1, "a")
        self.assertTrue(server.worker.ask("freeze")["ok"])
        self.assertTrue(server.worker.ask("park tag=data")["ok"])
        os.rename(self.root, f"{self.root}-moved")
        os.mkdir(self.root)
        self.assertEqual(server.attach("data", self.root)["errno"], "ESTALE")
        self.assertEqual(server.worker.ask("thaw")["errno"], "EBUSY")
        os.rmdir(self.root)
        os.rename(f"{self.root}-moved", self.root)
        self.assertTrue(server.attach("data", self.root)["ok"])
        self.assertTrue(server.worker.ask("thaw")["ok"])
        self.assertEqual(guest.write(node, handle, b"on"), 0)
        self.assertEqual(self.text("a"), "on")

    def test_others_are_served_by_it_as_before(self):
        server, guest = self.start(attach=False), Guest()
        other = tempfile.mkdtemp(dir=self.folder)
        self.assertTrue(server.attach("data", self.root)["ok"])
        self.assertTrue(server.attach("other", other)["ok"])
        guest.connect(server)
        self.assertEqual((guest.mount("data", 1), guest.mount("other", 2)), (0, 0))
        _, node, handle = guest.create(1, "gone", channel=2)
        os.unlink(os.path.join(other, "gone"))
        self.assertTrue(server.worker.ask("freeze")["ok"])
        self.assertEqual(server.worker.ask("park tag=data"), self.parked())
        self.assertTrue(server.attach("data", self.root)["ok"])
        self.assertTrue(server.worker.ask("thaw")["ok"])
        self.assertEqual(guest.ask(fuse.WRITE, node, guest.write_body(handle, b"on"), channel=2)[0], 0)
        self.assertEqual(guest.lookup(1, "none")[0], errno.ENOENT)

    def test_whose_holder_is_gone_ends_as_errors_are_all_it_could_answer(self):
        server, guest = self.mounted()
        holder = Worker(server.control)
        self.assertTrue(holder.ask("freeze lease=1")["ok"])
        self.assertTrue(holder.ask("park tag=data")["ok"])
        holder.close()
        self.assertEqual(server.process.wait(20), 0)
        self.assertIsNotNone(guest)

    def test_a_file_system_can_be_unmounted_meanwhile(self):
        subprocess.run(["mount", "-t", "tmpfs", "parked", self.root], check=True)
        try:
            server, guest = self.mounted()
            _, node, handle = guest.create(1, "a")
            guest.lock(node, handle, 7, fuse.WRLCK)
            self.assertNotEqual(subprocess.run(["umount", self.root], stderr=subprocess.DEVNULL).returncode, 0)
            self.assertTrue(server.worker.ask("freeze")["ok"])
            self.assertTrue(server.worker.ask("park tag=data")["ok"])
            subprocess.run(["umount", self.root], check=True)
            self.end(server)
        finally:
            subprocess.run(["umount", self.root], stderr=subprocess.DEVNULL)

"""Servers that go on with the table of another."""

import errno
import os
import signal
import struct
import subprocess

import raw_guest as fuse
from raw_guest import Guest, name
from volume_test import VolumeTest


class Captures(VolumeTest):
    def capture(self, server):
        self.assertTrue(server.worker.ask("freeze")["ok"])
        return server.worker.ask("save")[1]

    def restored(self, guest, table, locks="lost"):
        server = self.start(attach=False)
        self.assertTrue(server.worker.ask(f"load bytes={len(table)} locks={locks}", table)["ok"])
        self.assertTrue(server.attach("data", self.root)["ok"])
        guest.connect(server)
        self.assertTrue(guest.has_table)
        return server

    def test_nothing_is_done_twice_and_nothing_is_lost(self):
        for moment in range(8):
            server, guest = self.mounted()
            _, node, handle = guest.create(1, f"log-{moment}")
            posted = []
            for i in range(8):
                if i == moment:
                    # What was answered did not come; what comes now is not done.
                    while server.worker.ask("list")["attachments"][0]["handles"] != 1:
                        pass
                    table = self.capture(server)
                body = guest.write_body(handle, b"%d" % i, flags=os.O_APPEND)
                posted.append(guest.post(fuse.WRITE, node, body))
                posted.append(guest.post(fuse.MKDIR, 1, bytes(8) + name(f"d{moment}-{i}")))
                posted.append(guest.post(fuse.READ, node, struct.pack("<QQIIQII", handle, 0, 1, 0, 0, 0, 0)))
            self.end(server)
            self.restored(guest, table)
            self.assertEqual([guest.answer(unique)[0] for unique in posted], [0] * 24)
            self.assertEqual(self.text(f"log-{moment}"), "01234567")
            self.end(self.servers[-1])

    def test_each_kind_of_request_is_done_once_wherever_a_capture_comes(self):
        for moment in range(len(self.each_kind(None, None)) + 1):
            server, guest = self.mounted()
            folder = f"r{moment}"
            os.mkdir(self.path(folder))
            there = self.prepared(guest, folder)
            kinds = self.each_kind(guest, there)
            meta = lambda: sum(sum(one["requests"].values()) for one in server.worker.ask("stats")["attachments"])
            before = meta()
            posted = [guest.post(opcode, node, body) for opcode, node, body in kinds[:moment]]
            # Done, and not heard of: the answers are taken from whoever follows. The rest was asked and not begun.
            while meta() < before + moment:
                pass
            table = self.capture(server)
            posted += [guest.post(opcode, node, body) for opcode, node, body in kinds[moment:]]
            self.end(server)
            self.restored(guest, table, locks="reclaim")
            self.assertEqual([(kinds[i][0], guest.answer(unique)[0]) for i, unique in enumerate(posted)], [(kind[0], 0) for kind in kinds])
            # And none is answered once more.
            self.assertEqual((guest.attributes(1)[0], guest.answers), (0, {}))
            self.assertEqual(sorted(os.listdir(self.path(folder))), sorted(
                ["source", "file", "closed", "folder", "inner", "target", "node", "made-link", "made-folder", "renamed", "one", "other", "linked", "created"]))
            self.assertEqual([self.text(folder, file) for file in ("file", "one", "other", "target")], ["textmore", "other", "one", "tex"])
            self.assertEqual(os.listxattr(self.path(folder, "file")), ["user.new"])
            self.end(self.servers[-1])

    def prepared(self, guest, folder):
        """What the requests are about."""
        for file in ("source", "file", "closed", "old", "gone", "target"):
            self.put("text" if file in ("file", "source") else "", folder, file)
        for file in ("one", "other"):
            self.put(file, folder, file)
        for path in ("folder", "inner", "empty"):
            os.mkdir(self.path(folder, path))
        os.symlink("anywhere", self.path(folder, "link"))
        os.setxattr(self.path(folder, "file"), "user.old", b"x")
        there = {"root": guest.lookup(1, folder)[1]}
        for file in ("source", "file", "closed", "target", "folder", "inner", "link"):
            there[file] = guest.lookup(there["root"], file)[1]
        there["handles"] = {file: guest.open(there[file])[1] for file in ("source", "file", "closed", "target")}
        opened = lambda node: struct.unpack_from("<Q", guest.ask(fuse.OPENDIR, node, bytes(8))[1])[0]
        there["handles"] |= {"folder": opened(there["folder"]), "inner": opened(there["inner"])}
        return there

    def each_kind(self, guest, there):
        """Each so that it fails where it is done twice, or not at all, if it changes anything."""
        if there is None:
            there = {name: 0 for name in ("root", "source", "file", "closed", "target", "folder", "inner", "link")} | {
                "handles": {name: 0 for name in ("source", "file", "closed", "target", "folder", "inner")}}
            guest = Guest()
        root, file, handles = there["root"], there["file"], there["handles"]
        listing = struct.pack("<QQIIQII", handles["folder"], 0, 4096, 0, 0, 0, 0)
        synced = lambda handle: struct.pack("<QII", handle, 0, 0)
        released = lambda handle: struct.pack("<QIIQ", handle, 0, 0, 0)
        locked = lambda kind: guest.lock_body(handles["source"], 7, kind, 0, 9)
        return [
            (fuse.LOOKUP, root, name("file")),
            (fuse.GETATTR, file, bytes(16)),
            (fuse.SETATTR, file, struct.pack("<II", 1, 0) + bytes(60) + struct.pack("<I", 0o100600) + bytes(16)),
            (fuse.READLINK, there["link"], b""),
            (fuse.UNLINK, root, name("link")),
            (fuse.SYMLINK, root, name("made-link") + name("anywhere")),
            (fuse.MKNOD, root, struct.pack("<IIII", 0o100600, 0, 0, 0) + name("node")),
            (fuse.MKDIR, root, bytes(8) + name("made-folder")),
            (fuse.UNLINK, root, name("gone")),
            (fuse.RMDIR, root, name("empty")),
            (fuse.RENAME, root, struct.pack("<Q", root) + name("old") + name("renamed")),
            (fuse.RENAME2, root, struct.pack("<QII", root, 2, 0) + name("one") + name("other")),
            (fuse.LINK, root, struct.pack("<Q", file) + name("linked")),
            (fuse.FOPEN, file, struct.pack("<II", os.O_RDWR, 0)),
            (fuse.READ, file, struct.pack("<QQIIQII", handles["file"], 0, 9, 0, 0, 0, 0)),
            (fuse.WRITE, file, guest.write_body(handles["file"], b"more", flags=os.O_APPEND)),
            (fuse.STATFS, root, b""),
            (fuse.RELEASE, there["closed"], released(handles["closed"])),
            (fuse.FSYNC, file, synced(handles["file"])),
            (fuse.SETXATTR, file, struct.pack("<II", 1, 1) + name("user.new") + b"x"),
            (fuse.GETXATTR, file, struct.pack("<II", 9, 0) + name("user.old")),
            (fuse.LISTXATTR, file, struct.pack("<II", 99, 0)),
            (fuse.REMOVEXATTR, file, name("user.old")),
            (fuse.FLUSH, file, released(handles["file"])),
            (fuse.OPENDIR, there["folder"], bytes(8)),
            (fuse.READDIR, there["folder"], listing),
            (fuse.READDIRPLUS, there["folder"], listing),
            (fuse.FSYNCDIR, there["folder"], synced(handles["folder"])),
            (fuse.RELEASEDIR, there["inner"], released(handles["inner"])),
            (fuse.GETLK, there["source"], locked(fuse.WRLCK)),
            (fuse.SETLK, there["source"], locked(fuse.WRLCK)),
            (fuse.SETLKW, there["source"], locked(fuse.RDLCK)),
            (fuse.SETLK, there["source"], locked(fuse.UNLCK)),
            (fuse.CREATE, root, struct.pack("<IIII", os.O_RDWR | os.O_EXCL, 0o100644, 0, 0) + name("created")),
            (fuse.FALLOCATE, there["source"], struct.pack("<QQQII", handles["source"], 0, 9, 1, 0)),
            (fuse.LSEEK, there["source"], struct.pack("<QQII", handles["source"], 0, 4, 0)),
            (fuse.COPY_FILE_RANGE, there["source"], struct.pack("<QQQQQQQ", handles["source"], 0, there["target"], handles["target"], 0, 3, 0)),
        ]

    def test_what_is_gone_is_stale_and_what_was_unlinked_an_error(self):
        for file in ("kept", "gone", "other"):
            self.put(file, file)
        os.mkdir(self.path("d"))
        self.put("inner", "d", "inner")
        server, guest = self.mounted()
        nodes = {file: guest.lookup(1, file)[1] for file in ("kept", "gone", "other", "d")}
        _, inner = guest.lookup(nodes["d"], "inner")
        handles = {file: guest.open(nodes[file])[1] for file in ("kept", "gone", "other")}
        _, unlinked, open_unlinked = guest.create(1, "unlinked")
        self.assertEqual(guest.ask(fuse.UNLINK, 1, name("unlinked"))[0], 0)
        table = self.capture(server)
        self.end(server)
        os.unlink(self.path("gone"))
        os.unlink(self.path("other"))
        self.put("new", "other")
        self.restored(guest, table)
        self.assertEqual(guest.read(nodes["kept"], handles["kept"]), (0, b"kept"))
        self.assertEqual(guest.read(nodes["gone"], handles["gone"])[0], errno.ESTALE)
        self.assertEqual(guest.read(nodes["other"], handles["other"])[0], errno.ESTALE)
        self.assertEqual(guest.read(unlinked, open_unlinked)[0], errno.EIO)
        self.assertEqual(guest.attributes(inner)[1]["size"], 5)
        _, again = guest.lookup(1, "other")
        self.assertNotEqual(again, nodes["other"])
        self.assertEqual(guest.read(again, guest.open(again)[1]), (0, b"new"))

    def test_a_copy_has_no_locks_of_its_source_unless_it_takes_them_again(self):
        self.put("text", "a")
        server, guest = self.mounted()
        node = guest.lookup(1, "a")[1]
        handle = guest.open(node)[1]
        _, free = guest.open(node)
        self.assertEqual(guest.lock(node, handle, 1, fuse.WRLCK, 0, 9), 0)
        table = self.capture(server)
        copy = Guest()
        copy.__dict__.update({**guest.__dict__, "answers": {}, "kept": list(guest.kept)})
        self.restored(copy, table)
        self.assertEqual(copy.read(node, handle)[0], errno.EIO)
        self.assertEqual(copy.write(node, handle, b"mine"), errno.EIO)
        self.assertEqual(copy.lock(node, handle, 1, fuse.WRLCK), errno.EIO)
        self.assertEqual(copy.read(node, free), (0, b"text"))
        self.assertEqual(copy.lock(node, free, 2, fuse.WRLCK, 0, 9), errno.EAGAIN)
        server.worker.ask("thaw")
        self.assertEqual(guest.write(node, handle, b"mine"), 0)
        self.end(server)
        self.restored(guest, table, locks="reclaim")
        self.assertEqual(guest.read(node, handle), (0, b"mine"))
        self.assertEqual(copy.lock(node, free, 2, fuse.RDLCK, 9, 9), errno.EAGAIN)
        self.assertEqual(copy.lock(node, free, 2, fuse.RDLCK, 10, 10), 0)

    def test_a_process_that_lost_its_lock_lost_it_whichever_way_it_has_the_file_open(self):
        self.put("text", "a")
        server, guest = self.mounted()
        node = guest.lookup(1, "a")[1]
        (_, locked), (_, beside), (_, others) = guest.open(node), guest.open(node), guest.open(node)
        self.assertEqual(guest.lock(node, locked, 1, fuse.WRLCK), 0)
        table = self.capture(server)
        self.end(server)
        self.restored(guest, table)
        # Once more: a copy of the copy.
        table = self.capture(self.servers[-1])
        self.end(self.servers[-1])
        self.restored(guest, table)
        read = lambda handle, owner: guest.ask(fuse.READ, node, struct.pack("<QQIIQII", handle, 0, 9, 2, owner, 0, 0))
        write = lambda handle, owner: guest.ask(fuse.WRITE, node, struct.pack("<QQIIQII", handle, 0, 4, 2, owner, 0, 0) + b"mine")[0]
        self.assertEqual(read(beside, 1)[0], errno.EIO)
        self.assertEqual(write(beside, 1), errno.EIO)
        self.assertEqual(guest.lock(node, beside, 1, fuse.WRLCK), errno.EIO)
        self.assertEqual(guest.ask(fuse.SETATTR, node, struct.pack("<IIQQQ", 8 | 512, 0, 0, 0, 1) + bytes(56))[0], errno.EIO)
        self.assertEqual(read(others, 2), (0, b"text"))
        self.assertEqual(guest.ask(fuse.FLUSH, node, struct.pack("<QIIQ", beside, 0, 0, 1))[0], 0)
        self.assertEqual(write(others, 1), 0)
        self.assertEqual(guest.lock(node, others, 1, fuse.WRLCK), 0)

    def test_a_copy_that_only_reads_reads_what_its_source_wrote(self):
        server, guest = self.mounted()
        _, node, handle = guest.create(1, "a")
        self.assertEqual(guest.write(node, handle, b"kept"), 0)
        table = self.capture(server)
        self.end(server)
        copy = self.start(attach=False)
        self.assertTrue(copy.worker.ask(f"load bytes={len(table)}", table)["ok"])
        folder = os.path.join(self.folder, "readonly")
        os.mkdir(folder)
        subprocess.run(["mount", "--bind", "-o", "ro", self.root, folder], check=True)
        self.addCleanup(subprocess.run, ["umount", folder], check=True)
        # As a detached clone of its own, a bind mount is made read-only by a second call.
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        self.assertTrue(copy.attach("data", folder, readonly=1)["ok"])
        guest.connect(copy)
        self.assertEqual(guest.read(node, handle), (0, b"kept"))
        self.assertEqual(guest.write(node, handle, b"more"), errno.EROFS)
        self.end(copy)

    def test_what_is_frozen_under_a_lease_goes_on_when_its_holder_is_gone(self):
        server, guest = self.mounted()
        holder = fuse.Worker(server.control)
        self.assertTrue(holder.ask("freeze lease=1")["ok"])
        asked = guest.post(fuse.LOOKUP, 1, name("none"))
        self.assertTrue(server.worker.ask("ping")["ok"])
        self.assertNotIn(asked, guest.answers)
        holder.close()
        self.assertEqual(guest.answer(asked)[0], errno.ENOENT)
        holder = fuse.Worker(server.control)
        self.assertTrue(holder.ask("freeze")["ok"])
        holder.close()
        self.assertTrue(server.worker.ask("save")[0]["ok"])
        self.assertTrue(server.worker.ask("thaw")["ok"])

    def test_a_freeze_comes_between_what_a_guest_has_asked(self):
        server, guest = self.mounted()
        # Together: what the guest has asked stands before the order.
        os.kill(server.process.pid, signal.SIGSTOP)
        first = len(guest.kept)
        posted = [guest.post(fuse.SETXATTR, 1, struct.pack("<II", 1, 0) + name(f"user.{i}") + b"x", sends=False) for i in range(1500)]
        guest.port.setblocking(False)
        guest.port.send(b"".join(frame for _, frame in guest.kept[first:]))
        server.worker.socket.sendall(b"freeze\n")
        os.kill(server.process.pid, signal.SIGCONT)
        self.assertEqual(server.worker.receive(), b'{"ok":true}\n')
        done = server.worker.ask("stats")["attachments"][0]["requests"]["meta"]
        self.assertLess(done, len(posted))
        self.servers.remove(server)
        server.kill()

    def test_one_who_waits_for_a_lock_waits_on_in_the_copy(self):
        self.put("", "a")
        (server, guest), (other_server, other) = self.mounted(), self.mounted()
        theirs = other.lookup(1, "a")[1]
        self.assertEqual(other.lock(theirs, other.open(theirs)[1], 1, fuse.WRLCK), 0)
        node = guest.lookup(1, "a")[1]
        waits = guest.post(fuse.SETLKW, node, guest.lock_body(guest.open(node)[1], 1, fuse.WRLCK))
        while server.worker.ask("list")["attachments"][0]["waiting"] == 0:
            pass
        table = self.capture(server)
        self.end(server)
        self.restored(guest, table)
        self.assertEqual(guest.attributes(1)[0], 0)
        self.assertNotIn(waits, guest.answers)
        self.end(other_server)
        self.assertEqual(guest.answer(waits)[0], 0)

    def test_a_table_that_is_broken_changes_nothing(self):
        server, guest = self.mounted()
        guest.create(1, "a")
        table = self.capture(server)
        self.end(server)
        fresh = self.start(attach=False)
        for broken in (table[:-1], table + b"x", b"", table[:40], b"FVTABLE2" + table[8:]):
            if broken:
                self.assertFalse(fresh.worker.ask(f"load bytes={len(broken)}", broken)["ok"])
        self.assertTrue(fresh.attach("data", self.root)["ok"])
        self.assertEqual(fresh.worker.ask(f"load bytes={len(table)}", table)["errno"], "EBUSY")
        guest.connect(fresh)
        self.assertFalse(guest.has_table)
        self.assertEqual(guest.mount(), 0)

    def test_without_a_table_names_are_found_anew(self):
        server, guest = self.mounted()
        _, node, _ = guest.create(1, "a")
        self.servers.remove(server)
        server.kill()
        guest.connect(self.start())
        self.assertEqual(guest.mount(), 0)
        self.assertEqual(guest.attributes(node)[0], errno.ESTALE)
        self.assertEqual(guest.lookup(1, "a")[0], 0)

    def test_many_nodes_are_found_again_by_their_names(self):
        for i in range(300):
            os.makedirs(self.path(f"{i % 10}", f"{i}"))
        server, guest = self.mounted()
        nodes = [guest.lookup(guest.lookup(1, f"{i % 10}")[1], f"{i}")[1] for i in range(300)]
        for _ in range(10):
            table = self.capture(server)
            self.end(server)
            server = self.restored(guest, table)
        self.assertEqual({guest.attributes(node)[0] for node in nodes}, {0})

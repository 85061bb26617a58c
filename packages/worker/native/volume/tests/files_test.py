"""Files as a guest makes, reads and writes them, and how many bytes of them."""

import errno
import os
import struct
import subprocess
import threading

import raw_guest as fuse
from raw_guest import Guest, name
from volume_test import VolumeTest


class Files(VolumeTest):
    def test_a_file_is_made_written_read_and_the_guests(self):
        _, guest = self.mounted()
        error, node, handle = guest.create(1, "a", mode=0o4750, uid=1000, gid=1001)
        self.assertEqual(error, 0)
        self.assertEqual(guest.write(node, handle, b"hello"), 0)
        self.assertEqual(guest.read(node, handle), (0, b"hello"))
        found = os.stat(self.path("a"))
        self.assertEqual((found.st_uid, found.st_gid, found.st_mode, found.st_size), (1000, 1001, 0o104750, 5))

    def test_writes_that_append_go_to_the_end_that_is(self):
        _, guest = self.mounted()
        _, node, handle = guest.create(1, "a")
        guest.write(node, handle, b"guest", flags=os.O_APPEND)
        with open(self.path("a"), "a", encoding="utf8") as file:
            file.write("host")
        guest.write(node, handle, b"again", offset=5, flags=os.O_APPEND)
        self.assertEqual(self.text("a"), "guesthostagain")

    def test_what_is_readonly_is_not_written(self):
        self.put("kept", "a")
        _, guest = self.mounted(readonly=1)
        _, node = guest.lookup(1, "a")
        self.assertEqual(guest.open(node, os.O_WRONLY)[0], errno.EROFS)
        self.assertEqual(guest.create(1, "b")[0], errno.EROFS)
        for opcode, body in ((fuse.UNLINK, name("a")), (fuse.MKDIR, bytes(8) + name("d")), (fuse.SYMLINK, name("l") + name("a")),
                             (fuse.RENAME, struct.pack("<Q", 1) + name("a") + name("b")), (fuse.SETATTR, bytes(88))):
            self.assertEqual(guest.ask(opcode, 1, body)[0], errno.EROFS)

    def test_a_folder_of_many_names_is_listed_whole(self):
        for i in range(1000):
            self.put("", f"{i:04}")
        _, guest = self.mounted()
        for opcode, start in ((fuse.READDIR, 0), (fuse.READDIRPLUS, 128)):
            handle = struct.unpack_from("<Q", guest.ask(fuse.OPENDIR, 1, bytes(8))[1])[0]
            names, offset = [], 0
            while True:
                error, out = guest.ask(opcode, 1, struct.pack("<QQIIQII", handle, offset, 4096, 0, 0, 0, 0))
                self.assertEqual(error, 0)
                if not out:
                    break
                at = 0
                while at < len(out):
                    _, offset, length, _ = struct.unpack_from("<QQII", out, at + start)
                    names.append(out[at + start + 24 : at + start + 24 + length].decode())
                    at += (start + 24 + length + 7) // 8 * 8
            self.assertEqual(sorted(names), [".", ".."] + [f"{i:04}" for i in range(1000)])

    def test_a_guest_that_has_a_folder_alone_may_keep_names_and_attributes_for_a_moment(self):
        self.put("", "a")
        server, guest = self.mounted(cache="exclusive")
        kept = lambda: [struct.unpack_from("<QQII", guest.ask(fuse.LOOKUP, 1, name("a"))[1], 16), struct.unpack_from("<QI", guest.ask(fuse.GETATTR, 1, bytes(16))[1])]
        moment = 100_000_000
        self.assertEqual(kept(), [(0, 0, moment, moment), (0, moment)])
        change = lambda cache: server.worker.ask(f"set tag=data cache={cache}")["settleMs"]
        self.assertEqual([change("shared"), change("shared")], [100, 0])
        self.assertEqual(kept(), [(0, 0, 0, 0), (0, 0)])
        self.assertEqual(change("exclusive"), 0)
        self.assertEqual(kept()[1], (0, moment))
        # Contents stay where others see them.
        node = guest.lookup(1, "a")[1]
        out = guest.ask(fuse.FOPEN, node, struct.pack("<II", os.O_RDWR, 0))[1]
        self.assertEqual(struct.unpack_from("<QI", out)[1], 1)

    def test_a_single_file_is_a_root(self):
        self.put("told", "a")
        server = self.start(attach=False)
        self.assertEqual(server.attach("data", self.path("a"))["type"], "file")
        guest = Guest()
        guest.connect(server)
        self.assertEqual((guest.mount(), guest.mode & 0o170000), (0, 0o100000))
        self.assertEqual(guest.read(1, guest.open(1)[1]), (0, b"told"))
        self.assertEqual(guest.lookup(1, "a")[0], errno.ENOTDIR)


class Quota(VolumeTest):
    def test_the_byte_that_is_too_many_gets_enospc_whoever_writes(self):
        self.put("x" * 1000, "of-before")
        account = os.path.join(self.folder, "account")
        guests = [self.mounted(quota=100_000, account=account)[1] for _ in range(2)]
        written = [0, 0]

        def write(index):
            guest = guests[index]
            _, node, handle = guest.create(1, f"of-{index}")
            while guest.write(node, handle, b"x" * 700, offset=written[index]) == 0:
                written[index] += 700

        threads = [threading.Thread(target=write, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertLessEqual(sum(written), 100_000)
        self.assertGreater(sum(written), 100_000 - 1400)
        size = sum(os.stat(self.path(file)).st_size for file in os.listdir(self.root))
        self.assertEqual(size, sum(written) + 1000)

    def test_what_was_removed_is_found_when_room_is_short(self):
        _, guest = self.mounted(quota=10_000, account=os.path.join(self.folder, "account"))
        _, node, handle = guest.create(1, "a")
        self.assertEqual(guest.write(node, handle, b"x" * 9000), 0)
        self.assertEqual(guest.ask(fuse.UNLINK, 1, name("a"))[0], 0)
        _, node, handle = guest.create(1, "b")
        self.assertEqual(guest.write(node, handle, b"x" * 9000), 0)


class Room(VolumeTest):
    def setUp(self):
        super().setUp()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0755", "tmpfs", self.root], check=True)
        self.addCleanup(subprocess.run, ["umount", self.root], check=True)

    def free(self):
        found = os.statvfs(self.root)
        return found.f_bavail * found.f_frsize

    def test_what_the_host_keeps_free_stays_free_and_the_guest_goes_on_when_there_is_room(self):
        floor, piece = 4 << 20, b"x" * 65536
        self.put("", "empty")
        with open(self.path("of-host"), "wb") as file:
            file.write(bytes(1 << 20))
        _, guest = self.mounted(floor=floor)
        _, node, handle = guest.create(1, "a")
        written = 0
        while (error := guest.write(node, handle, piece, offset=written)) == 0:
            written += len(piece)
        self.assertEqual(error, errno.ENOSPC)
        self.assertGreaterEqual(self.free(), floor)
        self.assertLess(self.free(), floor + 2 * len(piece))
        # One page and one name at a time, until not even these are there to be had.
        for at in range(100):
            guest.write(node, handle, piece[:4096], offset=written + at * 4096)
            guest.create(1, f"name-{at}")
        self.assertGreaterEqual(self.free(), floor)
        allocate = lambda mode: guest.ask(fuse.FALLOCATE, node, struct.pack("<QQQII", handle, 0, 8 << 20, mode, 0))[0]
        self.assertEqual([guest.create(1, "new")[0], allocate(0), guest.ask(fuse.MKDIR, 1, bytes(8) + name("d"))[0]], [errno.ENOSPC] * 3)
        self.assertEqual(guest.ask(fuse.SYMLINK, 1, name("l") + name("/t"))[0], errno.ENOSPC)
        self.assertEqual(struct.unpack_from("<QQQ", guest.ask(fuse.STATFS, 1)[1])[2] * 4096 < len(piece), True)
        # What is there is changed, opened and removed as ever.
        self.assertEqual(guest.write(node, handle, b"y" * 4096), 0)
        self.assertEqual(guest.create(1, "empty")[0], 0)
        os.unlink(self.path("of-host"))
        self.assertEqual(guest.write(node, handle, piece, offset=written + 100 * 4096), 0)
        self.assertEqual(guest.ask(fuse.UNLINK, 1, name("a"))[0], 0)
        self.assertEqual(guest.create(1, "new")[0], 0)

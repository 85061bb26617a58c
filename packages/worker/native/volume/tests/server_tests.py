"""The server, by raw messages: `python3 server_tests.py <program with sanitizers>`. Needs root."""

import errno
import fcntl
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

import raw_guest as fuse
from raw_guest import Guest, Server, name

PROGRAM = "build/fastvm-volume-sanitized"
# As it is installed: sanitizers need more of the kernel than the program may ask for.
CONFINED = "build/fastvm-volume"
USER = 1_840_000


class VolumeTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="volume-tests-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.root = os.path.join(self.folder, "root")
        os.mkdir(self.root)
        self.servers = []

    def tearDown(self):
        for server in self.servers:
            self.assertEqual(server.end(), 0)

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def put(self, text, *parts):
        with open(self.path(*parts), "w", encoding="utf8") as file:
            file.write(text)

    def text(self, *parts):
        with open(self.path(*parts), encoding="utf8") as file:
            return file.read()

    def start(self, *arguments, attach=True, **options):
        server = Server(CONFINED if arguments else PROGRAM, *arguments)
        self.servers.append(server)
        if attach:
            self.assertTrue(server.attach("data", self.root, **options)["ok"])
        return server

    def mounted(self, **options):
        server, guest = self.start(**options), Guest()
        guest.connect(server)
        self.assertEqual(guest.mount(), 0)
        return server, guest

    def end(self, server):
        self.servers.remove(server)
        self.assertEqual(server.end(), 0)


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


class Locks(VolumeTest):
    def test_servers_share_what_is_locked_with_each_other_and_the_host(self):
        self.put("", "a")
        guests = [self.mounted()[1] for _ in range(2)]
        files = []
        for guest in guests:
            node = guest.lookup(1, "a")[1]
            files.append((node, guest.open(node)[1]))
        for flock in (0, 1):
            self.assertEqual(guests[0].lock(*files[0], 1, fuse.WRLCK, flock=flock), 0)
            self.assertEqual(guests[0].lock(*files[0], 2, fuse.WRLCK, flock=flock), errno.EAGAIN)
            self.assertEqual(guests[1].lock(*files[1], 1, fuse.RDLCK, flock=flock), errno.EAGAIN)
            self.assertEqual(guests[0].lock(*files[0], 1, fuse.RDLCK, flock=flock), 0)
            self.assertEqual(guests[1].lock(*files[1], 1, fuse.RDLCK, flock=flock), 0)
            self.assertEqual(guests[0].lock(*files[0], 1, fuse.UNLCK, flock=flock), 0)
            self.assertEqual(guests[0].lock(*files[0], 2, fuse.WRLCK, flock=flock), errno.EAGAIN)
            self.assertEqual(guests[1].lock(*files[1], 1, fuse.UNLCK, flock=flock), 0)
            self.assertEqual(guests[0].lock(*files[0], 2, fuse.WRLCK, flock=flock), 0)
            self.assertEqual(guests[0].lock(*files[0], 2, fuse.UNLCK, flock=flock), 0)

    def test_one_that_waits_gets_it_is_interrupted_or_too_many(self):
        self.put("", "a")
        _, guest = self.mounted()
        node = guest.lookup(1, "a")[1]
        handle = guest.open(node)[1]
        self.assertEqual(guest.lock(node, handle, 1, fuse.WRLCK, 10, 20), 0)
        waits = guest.post(fuse.SETLKW, node, guest.lock_body(handle, 2, fuse.WRLCK, 15, 30))
        other = guest.post(fuse.SETLKW, node, guest.lock_body(handle, 3, fuse.WRLCK, 20, 20))
        guest.post(fuse.INTERRUPT, 0, struct.pack("<Q", other))
        self.assertEqual(guest.answer(other)[0], errno.EINTR)
        error, out = guest.ask(fuse.GETLK, node, guest.lock_body(handle, 4, fuse.WRLCK, 0, 100))
        self.assertEqual((error, struct.unpack_from("<QQII", out)), (0, (10, 20, fuse.WRLCK, 7)))
        self.assertNotIn(waits, guest.answers)
        self.assertEqual(guest.ask(fuse.FLUSH, node, struct.pack("<QIIQ", handle, 0, 0, 1))[0], 0)
        self.assertEqual(guest.answer(waits)[0], 0)
        many = [guest.post(fuse.SETLKW, node, guest.lock_body(handle, 10 + i, fuse.WRLCK, 15, 30)) for i in range(300)]
        self.assertEqual(sum(guest.answer(unique)[0] == 37 for unique in many[256:]), 44)

    def test_whoever_has_as_many_ranges_as_may_be_can_give_them_back(self):
        _, guest = self.mounted()
        _, node, handle = guest.create(1, "a")
        second = guest.open(node)[1]
        for i in range(1023):
            self.assertEqual(guest.lock(node, handle, 1, fuse.WRLCK, i * 10, i * 10 + 4), 0)
        self.assertEqual(guest.lock(node, handle, 1, fuse.WRLCK, 20_000, 20_001), errno.ENOLCK)
        self.assertEqual(guest.lock(node, handle, 1, fuse.UNLCK, 2, 2), errno.ENOLCK)
        self.assertEqual(guest.lock(node, handle, 1, fuse.UNLCK), 0)
        self.assertEqual(guest.lock(node, second, 2, fuse.WRLCK), 0)

    def test_a_shared_lock_whose_change_is_refused_is_gone(self):
        (_, guest), (_, other) = self.mounted(), self.mounted()
        _, node, handle = guest.create(1, "a")
        theirs = other.lookup(1, "a")[1]
        their_handle = other.open(theirs)[1]
        self.assertEqual(guest.lock(node, handle, 1, fuse.RDLCK, flock=1), 0)
        self.assertEqual(other.lock(theirs, their_handle, 1, fuse.RDLCK, flock=1), 0)
        self.assertEqual(guest.lock(node, handle, 1, fuse.WRLCK, flock=1), errno.EAGAIN)
        self.assertEqual(other.lock(theirs, their_handle, 1, fuse.WRLCK, flock=1), 0)
        self.assertEqual(self.servers[0].worker.ask("list")["attachments"][0]["locks"], 0)

    def test_the_end_of_a_server_frees_its_locks(self):
        self.put("", "a")
        (server, first), (_, second) = self.mounted(), self.mounted()
        node = first.lookup(1, "a")[1]
        self.assertEqual(first.lock(node, first.open(node)[1], 1, fuse.WRLCK), 0)
        node = second.lookup(1, "a")[1]
        handle = second.open(node)[1]
        waits = second.post(fuse.SETLKW, node, second.lock_body(handle, 1, fuse.WRLCK))
        self.servers.remove(server)
        server.kill()
        self.assertEqual(second.answer(waits)[0], 0)


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
        self.assertLess(done, len(posted) // 2)
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


class Ledgers(VolumeTest):
    """Whoever follows a server that was killed."""

    def kept(self, recovers=False):
        server = Server(PROGRAM, "--unconfined", "--ledger", os.path.join(self.folder, "ledger"))
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


if __name__ == "__main__":
    if len(sys.argv) > 1:
        PROGRAM = sys.argv.pop(1)
    os.umask(0)
    result = unittest.main(exit=False).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(failed > 0)

"""Locks, between servers and with the host."""

import errno
import struct

import raw_guest as fuse
from volume_test import VolumeTest


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

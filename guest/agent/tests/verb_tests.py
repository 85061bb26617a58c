"""Verbs on files: what is done, what is told, as whom, and that nothing of it holds the agent up."""

import os
import struct
import unittest

import link_client as wire
from agent_case import AgentTest, alive, eventually
from link_client import field

STAT, LIST, MAKE_FOLDER, REMOVE, RENAME, SET_MODE, WATCH, DROP_CACHES, FREE_PAGES = range(1, 10)
FOLLOW, RECURSIVE = 1, 2
FILE, FOLDER, LINK, OTHER = 1, 2, 3, 4
READY, CREATE, WRITE, GONE, MOVED, CHMOD, OVERFLOW = range(1, 8)
ENOENT, EEXIST, ENOTDIR, EINVAL, ENOTEMPTY, EACCES = 2, 17, 20, 22, 39, 13


def request(verb, path, **more):
    parts = field(wire.VERB, struct.pack("<H", verb)) + field(wire.PATH, path)
    for name, value in more.items():
        tag = {"to": wire.TO, "user": wire.USER, "mode": wire.MODE, "depth": wire.DEPTH, "flags": wire.FLAGS}[name]
        parts += field(tag, value if isinstance(value, str) else struct.pack("<I", value))
    return parts


def fields(data):
    at = 0
    while at < len(data):
        tag, _, length = struct.unpack_from("<HHI", data, at)
        yield tag, bytes(data[at + 8:at + 8 + length])
        at += 8 + length


def entries(data):
    found = []
    for tag, value in fields(data):
        assert tag == wire.ENTRY
        entry = dict(fields(value))
        found.append({
            "path": entry[wire.PATH].decode(),
            "type": entry[wire.TYPE][0],
            "mode": struct.unpack("<I", entry[wire.MODE])[0],
            "size": struct.unpack("<Q", entry[wire.SIZE])[0],
            "mtime": struct.unpack("<q", entry[wire.MTIME_NS])[0],
            "uid": struct.unpack("<I", entry[wire.UID])[0],
            "gid": struct.unpack("<I", entry[wire.GID])[0],
            "target": entry.get(wire.TARGET, b"").decode(),
        })
    return found


def events(data):
    found = []
    for tag, value in fields(data):
        assert tag == wire.EVENT
        event = dict(fields(value))
        found.append((event[wire.TYPE][0], event[wire.PATH].decode()))
    return found


class Verbs(AgentTest):
    def do(self, link, verb, path, **more):
        stream = link.open(wire.OPEN_VERB, request(verb, path, **more))
        return link.finish(stream).done[0], link.streams[stream].stdout

    def file(self, name, content=b"content", mode=0o644):
        path = self.in_folder(name)
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, mode)
        return path

    def test_a_file_is_described(self):
        link = self.link()
        path = self.file("file", b"12345", 0o4750)
        os.utime(path, ns=(1, 1_234_567_890_123_456_789))
        error, told = self.do(link, STAT, path)
        self.assertEqual(error, 0)
        self.assertEqual(entries(told), [{
            "path": path, "type": FILE, "mode": 0o4750, "size": 5, "mtime": 1_234_567_890_123_456_789,
            "uid": os.getuid(), "gid": os.getgid(), "target": "",
        }])
        os.symlink("file", self.in_folder("alias"))
        alias = entries(self.do(link, STAT, self.in_folder("alias"))[1])[0]
        self.assertEqual((alias["type"], alias["target"]), (LINK, "file"))
        followed = entries(self.do(link, STAT, self.in_folder("alias"), flags=FOLLOW)[1])[0]
        self.assertEqual((followed["type"], followed["size"]), (FILE, 5))
        self.assertEqual(self.do(link, STAT, self.in_folder("none")), (ENOENT, b""))
        self.assertEqual(self.do(link, STAT, "relative")[0], EINVAL)

    def test_a_folder_is_listed_to_its_depth(self):
        link = self.link()
        os.makedirs(self.in_folder("top/middle/deep"))
        for name in ("top/a", "top/middle/b", "top/middle/deep/c"):
            self.file(name)
        os.symlink("/", self.in_folder("top/everything"))
        top = self.in_folder("top")
        for depth, expected in ((0, [""]), (1, ["/a", "/everything", "/middle"]),
                                (2, ["/a", "/everything", "/middle", "/middle/b", "/middle/deep"])):
            error, told = self.do(link, LIST, top, depth=depth)
            self.assertEqual(error, 0)
            self.assertEqual(sorted(entry["path"] for entry in entries(told)), [top + name for name in expected])
        self.assertEqual(self.do(link, LIST, top + "/a")[0], ENOTDIR)
        self.assertEqual(self.do(link, LIST, top + "/none")[0], ENOENT)

    def test_many_entries_come_with_credit_and_the_agent_goes_on(self):
        link = self.link()
        os.mkdir(self.in_folder("many"))
        for number in range(6000):
            os.close(os.open(self.in_folder(f"many/a-name-that-takes-room-{number:06}"), os.O_CREAT))
        link.gives_credit = False
        stream = link.open(wire.OPEN_VERB, request(LIST, self.in_folder("many")))
        link.wait(lambda: len(link.streams[stream].stdout) >= wire.WINDOW)
        link.ping()
        link.gives_credit = True
        link.send(wire.CREDIT, stream, struct.pack("<I", wire.WINDOW))
        self.assertEqual(link.finish(stream).done[0], 0)
        self.assertEqual(len(entries(link.streams[stream].stdout)), 6000)

    def test_folders_are_made_with_their_parents(self):
        link = self.link()
        path = self.in_folder("one/two/three")
        self.assertEqual(self.do(link, MAKE_FOLDER, path, mode=0o2777)[0], 0)
        self.assertEqual(os.stat(path).st_mode & 0o7777, 0o2777)
        self.assertEqual(os.stat(self.in_folder("one")).st_mode & 0o7777, 0o755)
        self.assertEqual(self.do(link, MAKE_FOLDER, path)[0], EEXIST)
        self.assertEqual(self.do(link, MAKE_FOLDER, self.file("file") + "/below")[0], ENOTDIR)

    def test_what_is_removed_is_gone_and_nothing_beside_it(self):
        link = self.link()
        os.makedirs(self.in_folder("top/below"))
        kept = self.file("kept")
        self.file("top/below/file")
        os.symlink(self.folder, self.in_folder("top/below/up"))
        self.assertEqual(self.do(link, REMOVE, self.in_folder("top"))[0], ENOTEMPTY)
        self.assertEqual(self.do(link, REMOVE, self.in_folder("top"), flags=RECURSIVE)[0], 0)
        self.assertFalse(os.path.exists(self.in_folder("top")))
        self.assertTrue(os.path.exists(kept))
        self.assertEqual(self.do(link, REMOVE, kept)[0], 0)
        self.assertEqual(self.do(link, REMOVE, kept)[0], ENOENT)
        os.symlink("/", self.in_folder("root"))
        self.assertEqual(self.do(link, REMOVE, self.in_folder("root"), flags=RECURSIVE)[0], 0)

    def test_what_is_renamed_takes_its_place(self):
        link = self.link()
        old, new = self.file("old", b"moved"), self.in_folder("new/place")
        self.assertEqual(self.do(link, RENAME, old, to=new)[0], 0)
        with open(new, "rb") as file:
            self.assertEqual(file.read(), b"moved")
        self.assertEqual(self.do(link, RENAME, old, to=new)[0], ENOENT)
        self.assertEqual(self.do(link, RENAME, new)[0], EINVAL)
        self.assertEqual(self.do(link, RENAME, new, to="relative")[0], EINVAL)

    def test_the_mode_is_set(self):
        link = self.link()
        path = self.file("file")
        self.assertEqual(self.do(link, SET_MODE, path, mode=0o6711)[0], 0)
        self.assertEqual(os.stat(path).st_mode & 0o7777, 0o6711)
        self.assertEqual(self.do(link, SET_MODE, path)[0], EINVAL)

    @unittest.skipIf(os.geteuid() != 0, "only root becomes others")
    def test_it_is_done_as_its_user(self):
        link = self.link()
        os.chmod(self.folder, 0o755)
        os.mkdir(self.in_folder("roots"), 0o700)
        self.assertEqual(self.do(link, LIST, self.in_folder("roots"), user="nobody")[0], EACCES)
        self.assertEqual(self.do(link, MAKE_FOLDER, self.in_folder("roots/theirs"), user="nobody")[0], EACCES)
        os.mkdir(self.in_folder("open"))
        os.chmod(self.in_folder("open"), 0o777)
        self.assertEqual(self.do(link, MAKE_FOLDER, self.in_folder("open/theirs"), user="nobody")[0], 0)
        self.assertEqual(os.stat(self.in_folder("open/theirs")).st_uid, 65534)
        self.assertEqual(self.do(link, STAT, "/", user="who-is-this")[0], EINVAL)

    def watch(self, link, path, **more):
        stream = link.open(wire.OPEN_VERB, request(WATCH, path, **more))
        link.wait(lambda: events(link.streams[stream].stdout)[:1] == [(READY, path)])
        return stream

    def sees(self, link, stream, *expected):
        link.wait(lambda: all(event in events(link.streams[stream].stdout) for event in expected))

    def test_what_happens_in_a_folder_is_told(self):
        link = self.link()
        top = self.in_folder("top")
        os.makedirs(top + "/below")
        stream = self.watch(link, top)
        self.file("top/file")
        self.file("top/below/unseen")
        self.sees(link, stream, (CREATE, top + "/file"), (WRITE, top + "/file"), (CHMOD, top + "/file"))
        os.rename(top + "/file", top + "/moved")
        self.sees(link, stream, (MOVED, top + "/file"), (MOVED, top + "/moved"))
        os.unlink(top + "/moved")
        self.sees(link, stream, (GONE, top + "/moved"))
        self.assertNotIn(top + "/below/unseen", [path for _, path in events(link.streams[stream].stdout)])
        os.unlink(top + "/below/unseen")
        os.rmdir(top + "/below")
        os.rmdir(top)
        self.assertEqual(link.finish(stream).done[0], ENOENT)

    def test_what_happens_below_a_folder_is_told(self):
        link = self.link()
        top = self.in_folder("top")
        os.makedirs(top + "/one")
        stream = self.watch(link, top, flags=RECURSIVE)
        self.file("top/one/file")
        os.makedirs(top + "/two/three")
        self.sees(link, stream, (CREATE, top + "/one/file"), (CREATE, top + "/two"), (CREATE, top + "/two/three"))
        self.file("top/two/three/deep")
        self.sees(link, stream, (CREATE, top + "/two/three/deep"))
        os.rename(top + "/two", top + "/one/moved")
        self.sees(link, stream, (MOVED, top + "/one/moved"))
        os.unlink(top + "/one/moved/three/deep")
        self.sees(link, stream, (GONE, top + "/one/moved/three/deep"))
        self.assertEqual(self.do(link, WATCH, self.in_folder("none"))[0], ENOENT)
        self.assertEqual(self.do(link, WATCH, self.file("plain"))[0], ENOTDIR)

    def children(self):
        with open(f"/proc/{self.agent.pid}/task/{self.agent.pid}/children") as children:
            return [int(pid) for pid in children.read().split()]

    def test_a_watch_ends_with_its_stream_and_with_its_link(self):
        link = self.link()
        stream = self.watch(link, self.folder)
        child, = self.children()
        link.send(wire.RESET, stream)
        self.assertTrue(eventually(lambda: not alive(child)))
        self.watch(link, self.folder)
        child, = self.children()
        # The host's end is lost and is back; then the machine is another one.
        for generation in (bytes(16), bytes([1]) * 16):
            link.close()
            link = self.link(generation=generation)
            self.assertTrue(eventually(lambda: not alive(child)))
            self.watch(link, self.folder)
            child, = self.children()

    def test_it_holds_nothing_of_the_agents(self):
        link = self.link()
        self.watch(link, self.folder)
        child, = self.children()
        opened = {os.readlink(f"/proc/{child}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{child}/fd") if int(fd) > 2}
        self.assertEqual(opened, {"anon_inode"})

    def free_runs(self, link, *blocks):
        """Of a machine with these blocks of pages: how many, and what the kernel says of each."""
        path = self.file("flags", b"".join(struct.pack("<Q", flags) * pages for pages, flags in blocks))
        error, told = self.do(link, FREE_PAGES, path)
        self.assertEqual(error, 0)
        found = []
        for tag, value in fields(told):
            self.assertEqual(tag, wire.FREE_RUNS)
            found += struct.iter_unpack("<II", value)
        return found

    def test_runs_of_free_pages_are_told(self):
        link = self.link()
        free, slab = 1 << 10, 1 << 7
        self.assertEqual(self.free_runs(link, (3, slab), (8, free), (1, 0), (100, free)), [(3, 8), (12, 100)])
        # One that is free and something else is not free; crumbs are not worth a word.
        self.assertEqual(self.free_runs(link, (8, free | slab), (7, free), (2, slab), (9, free)), [(17, 9)])
        self.assertEqual(self.free_runs(link, (40_000, free), (30_000, 1 << 20), (40_000, free)), [(0, 40_000), (70_000, 40_000)])
        self.assertEqual(self.free_runs(link, (5, slab)), [])
        many = self.free_runs(link, *[(8, free), (1, slab)] * 3000)
        self.assertEqual(many, [(9 * at, 8) for at in range(3000)])

    def test_caches_are_dropped_where_the_kernel_takes_the_word(self):
        link = self.link()
        path = self.file("drop_caches", b"")
        self.assertEqual(self.do(link, DROP_CACHES, path)[0], 0)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"3\n")
        for verb in (DROP_CACHES, FREE_PAGES):
            self.assertEqual(self.do(link, verb, self.in_folder("none"))[0], ENOENT)

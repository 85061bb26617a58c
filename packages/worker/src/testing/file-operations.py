"""A list of operations on files, drawn from a seed, and what came of each: `file-operations.py FOLDER SEED COUNT [PART PARTS]`.

On two file systems that are alike the same is printed. With parts, that many processes, wherever they run, take turns at one list; each
prints what it did.
"""

import ctypes
import errno
import os
import random
import stat
import sys
import time

TURN = 25
NAMES = ["a", "b", "c", "d", "x" * 255, "x" * 256, "-", "sp ace", "\u00e4"]
LIBC = ctypes.CDLL(None, use_errno=True)


def name(draw, depth=2):
    return "/".join(draw.choice(NAMES) for _ in range(draw.randint(1, depth)))


def told(path):
    """What is the same on each file system: of folders the size is not."""
    found = os.lstat(path)
    size = "-" if stat.S_ISDIR(found.st_mode) else found.st_size
    return f"{found.st_mode:o} {found.st_nlink} {found.st_uid} {found.st_gid} {size}"


def in_c(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def fallocate(file, mode, start, length):
    return in_c(LIBC.fallocate(file, mode, ctypes.c_long(start), ctypes.c_long(length)))


def rename2(one, other, flags):
    return in_c(LIBC.renameat2(-100, one.encode(), -100, other.encode(), flags))


class Player:
    def __init__(self):
        self.files = [None] * 6

    def open(self, slot, path, flags, mode):
        if self.files[slot] is not None:
            os.close(self.files[slot])
            self.files[slot] = None
        self.files[slot] = os.open(path, flags, mode)
        return told(path) if flags & os.O_CREAT else ""

    def of(self, slot):
        if self.files[slot] is None:
            raise OSError(errno.EBADF, "")
        return self.files[slot]

    def tree(self):
        return [sorted(folders + files) for _, folders, files in sorted(os.walk("."))]

    def draw(self, draw):
        """The next operation: a name and what does it. All is drawn before anything is done, whoever does it."""
        one, other, slot = name(draw), name(draw), draw.randrange(len(self.files))
        number, start, length = draw.randrange(1 << 16), draw.randrange(70_000), draw.randrange(1, 9_000)
        data = bytes([draw.randrange(256)]) * length
        flags = draw.choice([os.O_RDWR, os.O_RDONLY, os.O_WRONLY, os.O_RDWR | os.O_APPEND, os.O_RDWR | os.O_TRUNC])
        # Who opens a pipe waits for nobody.
        flags |= os.O_NONBLOCK | draw.choice([0, *[os.O_CREAT] * 4, os.O_CREAT | os.O_EXCL, os.O_DIRECTORY, os.O_NOFOLLOW])
        every = {
            "open": lambda: self.open(slot, one, flags, number & 0o777),
            "write": lambda: os.pwrite(self.of(slot), data, start),
            "append": lambda: os.write(self.of(slot), data[:100]),
            "read": lambda: hash_of(os.pread(self.of(slot), length, start)),
            "truncate": lambda: os.ftruncate(self.of(slot), start),
            "truncate by name": lambda: os.truncate(one, start),
            "allocate": lambda: fallocate(self.of(slot), draw_mode(number), start & ~4095, (length & ~4095) + 4096),
            "seek": lambda: os.lseek(self.of(slot), start, os.SEEK_SET),
            "sync": lambda: os.fsync(self.of(slot)),
            "size": lambda: os.fstat(self.of(slot)).st_size,
            "copy": lambda: os.copy_file_range(self.of(slot), self.of((slot + 1) % 6), length, start, start // 2),
            "mkdir": lambda: (os.mkdir(one, number & 0o7777), told(one))[1],
            "rmdir": lambda: os.rmdir(one),
            "unlink": lambda: os.unlink(one),
            "rename": lambda: os.rename(one, other),
            "rename beside": lambda: rename2(one, other, 1),
            "exchange": lambda: rename2(one, other, 2),
            "link": lambda: (os.link(one, other, follow_symlinks=False), told(other))[1],
            "symlink": lambda: os.symlink(draw_target(number, other), one),
            "readlink": lambda: os.readlink(one),
            "chmod": lambda: (os.chmod(one, number & 0o7777), told(one))[1],
            "chown": lambda: (os.chown(one, number % 5, number % 7, follow_symlinks=False), told(one))[1],
            "times": lambda: (os.utime(one, ns=(number, number * 7)), os.stat(one).st_mtime_ns)[1],
            "stat": lambda: told(one),
            "list": lambda: sorted(os.listdir(one)),
            "pipe": lambda: (os.mkfifo(one, 0o640), told(one))[1],
            "set attribute": lambda: os.setxattr(one, f"user.{number % 3}", data[:200], number % 3),
            "attribute": lambda: hash_of(os.getxattr(one, f"user.{number % 3}")),
            "attributes": lambda: sorted(os.listxattr(one)),
            "no attribute": lambda: os.removexattr(one, f"user.{number % 3}"),
            "access": lambda: os.access(one, number & 7),
            "tree": self.tree,
        }
        weights = [8 if known == "open" else 4 if known in ("write", "read", "append", "mkdir") else 1 for known in every]
        known = draw.choices(list(every), weights)[0]
        return f"{known} {one[:20]} {other[:20]} {slot} {start} {length}", every[known]


def hash_of(data):
    return f"{len(data)}:{sum(data)}:{sum(index * byte for index, byte in enumerate(data[:500]))}"


def draw_mode(number):
    return [0, 1, 3, 16][number % 4]


def draw_target(number, other):
    """None leads out of the folder to what an earlier list, or another VM, may have made there."""
    return [other, "/no such folder/" + other, "../" + other, "loop"][number % 4]


def play(folder, seed, count, part=0, parts=1):
    work, turns = os.path.join(folder, "work"), os.path.join(folder, "turns")
    os.makedirs(work, exist_ok=True)
    os.makedirs(turns, exist_ok=True)
    os.chdir(work)
    os.umask(0o022)
    draw, player = random.Random(seed), Player()
    for at in range(count):
        turn = at // TURN
        what, do = player.draw(draw)
        if turn % parts != part:
            continue
        while at % TURN == 0 and turn > 0 and parts > 1 and not os.path.exists(os.path.join(turns, str(turn))):
            time.sleep(0.01)
        try:
            found = do()
        except OSError as error:
            found = errno.errorcode.get(error.errno, error.errno)
        print(f"{at:06} {what}: {found}")
        if parts > 1 and at % TURN == TURN - 1:
            open(os.path.join(turns, str(turn + 1)), "x").close()


play(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *map(int, sys.argv[4:6]))

"""Works on a volume until the file `stop` is there: one process for each kind of request, each of which knows what it must find.

What is done twice, or not at all, shows: names that are there already or not yet, numbers that are missing. Each process says in
`/tmp/work/<kind>` how often it was through, or what went wrong.
"""

import ctypes
import fcntl
import os
import sys
import time

ROOT = sys.argv[1]
FOLDER = os.path.join(ROOT, sys.argv[2])
FOUND = "/tmp/work"


def write(step):
    with open("log", "a", buffering=1) as file:
        while True:
            file.write(f"{next(step)}\n")
            yield


def read(step):
    with open("text", "w+b", buffering=0) as file:
        file.write(bytes(range(256)) * 64)
        while True:
            at = next(step) * 61 % 16000
            assert os.pread(file.fileno(), 256, at) == bytes((at + i) % 256 for i in range(256)), "what is read is not what was written"
            yield


def names(step):
    open("n0", "x").close()
    while True:
        count = next(step)
        os.rename(f"n{count - 1}", f"n{count}")
        os.link(f"n{count}", "also")
        os.unlink("also")
        yield


def folders(step):
    while True:
        next(step)
        os.mkdir("d")
        os.symlink("d", "l")
        assert sorted(os.listdir(".")) == ["d", "l"] and os.readlink("l") == "d", "the folder has other names"
        os.unlink("l")
        os.rmdir("d")
        yield


def attributes(step):
    open("a", "x").close()
    while True:
        count = next(step)
        os.chmod("a", 0o600 | count % 8)
        os.utime("a", (count, count))
        os.setxattr("a", "user.count", b"%d" % count)
        assert os.getxattr("a", "user.count") == b"%d" % count and os.stat("a").st_mtime == count, "attributes are not as they were set"
        os.removexattr("a", "user.count")
        os.statvfs(".")
        yield


def sizes(step):
    libc = ctypes.CDLL(None, use_errno=True)
    with open("s", "x+b", buffering=0) as file:
        while True:
            count = next(step)
            os.posix_fallocate(file.fileno(), 0, 8192)
            os.pwrite(file.fileno(), b"%d" % count, 8000)
            assert libc.fallocate(file.fileno(), 3, ctypes.c_long(0), ctypes.c_long(4096)) == 0, "no hole"
            assert os.lseek(file.fileno(), 0, os.SEEK_DATA) == 4096, "the hole is none"
            os.fsync(file.fileno())
            assert os.fstat(file.fileno()).st_size == 8192, "the size is another"
            os.ftruncate(file.fileno(), 0)
            yield


def makes(step):
    while True:
        count = next(step)
        with open("new", "x") as file:
            file.write(str(count))
        with open("new") as source, open("copy", "x") as target:
            assert os.copy_file_range(source.fileno(), target.fileno(), 100) == len(str(count)), "the copy is short"
        with open("copy") as file:
            assert file.read() == str(count), "the copy is another"
        os.unlink("new")
        os.unlink("copy")
        yield


def locks(step):
    """A lock that was held is lost with its open file, which is told; then it is taken anew."""
    file = open("lock", "w+")
    while True:
        next(step)
        try:
            fcntl.lockf(file, fcntl.LOCK_EX)
            os.write(file.fileno(), b"x")
            fcntl.lockf(file, fcntl.LOCK_UN)
        except OSError as error:
            assert error.errno == 5, error
            file.close()
            file = open("lock", "w+")
        yield


def count_up():
    count = 0
    while True:
        count += 1
        yield count


def work(kind):
    os.mkdir(os.path.join(FOLDER, kind.__name__))
    os.chdir(os.path.join(FOLDER, kind.__name__))
    counted = [0]

    def step():
        for count in count_up():
            counted[0] = count
            yield count

    found = open(os.path.join(FOUND, kind.__name__), "w")
    try:
        once = kind(step())
        while not os.path.exists(os.path.join(ROOT, "stop")):
            next(once)
            found.seek(0)
            found.write(f"{counted[0]} ")
            found.flush()
        print("done", file=found, flush=True)
    except BaseException as error:
        print(f"failed: {error!r}", file=found, flush=True)


os.makedirs(FOUND, exist_ok=True)
os.mkdir(FOLDER)
KINDS = [write, read, names, folders, attributes, sizes, makes, locks]
for one in KINDS:
    if os.fork() == 0:
        work(one)
        os._exit(0)
for _ in KINDS:
    os.wait()

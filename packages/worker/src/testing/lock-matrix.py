"""Which lock stands in the way of which: `lock-matrix.py FOLDER hold|try|both`, side by side in one folder. The tries are printed.

Whoever holds takes each kind of lock in turn, also in its own other descriptor; whoever tries asks for each kind over and beside it.
"""

import errno
import fcntl
import os
import struct
import sys
import time

OFD_SETLK, OFD_GETLK = 37, 36
KINDS = [(kind, mode) for kind in ("posix", "flock", "ofd") for mode in ("read", "write")]
PLACES = [(0, 10), (5, 10), (10, 10)]
# A step of the other one's is a few hundred calls.
PATIENCE_S = 60


def flock(mode, start, length):
    kind = {"read": fcntl.F_RDLCK, "write": fcntl.F_WRLCK, "none": fcntl.F_UNLCK}[mode]
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0)


def lock(fd, kind, mode, start=0, length=10):
    """What came of it, as a word."""
    try:
        if kind == "flock":
            fcntl.flock(fd, {"read": fcntl.LOCK_SH, "write": fcntl.LOCK_EX, "none": fcntl.LOCK_UN}[mode] | fcntl.LOCK_NB)
        else:
            fcntl.fcntl(fd, fcntl.F_SETLK if kind == "posix" else OFD_SETLK, flock(mode, start, length))
        return "ok"
    except OSError as error:
        return "busy" if error.errno in (errno.EAGAIN, errno.EACCES) else errno.errorcode[error.errno]


def in_the_way(fd, kind, mode, start=0, length=10):
    if kind == "flock":
        return ""
    found = fcntl.fcntl(fd, fcntl.F_GETLK if kind == "posix" else OFD_GETLK, flock(mode, start, length))
    kind, _, start, length, _ = struct.unpack("hhqqi4x", found)
    return "free" if kind == fcntl.F_UNLCK else f"{kind} {start} {length}"


def attempt(held):
    """Each on a descriptor of its own, given back at once."""
    for kind, mode in KINDS:
        for place in PLACES if held[0] != "flock" and kind != "flock" else PLACES[:1]:
            fd = os.open("file", os.O_RDWR)
            print(*held, kind, mode, *place, lock(fd, kind, mode, *place), in_the_way(fd, kind, mode, *place))
            os.close(fd)


def say(name):
    open(name, "x").close()


def hear(name):
    """The other one may have failed: then nothing comes any more."""
    end = time.monotonic() + PATIENCE_S
    while not os.path.exists(name):
        assert time.monotonic() < end, f"the other one does not say {name}"
        time.sleep(0.005)


def hold():
    for at, (kind, mode) in enumerate(KINDS):
        fd = os.open("file", os.O_RDWR)
        assert lock(fd, kind, mode) == "ok", (kind, mode)
        say(f"held-{at}")
        hear(f"tried-{at}")
        # Half of it, or all of what has no halves.
        assert lock(fd, kind, "none", 0, 5) == "ok"
        say(f"half-{at}")
        hear(f"retried-{at}")
        os.close(fd)
        say(f"closed-{at}")
        # Else the next lock would meet what is tried beside the one that is gone.
        hear(f"over-{at}")


def try_all():
    for at, held in enumerate(KINDS):
        hear(f"held-{at}")
        attempt(held)
        say(f"tried-{at}")
        hear(f"half-{at}")
        attempt((*held, "half"))
        say(f"retried-{at}")
        hear(f"closed-{at}")
        attempt((*held, "closed"))
        say(f"over-{at}")


def alone():
    """Two descriptors of one process."""
    for kind, mode in KINDS:
        fd, beside = os.open("file", os.O_RDWR), os.open("file", os.O_RDWR)
        first = lock(fd, kind, mode)
        print("alone", kind, mode, first, *(lock(beside, *other) for other in KINDS))
        os.close(beside)
        # A close gives back what a process has of POSIX's.
        other = os.open("file", os.O_RDWR)
        print("alone", kind, mode, "closed beside", *(lock(other, *one) for one in KINDS))
        os.close(other)
        os.close(fd)


os.makedirs(sys.argv[1], exist_ok=True)
os.chdir(sys.argv[1])
open("file", "a").close()
if sys.argv[2] == "hold":
    hold()
elif sys.argv[2] == "try":
    try_all()
elif os.fork() == 0:
    hold()
    os._exit(0)
else:
    try_all()
    os.wait()
    alone()

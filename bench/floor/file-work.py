"""
Works with files beneath a folder of the guest in which file-tree.py has made a tree, and prints how many milliseconds each
kind of work took: file-work.py FOLDER MIB.
"""

import json
import os
import random
import subprocess
import sys
import time

MIB = 1024 * 1024
BLOCK = 4096
# One command of a round is seconds under emulation; so many blocks are enough for a middle that stays.
BLOCKS = 256
NAMES = 200

folder, mib = os.path.join(sys.argv[1], "work"), int(sys.argv[2])
took = {}


def timed(name, work):
    started = time.monotonic()
    work()
    took[name] = (time.monotonic() - started) * 1000


def forget():
    """What the guest still knows would be read from its memory."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as caches:
        caches.write("3")


def write():
    with open(large, "wb", buffering=0) as file:
        for _ in range(mib):
            file.write(piece)
        os.fsync(file.fileno())


def read():
    with open(large, "rb", buffering=0) as file:
        while file.read(MIB):
            pass


def blocks(is_write):
    fd = os.open(large, os.O_RDWR)
    for _ in range(BLOCKS):
        at = random.randrange(mib * MIB // BLOCK) * BLOCK
        if is_write:
            os.pwrite(fd, piece[:BLOCK], at)
        else:
            os.pread(fd, BLOCK, at)
    if is_write:
        os.fsync(fd)
    os.close(fd)


def names():
    """Made, looked at, renamed and removed: four calls each, and one that closes."""
    for at in range(NAMES):
        path = os.path.join(folder, f"name-{at}")
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        os.stat(path)
        os.rename(path, path + "-renamed")
        os.unlink(path + "-renamed")


def status():
    command = ["git", "-c", "safe.directory=*", "-C", os.path.join(sys.argv[1], "tree"), "status"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


os.makedirs(folder, exist_ok=True)
large, piece = os.path.join(folder, "large"), os.urandom(MIB)
random.seed(1)
timed("write", write)
forget()
timed("read", read)
forget()
timed("randomRead", lambda: blocks(False))
timed("randomWrite", lambda: blocks(True))
timed("names", names)
os.unlink(large)
forget()
timed("gitStatus", status)
print(json.dumps(took))

"""sync-work.py FOLDER: milliseconds for 100 blocks of 4 KiB, each written over the same file and synced before the next."""

import os
import sys
import time

BLOCK = 4096
TIMES = 100

path = os.path.join(sys.argv[1], "sync-work")
file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
os.write(file, bytes(BLOCK * TIMES))
os.fsync(file)
block = os.urandom(BLOCK)
begun = time.monotonic()
for at in range(TIMES):
    os.pwrite(file, block, at * BLOCK)
    os.fsync(file)
print((time.monotonic() - begun) * 1000)
os.close(file)
os.remove(path)

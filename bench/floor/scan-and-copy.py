"""
The least that copies what was written to the memory of a process since it was last asked:

    scan-and-copy.py PROCESS FIRST-ADDRESS LAST-ADDRESS FILE

For each line on standard input it has the kernel list the pages that were written and protect them again, copies those that
are private to the process into the file, and prints how many they were. The first time these are all private pages.
"""

import ctypes
import fcntl
import os
import sys

PAGE_BYTES = 4096
CHUNK_BYTES = 1024 * 1024
# More than a memory has: one answer is enough.
MAX_REGIONS = 1 << 22
PAGEMAP_SCAN = 0xC0606610
PROTECT, CHECK_TRACKED = 1, 2
WRITTEN, FILE, PRESENT, SWAPPED = 2, 4, 8, 16


class Region(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("start", "end", "categories")]


class Scan(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_uint64)
        for name in (
            "size flags start end walk_end vec vec_len max_pages category_inverted category_mask category_anyof_mask "
            "return_mask"
        ).split()
    ]


def regions(pagemap, room, start, end, **wanted):
    scan = Scan(
        size=ctypes.sizeof(Scan),
        start=start,
        end=end,
        vec=ctypes.addressof(room),
        vec_len=len(room),
        category_anyof_mask=PRESENT | SWAPPED,
        return_mask=PRESENT,
        **wanted,
    )
    count = fcntl.ioctl(pagemap, PAGEMAP_SCAN, scan)
    return [(room[at].start, room[at].end) for at in range(count)]


def main(process, start, end, path):
    pagemap = os.open(f"/proc/{process}/pagemap", os.O_RDONLY)
    memory = os.open(f"/proc/{process}/mem", os.O_RDONLY)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    room = (Region * MAX_REGIONS)()
    buffer = bytearray(CHUNK_BYTES)
    private = {"category_inverted": FILE, "category_mask": FILE}
    tracked = {"flags": PROTECT | CHECK_TRACKED}
    is_first = True
    for _ in sys.stdin:
        if is_first:
            found = regions(pagemap, room, start, end, **private, **tracked)
        else:
            written = regions(pagemap, room, start, end, category_mask=WRITTEN, **tracked)
            found = [each for at, to in written for each in regions(pagemap, room, at, to, **private)]
        is_first = False
        os.lseek(file, 0, os.SEEK_SET)
        for at, to in found:
            while at < to:
                view = memoryview(buffer)[: min(CHUNK_BYTES, to - at)]
                os.preadv(memory, [view], at)
                os.write(file, view)
                at += len(view)
        print(sum(to - at for at, to in found) // PAGE_BYTES, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2], 16), int(sys.argv[3], 16), sys.argv[4])

"""Reads a disk of a virtual machine in a format that has more in it than the disk: runs in a build VM alone, as what it reads is a stranger's.

    read-disk.py size FORMAT FILE BYTES                      prints the disk's size
    read-disk.py copy FORMAT FILE BYTES TARGET MAX_BYTES     writes what is in it to TARGET, which was empty

FORMAT is qcow2 or vmdk. What is elsewhere (a backing file, a data file, extents) is refused, never looked for.
"""

import re
import struct
import sys
import zlib

SECTOR = 512
# Of two TiB, as large as disks of VMs may be, in the smallest clusters that anybody makes.
MAX_TABLE_BYTES = 32 * 1024 * 1024
MAX_DISK_BYTES = 2 * 1024 ** 4
MAX_DESCRIPTOR_BYTES = 64 * 1024


class Refused(Exception):
    """What is wrong with the file."""


class File:
    """Reads within its bounds, or not at all."""

    def __init__(self, path, size):
        self.file, self.size = open(path, "rb"), size

    def read(self, offset, length):
        if offset < 0 or offset + length > self.size:
            raise Refused("it names what is beyond its end")
        self.file.seek(offset)
        return self.file.read(length)

    def unpack(self, form, offset):
        return struct.unpack(form, self.read(offset, struct.calcsize(form)))


def table(data, form):
    return struct.unpack(f"{form[0]}{len(data) // struct.calcsize(form)}{form[1]}", data)


def check_size(size):
    if size == 0 or size % SECTOR != 0 or size > MAX_DISK_BYTES:
        raise Refused(f"its disk has {size} bytes")
    return size


class Qcow2:
    OFFSET = 0x00FF_FFFF_FFFF_FE00
    COMPRESSED = 1 << 62
    ZERO = 1

    def __init__(self, file):
        self.file = file
        magic, version, backing, _, bits, size, encryption, l1_entries, self.l1_offset = file.unpack(">4sIQIIQIIQ", 0)
        if magic != b"QFI\xfb":
            raise Refused("it is no qcow2")
        if version not in (2, 3):
            raise Refused(f"it is qcow2 of version {version}")
        if backing != 0:
            raise Refused("it has a backing file")
        if encryption != 0:
            raise Refused("it is encrypted")
        self.check_features(version)
        if not 9 <= bits <= 21:
            raise Refused("its clusters have no size that there is")
        self.bits, self.cluster = bits, 1 << bits
        self.size = check_size(size)
        per_table = self.cluster // 8
        self.l1_entries = -(-self.size // (self.cluster * per_table))
        if l1_entries * 8 > MAX_TABLE_BYTES or l1_entries < self.l1_entries:
            raise Refused("its table of tables does not fit its size")

    def check_features(self, version):
        if version == 2:
            return
        (features,) = self.file.unpack(">Q", 72)
        for bit, what in ((1, "is corrupt"), (2, "has a data file"), (3, "is compressed as zstd has it"), (4, "has clusters in parts")):
            if features >> bit & 1:
                raise Refused(f"it {what}")
        if features >> 5:
            raise Refused("it has features that are not known")

    def pieces(self):
        """Where in the disk, and what is there."""
        seen = set()
        for index, entry in enumerate(table(self.file.read(self.l1_offset, self.l1_entries * 8), ">Q")):
            offset = entry & self.OFFSET
            if offset == 0:
                continue
            # Each is one place's, or a small file would be an endless disk.
            if offset in seen or offset % self.cluster != 0:
                raise Refused("a table of it is in two places, or in none")
            seen.add(offset)
            yield from self.pieces_of(index * (self.cluster // 8), table(self.file.read(offset, self.cluster), ">Q"))

    def pieces_of(self, first, entries):
        for index, entry in enumerate(entries):
            if entry & self.COMPRESSED:
                yield (first + index) * self.cluster, self.inflate(entry)
            elif entry & self.OFFSET and not entry & self.ZERO:
                yield (first + index) * self.cluster, self.file.read(entry & self.OFFSET, self.cluster)

    def inflate(self, entry):
        shift = 62 - (self.bits - 8)
        offset = entry & (1 << shift) - 1
        sectors = (entry & self.COMPRESSED - 1) >> shift
        # The last sector may be cut off by the file's end.
        length = min((sectors + 1) * SECTOR - offset % SECTOR, self.file.size - offset)
        data = zlib.decompressobj(-15).decompress(self.file.read(offset, length), self.cluster)
        if len(data) != self.cluster:
            raise Refused("a cluster of it is not whole")
        return data


class Vmdk:
    END_OF_STREAM = 2 ** 64 - 1
    COMPRESSED = 1 << 16
    HEADER = "<4sIIQQQQIQQQ?4sH"

    def __init__(self, file):
        self.file = file
        if file.read(0, min(file.size, SECTOR)).lstrip().startswith(b"# Disk DescriptorFile"):
            raise Refused("it names extents, which are other files")
        self.read_header(0)
        if self.directory == self.END_OF_STREAM:
            # The header of a stream is made when its end is known.
            self.read_header(file.size - 2 * SECTOR)
        self.check_descriptor()

    def read_header(self, at):
        (magic, _, self.flags, capacity, grain, self.descriptor, self.descriptor_sectors, self.per_table, _, self.directory, _, _, _,
         compression) = self.file.unpack(self.HEADER, at)
        if magic != b"KDMV":
            raise Refused("it is no vmdk of one file")
        if compression not in (0, 1):
            raise Refused("it is compressed in no way that is known")
        self.size = check_size(capacity * SECTOR)
        self.grain = grain * SECTOR
        if not SECTOR <= self.grain <= 2 * 1024 * 1024 or self.grain & self.grain - 1 or self.per_table not in (512, 1024, 2048, 4096):
            raise Refused("its grains have no size that there is")
        self.tables = -(-self.size // (self.grain * self.per_table))
        if self.tables * 4 > MAX_TABLE_BYTES:
            raise Refused("its table of tables does not fit its size")

    def check_descriptor(self):
        length = self.descriptor_sectors * SECTOR
        if not 0 < length <= MAX_DESCRIPTOR_BYTES:
            raise Refused("it has no description of itself")
        text = self.file.read(self.descriptor * SECTOR, length).split(b"\0")[0].decode("utf-8", "replace")
        extents = re.findall(r"^\s*(?:RW|RDONLY|NOACCESS)\s+\d+\s+(\S+)", text, re.MULTILINE)
        if extents != ["SPARSE"]:
            raise Refused("it names extents, which are other files")
        parent = re.search(r"^\s*parentCID\s*=\s*(\S+)", text, re.MULTILINE)
        if (parent and parent[1].lower() != "ffffffff") or "parentFileNameHint" in text:
            raise Refused("it has a backing file")

    def pieces(self):
        """Where in the disk, and what is there."""
        seen = set()
        for index, sector in enumerate(table(self.file.read(self.directory * SECTOR, self.tables * 4), "<I")):
            if sector == 0:
                continue
            if sector in seen:
                raise Refused("a table of it is in two places")
            seen.add(sector)
            grains = table(self.file.read(sector * SECTOR, self.per_table * 4), "<I")
            for at, grain in enumerate(grains):
                # 1 is a grain of zeros.
                if grain > 1:
                    yield (index * self.per_table + at) * self.grain, self.read_grain(grain * SECTOR)

    def read_grain(self, offset):
        if not self.flags & self.COMPRESSED:
            return self.file.read(offset, min(self.grain, self.file.size - offset))
        _, length = self.file.unpack("<QI", offset)
        if length > 2 * self.grain:
            raise Refused("a grain of it is larger than grains are")
        return zlib.decompressobj().decompress(self.file.read(offset + 12, length), self.grain)


FORMATS = {"qcow2": Qcow2, "vmdk": Vmdk}


def copy(disk, target, max_bytes):
    left = max_bytes
    with open(target, "r+b", buffering=0) as file:
        for offset, data in disk.pieces():
            data = data[: max(0, disk.size - offset)]
            if data.count(0) == len(data):
                continue
            left -= len(data)
            if left < 0:
                raise Refused(f"it has more than {max_bytes} bytes in it")
            file.seek(offset)
            file.write(data)


def main():
    action, form, path, size, *rest = sys.argv[1:]
    try:
        disk = FORMATS[form](File(path, int(size)))
        if action == "size":
            print(disk.size)
        else:
            copy(disk, rest[0], int(rest[1]))
    except Refused as refused:
        sys.exit(f"refused: {refused}")
    except zlib.error:
        sys.exit("refused: what is compressed in it is broken")


main()

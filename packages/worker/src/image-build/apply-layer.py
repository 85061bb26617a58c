"""Applies layers of an image onto a folder, as OCI has it: runs in a build VM alone, as what it reads is a stranger's.

    apply-layer.py TARGET DEVICE MAX_ENTRIES OFFSET:BYTES:COMPRESSION:MAX_BYTES…

A layer is BYTES of DEVICE from OFFSET on. For each, in order, the digest of what is in it without compression is printed. All paths are
looked up below TARGET, links on the way included, since the process that writes has no other root.
"""

import codecs
import decimal
import gzip
import hashlib
import os
import resource
import shutil
import stat
import subprocess
import sys
import tarfile
import zlib

MAX_PATH_BYTES = 4096
# Headers are read whole, and name their own size; those of real layers have some KiB.
MAX_MEMORY_BYTES = 768 * 1024 * 1024
WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
# What aufs kept for itself; nothing in an image.
AUFS = ".wh..wh."
XATTR = "SCHILY.xattr."
BLOCK_BYTES = 1024 * 1024
KINDS = {tarfile.CHRTYPE: stat.S_IFCHR, tarfile.BLKTYPE: stat.S_IFBLK, tarfile.FIFOTYPE: stat.S_IFIFO}


class Refused(Exception):
    """What is wrong with the layer."""


class Bounded:
    """A part of a device."""

    def __init__(self, file, offset, size):
        file.seek(offset)
        self.file, self.left = file, size

    def read(self, size=-1):
        wanted = self.left if size < 0 else min(size, self.left)
        data = self.file.read(wanted)
        self.left -= len(data)
        return data


class Inflated:
    """Counts, and takes the digest of, what is read."""

    def __init__(self, source, max_bytes):
        self.source, self.left, self.hash = source, max_bytes, hashlib.sha256()

    def read(self, size):
        data = self.source.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise Refused("it has more in it than the disk has room for, or than 200 times its size")
        self.hash.update(data)
        return data


def inflate(device, offset, size, compression):
    source = Bounded(open(device, "rb"), offset, size)
    if compression == "none":
        return source
    if compression == "gzip":
        return gzip.GzipFile(fileobj=source)
    # Started before the root changes.
    feeder = subprocess.Popen(["tail", "-c", f"+{offset + 1}", device], stdout=subprocess.PIPE)
    header = subprocess.Popen(["head", "-c", str(size)], stdin=feeder.stdout, stdout=subprocess.PIPE)
    return subprocess.Popen(["zstd", "-dc"], stdin=header.stdout, stdout=subprocess.PIPE).stdout


def path_of(name):
    """Below the root, whatever the name says; "" for the root itself."""
    if len(os.fsencode(name)) > MAX_PATH_BYTES:
        raise Refused("a path is longer than 4 KiB")
    return os.path.normpath("/" + name).lstrip("/")


def copy_with_holes(source, file, size):
    """What is zero takes no room, however much of it there is."""
    while block := source.read(BLOCK_BYTES):
        if block.count(0) == len(block):
            file.seek(len(block), os.SEEK_CUR)
        else:
            file.write(block)
    file.truncate(size)


class Layer:
    def __init__(self, max_entries, max_bytes):
        self.max_entries, self.max_bytes = max_entries, max_bytes
        # Of this layer: whiteouts are about those below.
        self.own = set()
        # Times of folders, set when nothing changes in them any more.
        self.times = {}

    def take(self, member):
        path = path_of(member.name)
        parent, name = os.path.split(path)
        if name.startswith(AUFS) and name != OPAQUE:
            return
        parent = self.prepare(parent)
        # By one name only, however many links lead there.
        path = os.path.join(parent, name)
        if name == OPAQUE:
            self.empty(parent)
        elif name.startswith(WHITEOUT):
            hidden = name[len(WHITEOUT):]
            if hidden in ("", ".", ".."):
                raise Refused("it takes away what has no name")
            self.remove(os.path.join(parent, hidden))
        else:
            self.write(path, member)

    def prepare(self, folder):
        """Makes it where the layer does not, and remembers its times: what happens in it is not a change of its own. Its real path."""
        # Where links lead, also to what is not there yet.
        whole = os.path.realpath("/" + folder)
        found, missing = whole, []
        while not os.path.isdir(found):
            missing.append(found)
            found = os.path.dirname(found)
        self.remember(found.lstrip("/"))
        for each in reversed(missing):
            if os.path.islink(each):
                raise Refused("a link in it leads to itself")
            if os.path.lexists(each):
                os.unlink(each)
            os.mkdir(each, 0o755)
            self.own.add(each.lstrip("/"))
            self.remember(each.lstrip("/"))
        return whole.lstrip("/")

    def remember(self, folder):
        if folder not in self.times:
            found = os.stat("/" + folder)
            self.times[folder] = (found.st_atime_ns, found.st_mtime_ns)

    def remove(self, path):
        whole = "/" + path
        if not path or not os.path.lexists(whole):
            return
        if os.path.isdir(whole) and not os.path.islink(whole):
            self.empty(path)
            if path not in self.own and not os.listdir(whole):
                os.rmdir(whole)
                self.times.pop(path, None)
        elif path not in self.own:
            os.unlink(whole)

    def empty(self, folder):
        """Of what layers below have in it."""
        self.remember(folder)
        for name in os.listdir("/" + folder):
            self.remove(os.path.join(folder, name))

    def write(self, path, member):
        whole = "/" + path
        exists = bool(path) and os.path.lexists(whole)
        if exists and not (member.isdir() and os.path.isdir(whole) and not os.path.islink(whole)):
            if os.path.isdir(whole) and not os.path.islink(whole):
                shutil.rmtree(whole)
                self.times = {folder: times for folder, times in self.times.items() if not inside(folder, path)}
            else:
                os.unlink(whole)
        self.own.add(path)
        if member.islnk():
            os.link("/" + path_of(member.linkname), whole, follow_symlinks=False)
            return
        self.make(whole, member)
        self.describe(path, whole, member)

    def make(self, whole, member):
        if member.isdir():
            if not os.path.isdir(whole):
                os.mkdir(whole)
        elif member.issym():
            os.symlink(member.linkname, whole)
        elif member.type in KINDS:
            os.mknod(whole, KINDS[member.type] | 0o600, os.makedev(member.devmajor, member.devminor))
        elif member.isreg():
            # Of one with holes the tar has less than the file.
            if member.size > self.max_bytes:
                raise Refused("a file in it is larger than the disk")
            with open(whole, "xb") as file:
                copy_with_holes(self.tar.extractfile(member), file, member.size)
        else:
            raise Refused("an entry is of a kind that is not known")

    def describe(self, path, whole, member):
        os.chown(whole, member.uid, member.gid, follow_symlinks=False)
        # After the owner, who takes the right to be somebody else along.
        if not member.issym():
            os.chmod(whole, member.mode & 0o7777)
        wanted = {
            key[len(XATTR):]: value.encode("utf-8", "surrogateescape")
            for key, value in member.pax_headers.items()
            if key.startswith(XATTR)
        }
        for name in os.listxattr(whole, follow_symlinks=False):
            if name not in wanted:
                os.removexattr(whole, name, follow_symlinks=False)
        for name, value in wanted.items():
            os.setxattr(whole, name, value, follow_symlinks=False)
        times = (nanoseconds(member, "atime"), nanoseconds(member, "mtime"))
        if member.isdir():
            self.times[path] = times
        else:
            os.utime(whole, ns=times, follow_symlinks=False)

    def finish(self):
        for folder, times in self.times.items():
            if os.path.isdir("/" + folder):
                os.utime("/" + folder, ns=times)

    def apply(self, stream):
        count = 0
        with tarfile.open(fileobj=stream, mode="r|", bufsize=BLOCK_BYTES) as self.tar:
            for member in self.tar:
                # A tar of a million entries is not to be kept.
                self.tar.members = []
                count += 1
                if count > self.max_entries:
                    raise Refused(f"it has more than {self.max_entries} entries")
                self.take(member)
        self.finish()
        # What is behind the tar's end is a part of the digest.
        while stream.read(BLOCK_BYTES):
            pass


def inside(path, folder):
    return path == folder or path.startswith(folder + "/")


def nanoseconds(member, which):
    """A number with its fraction, of which a float would lose the end; without a time of reading, that of writing."""
    text = member.pax_headers.get(which)
    if text is None:
        return nanoseconds(member, "mtime") if which == "atime" else int(member.mtime * 10**9)
    return int(decimal.Decimal(text) * 10**9)


def apply_one(target, stream, max_entries, max_bytes):
    # Found on first use, and then there would be no library any more.
    codecs.lookup("utf-8"), codecs.lookup("ascii"), codecs.lookup("iso8859-1")
    os.chroot(target)
    os.chdir("/")
    os.umask(0)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    try:
        Layer(max_entries, max_bytes).apply(stream)
    except Refused as refused:
        sys.exit(f"refused: {refused}")
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, ValueError, UnicodeError) as error:
        sys.exit(f"refused: it is no tar: {error}")
    except (ArithmeticError, MemoryError, RecursionError, zlib.error) as error:
        # A number that no file can have, a header of gigabytes, folders in folders without end.
        sys.exit(f"refused: it is no tar: {type(error).__name__} {error}")
    except OSError as error:
        # Of the layer's making: a link to nowhere, a folder that is a file, a disk that is full.
        sys.exit(f"refused: {error.strerror}: {error.filename or ''}")
    print("sha256:" + stream.hash.hexdigest())


def main():
    target, device, max_entries, *layers = sys.argv[1:]
    for layer in layers:
        offset, size, compression, max_bytes = layer.split(":")
        # One process a layer: it gives up its root.
        child = os.fork()
        if child == 0:
            stream = Inflated(inflate(device, int(offset), int(size), compression), int(max_bytes))
            apply_one(target, stream, int(max_entries), int(max_bytes))
            sys.exit()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != 0:
            sys.exit(status if status > 0 else 128 - status)


main()

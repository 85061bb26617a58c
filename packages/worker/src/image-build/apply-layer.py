"""Applies one layer of an image onto a folder, as OCI has it: runs in a build VM alone, as what it reads is a stranger's.

    apply-layer.py TARGET DEVICE BYTES COMPRESSION MAX_BYTES

The layer is the first BYTES of DEVICE. Prints the digest of what is in it without compression. All paths are looked up below TARGET,
links on the way included, since the process has no other root by then.
"""

import codecs
import decimal
import gzip
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tarfile

MAX_ENTRIES = 1_000_000
MAX_PATH_BYTES = 4096
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
    """The first bytes of a device."""

    def __init__(self, file, size):
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
            raise Refused("it has more in it than fits on the disk")
        self.hash.update(data)
        return data


def inflate(device, size, compression):
    source = Bounded(open(device, "rb"), size)
    if compression == "none":
        return source
    if compression == "gzip":
        return gzip.GzipFile(fileobj=source)
    # Started before the root changes.
    feeder = subprocess.Popen(["head", "-c", str(size), device], stdout=subprocess.PIPE)
    return subprocess.Popen(["zstd", "-dc"], stdin=feeder.stdout, stdout=subprocess.PIPE).stdout


def path_of(name):
    """Below the root, whatever the name says; "" for the root itself."""
    if len(os.fsencode(name)) > MAX_PATH_BYTES:
        raise Refused("a path is longer than 4 KiB")
    return os.path.normpath("/" + name).lstrip("/")


class Layer:
    def __init__(self):
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
        missing = []
        while folder and not os.path.isdir("/" + folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        folder = os.path.realpath("/" + folder).lstrip("/")
        self.remember(folder)
        for each in reversed(missing):
            folder = os.path.join(folder, os.path.basename(each))
            if os.path.lexists("/" + folder):
                os.unlink("/" + folder)
            os.mkdir("/" + folder, 0o755)
            self.own.add(folder)
            self.remember(folder)
        return folder

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
            with open(whole, "xb") as file:
                shutil.copyfileobj(self.tar.extractfile(member), file, BLOCK_BYTES)
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
                if count > MAX_ENTRIES:
                    raise Refused("it has more than a million entries")
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


def main():
    target, device, size, compression, max_bytes = sys.argv[1:]
    # Found on first use, and then there would be no library any more.
    codecs.lookup("utf-8"), codecs.lookup("ascii"), codecs.lookup("iso8859-1")
    stream = Inflated(inflate(device, int(size), compression), int(max_bytes))
    os.chroot(target)
    os.chdir("/")
    os.umask(0)
    try:
        Layer().apply(stream)
    except Refused as refused:
        sys.exit(f"refused: {refused}")
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, ValueError, UnicodeError) as error:
        sys.exit(f"refused: it is no tar: {error}")
    except OSError as error:
        # Of the layer's making: a link to nowhere, a folder that is a file, a disk that is full.
        sys.exit(f"refused: {error.strerror}: {error.filename or ''}")
    print("sha256:" + stream.hash.hexdigest())


main()

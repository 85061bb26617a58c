"""Unpacks the context of a build, a stranger's archive: runs in a build VM alone."""

import io
import os
import shutil
import stat
import tarfile
import time
import zipfile

from dockerfile import Refused

MAX_ENTRIES = 1_000_000
BLOCK_BYTES = 1024 * 1024


class Slice(io.RawIOBase):
    """The first bytes of a disk, as a file that can be read from anywhere."""

    def __init__(self, path, size):
        self.file, self.size, self.at = open(path, "rb"), size, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self.at

    def seek(self, offset, whence=os.SEEK_SET):
        self.at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.at, os.SEEK_END: self.size}[whence]
        return self.at

    def readinto(self, buffer):
        self.file.seek(self.at)
        data = self.file.read(max(0, min(len(buffer), self.size - self.at)))
        buffer[: len(data)] = data
        self.at += len(data)
        return len(data)


def unpack(source, kind, folder):
    """`folder`: existing and empty. Whatever goes wrong is of the archive's making, as there is nothing else here."""
    into = Folder(folder)
    try:
        buffered = io.BufferedReader(source, BLOCK_BYTES)
        unzip(buffered, into) if kind == "zip" else untar(buffered, into)
    except Refused:
        raise
    except OSError as error:
        # A folder that is a file, a disk that is full.
        raise Refused(f"the context cannot be unpacked: {error.strerror or error}") from error
    except Exception as error:
        # Python's readers of archives have no end of classes for what they do not like.
        raise Refused(f"the context is no {kind}: {error or type(error).__name__}") from error


def untar(source, into):
    with tarfile.open(fileobj=source, mode="r|gz") as archive:
        for member in archive:
            archive.members = []
            into.count()
            place(member, archive, into)


def place(member, archive, into):
    path, mode = into.inside(member.name), member.mode
    if member.isdir():
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode & 0o777 | 0o700)
        return
    into.clear(path)
    if member.issym():
        os.symlink(member.linkname, path)
    elif member.islnk():
        os.link(into.inside(member.linkname), path, follow_symlinks=False)
    elif member.isreg():
        with open(path, "xb") as file:
            shutil.copyfileobj(archive.extractfile(member), file, BLOCK_BYTES)
        os.chmod(path, mode & 0o777)
        set_time(path, member.mtime)
    # Devices and the like are no files of a context.


def unzip(source, into):
    with zipfile.ZipFile(source) as archive:
        for member in archive.infolist():
            into.count()
            mode = member.external_attr >> 16
            path = into.inside(member.filename)
            if member.is_dir():
                os.makedirs(path, exist_ok=True)
                continue
            into.clear(path)
            with archive.open(member) as content:
                if stat.S_ISLNK(mode):
                    os.symlink(content.read(4096), os.fsencode(path))
                    continue
                with open(path, "xb") as file:
                    shutil.copyfileobj(content, file, BLOCK_BYTES)
            os.chmod(path, mode & 0o777 or 0o644)
            set_time(path, time.mktime((*member.date_time, 0, 0, -1)))


def set_time(path, seconds):
    try:
        os.utime(path, (seconds, seconds))
    except (OverflowError, OSError):
        # No file system has such a time, and no image needs it.
        return


class Folder:
    """Where an archive goes, and nowhere else."""

    def __init__(self, path):
        self.path = path
        self.entries = 0

    def count(self):
        if self.entries == MAX_ENTRIES:
            raise Refused("the context has more than a million entries")
        self.entries += 1

    def inside(self, name):
        """Below the context, whatever the name says and whichever links are on the way."""
        if "\0" in name:
            raise Refused("a name in the context has a zero byte")
        path = os.path.normpath("/" + name).lstrip("/")
        parent = self.path
        for part in path.split("/")[:-1]:
            parent = os.path.join(parent, part)
            if os.path.islink(parent) or not os.path.isdir(parent):
                self.clear(parent)
                os.mkdir(parent)
        return os.path.join(self.path, path) if path else self.path

    def clear(self, path):
        """What comes later in an archive counts."""
        if os.path.isdir(path) and not os.path.islink(path):
            raise Refused(f"the context has {os.path.relpath(path, self.path)} as a folder and as a file")
        if os.path.lexists(path):
            os.unlink(path)

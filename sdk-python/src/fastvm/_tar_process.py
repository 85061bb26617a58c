"""
The local `tar`, as a source or a target of bytes. A tar that fails makes the transfer fail. Its calls wait; asyncio
makes them in threads.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import threading
from functools import lru_cache
from typing import IO, List, Optional, Sequence

from ._config import child_environment
from ._errors import FileTransferError
from ._tar_flavor import OTHER, tar_flavor

MAX_COMPLAINT_CHARS = 2000
CHUNK_BYTES = 256 * 1024
# What GNU tar, bsdtar and busybox say when they make a member's absolute path a relative one and go on as if nothing
# were wrong. No archive of ours has such a member: whoever made it means harm.
ABSOLUTE_MEMBER = re.compile(r"^\w*tar: removing leading", re.IGNORECASE)


@lru_cache(maxsize=None)
def local_tar_flavor() -> str:
    """A tar that is not there is found out when it is to work."""
    try:
        shown = subprocess.run(["tar", "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return OTHER
    return tar_flavor(shown.stdout.decode(errors="replace"))


def packing(folder: str, options: Sequence[str], file: Optional[str] = None) -> "TarProcess":
    """A gzipped tar of what is in the folder, rooted at `.`, or of one file in it, whose links are followed."""
    member = ["."] if file is None else ["--dereference", f"./{file}"]
    return TarProcess(["-cz", *options, "-C", folder, *member], reads=True)


def packing_files(folder: str, names: Sequence[str]) -> "TarProcess":
    """A gzipped tar of these, and of nothing below them that is not named. They are read from a file, as they are many."""
    with tempfile.TemporaryFile() as listing:
        listing.write("".join(f"./{name}\0" for name in names).encode(errors="surrogateescape"))
        listing.seek(0)
        return TarProcess(["-cz", "-C", folder, "--no-recursion", "--null", "-T", "-"], reads=True, stdin=listing)


def unpacking(folder: str, options: Sequence[str]) -> "TarProcess":
    """
    Into a folder that exists, over what is there. Archives with absolute paths, `..` or links that lead outside are an
    error, and nothing of them lands outside the folder: tar sees to that by itself.
    """
    return TarProcess(["-xz", *options, "-C", folder], reads=False)


class TarProcess:
    def __init__(self, args: Sequence[str], *, reads: bool, stdin: Optional[IO[bytes]] = None) -> None:
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(
                ["tar", *args],
                stdin=stdin if stdin is not None else null if reads else pipe,
                stdout=pipe if reads else null,
                stderr=pipe,
                env=child_environment(),
                bufsize=0,
            )
        except OSError as cause:
            raise FileTransferError(f"tar cannot be started: {cause}") from cause
        self._complaint = ""
        self._has_absolute_member = False
        # A pipe is not closed under a call that still reads it.
        self._in_use = threading.Lock()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def read(self) -> bytes:
        """Empty at the end."""
        with self._in_use:
            stdout = self._process.stdout
            return b"" if stdout is None or stdout.closed else stdout.read(CHUNK_BYTES) or b""

    def write(self, data: bytes) -> bool:
        """False when tar reads no more; its own words then say more than the broken pipe."""
        view = memoryview(data)
        with self._in_use:
            stdin = self._process.stdin
            while view:
                if stdin is None or stdin.closed:
                    return False
                try:
                    view = view[stdin.write(view) or 0 :]
                except BrokenPipeError:
                    return False
        return True

    def end(self) -> None:
        """Waits for tar to have done all, and raises what it complains about."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        code = self._process.wait()
        self._listener.join()
        if self._has_absolute_member:
            raise FileTransferError("The archive has members with absolute paths or `..`")
        if code != 0:
            raise FileTransferError(f"The local tar failed ({code}): {self._complaint.strip()}")

    def close(self) -> None:
        """Ends what still runs, whether tar has done its work or not."""
        self._process.kill()
        self._process.wait()
        with self._in_use:
            pipes: List[Optional[IO[bytes]]] = [self._process.stdin, self._process.stdout]
            for pipe in pipes:
                if pipe is not None:
                    pipe.close()
        self._listener.join()

    def _listen(self) -> None:
        """
        Line by line and before it is cut: an archive may bring many warnings in order to hide the one that counts.
        """
        stderr = self._process.stderr
        if stderr is None:
            return
        with stderr:
            rest = b""
            while True:
                chunk = stderr.read(CHUNK_BYTES)
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines if chunk else [*lines, rest]:
                    self._hear(line.decode(errors="replace"))
                if not chunk:
                    return
                rest = rest[-MAX_COMPLAINT_CHARS:]

    def _hear(self, line: str) -> None:
        self._has_absolute_member = self._has_absolute_member or ABSOLUTE_MEMBER.match(line) is not None
        if len(self._complaint) < MAX_COMPLAINT_CHARS:
            self._complaint = f"{self._complaint}{line}\n"[:MAX_COMPLAINT_CHARS]

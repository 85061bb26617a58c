"""Local files that appear whole, with their mode and time, or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import tempfile
from types import TracebackType
from typing import Optional, Type

from ._errors import FileTransferError
from ._file_metadata import FileMetadata

# Until it has its own mode, nobody else reads it.
PRIVATE_MODE = 0o600
# Less what the process's umask takes, as for any new file.
DEFAULT_MODE = 0o666


class WholeFile:
    """Written under another name beside the path, and put there by `commit`. Left without it, nothing remains."""

    def __init__(self, local_path: str, metadata: Optional[FileMetadata]) -> None:
        self._path = local_path
        self._metadata = metadata
        folder = os.path.dirname(os.path.abspath(local_path))
        os.makedirs(folder, exist_ok=True)
        # Not the file's own name with something added, which may be as long as names can be.
        self._partial = os.path.join(folder, f".fastvm-{secrets.token_hex(8)}.part")
        mode = DEFAULT_MODE if metadata is None else PRIVATE_MODE
        self._file = os.fdopen(os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb", buffering=0)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) or 0 :]

    def commit(self) -> None:
        self._file.close()
        if self._metadata is not None:
            os.chmod(self._partial, self._metadata.mode)
            os.utime(self._partial, ns=(self._metadata.modified_ns, self._metadata.modified_ns))
        os.replace(self._partial, self._path)

    def __enter__(self) -> "WholeFile":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._file.close()
        if os.path.lexists(self._partial):
            os.unlink(self._partial)


class UnpackedFile:
    """
    The same for a file that comes in an archive, of which it is the only member that is looked at: `folder` is what to
    unpack into.
    """

    def __init__(self, local_path: str, member: str, metadata: Optional[FileMetadata]) -> None:
        self._path = local_path
        self._member = member
        self._metadata = metadata
        parent = os.path.dirname(os.path.abspath(local_path))
        os.makedirs(parent, exist_ok=True)
        self.folder = tempfile.mkdtemp(prefix=".fastvm-", dir=parent)

    def commit(self) -> None:
        unpacked = os.path.join(self.folder, self._member)
        # Whoever made the archive could have put a link under the file's name.
        if not stat.S_ISREG(os.lstat(unpacked).st_mode):
            raise FileTransferError(f"What came for {self._member} is no file")
        if self._metadata is not None:
            os.chmod(unpacked, self._metadata.mode)
        os.replace(unpacked, self._path)

    def __enter__(self) -> "UnpackedFile":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

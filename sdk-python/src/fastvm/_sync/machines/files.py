# Made by tools/unasync.py from _async/machines/files.py; not to be edited.
"""`machine.files`: files of a running machine, without its shell."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Generator, Iterable, Iterator, List, Literal, Optional, Sequence, Set, Tuple, Union, overload

import httpx

from ..._errors import error_of_broken_call
from ..._machines import routes
from ..._machines.errors import BatchWriteError, ConflictError, MachineError, NotFoundError, error_of
from ..._machines.models import MachineFile, ReplaceResult, SearchResult
from ..._machines.uploads import UploadedDir, local_entries
from ..._options import present
from ..blocking import in_thread
from .sessions import DirWatch
from .uploads import Uploads

# Of a list, as many as the server gives at once.
PAGE = 1000
# As deep as the server lists.
MAX_DEPTH = 64
# What is no longer goes in one request.
SMALL_BYTES = 4 * 1024 * 1024


class MachineFiles(Uploads):

    @overload
    def read(self, path: str, *, format: Literal["text"] = "text") -> str: ...

    @overload
    def read(self, path: str, *, format: Literal["bytes"]) -> bytes: ...

    @overload
    def read(self, path: str, *, format: Literal["stream"]) -> Iterator[bytes]: ...

    def read(self, path: str, *, format: str = "text") -> Union[str, bytes, Iterator[bytes]]:
        """Its text, as UTF-8 with U+FFFD for what is none, its `bytes`, or a `stream` of them of any length."""
        response = self._connection.open(routes.READ_FILE, self._machine_id, query={"path": path})
        if format == "stream":
            return chunks_of(response)
        whole = b"".join([chunk for chunk in chunks_of(response)])
        return whole if format == "bytes" else whole.decode(errors="replace")

    def write(self, path: str, data: Union[str, bytes], *, mode: Optional[str] = None) -> MachineFile:
        """Whole or not at all, with the folders above it. Text is written as UTF-8."""
        content = data.encode() if isinstance(data, str) else data
        query = present(path=path, mode=mode)
        return self._connection.call(routes.WRITE_FILE, self._machine_id, query=query, content=content)

    def write_files(self, files: Iterable[Tuple[str, Union[str, bytes]]]) -> List[MachineFile]:
        """Several, one after the other. Raises a BatchWriteError when some were not written."""
        written: List[MachineFile] = []
        failures: List[Tuple[str, MachineError]] = []
        for path, data in files:
            try:
                written.append(self.write(path, data))
            except MachineError as failure:
                failures.append((path, failure))
        if failures:
            raise BatchWriteError([each.path for each in written], failures)
        return written

    def upload_dir(
        self,
        folder: Union[str, Path],
        path: str,
        *,
        on_conflict: Literal["overwrite", "skip", "fail"] = "overwrite",
        ignore: Sequence[str] = (),
        on_progress: Optional[Callable[[str, int, int], None]] = None,
    ) -> UploadedDir:
        """
        A folder of this machine and all below it, without what its `.nullspaceignore` and `ignore`, lines as of
        `.dockerignore`, leave out; with permissions, links as what they lead to. Files that are there are overwritten, left
        with `skip`, or an error before anything is sent with `fail`. What was sent before one failed stays.
        """
        entries = in_thread(local_entries, folder, path, ignore)
        contents = [entry for entry in entries if not entry.is_folder]
        there: Set[str] = set() if on_conflict == "overwrite" else self._paths_in(path)
        skipped = [entry.path for entry in contents if entry.path in there]
        if on_conflict == "fail" and skipped:
            more = f" and {len(skipped) - 1} more" if len(skipped) > 1 else ""
            raise ConflictError(f"{skipped[0]}{more} are there; nothing was sent", code="upload_conflict")
        self.make_dir(path)
        for entry in entries:
            if entry.is_folder:
                self.make_dir(entry.path, mode=entry.mode)
        wanted = [entry for entry in contents if entry.path not in there]
        for done, entry in enumerate(wanted, 1):
            if entry.size > SMALL_BYTES:
                self.upload_file(entry.source, entry.path, mode=entry.mode)
            else:
                self.write(entry.path, in_thread(Path(entry.source).read_bytes), mode=entry.mode)
            if on_progress is not None:
                on_progress(entry.path, done, len(wanted))
        return UploadedDir([entry.path for entry in wanted], skipped)

    def _paths_in(self, path: str) -> Set[str]:
        if not self.exists(path):
            return set()
        return {each.path for each in self.list(path, depth=MAX_DEPTH)}

    def list(self, path: str, *, depth: int = 0) -> List[MachineFile]:
        """What is in a folder, and with `depth` in the folders below it, in the order of paths."""
        found: List[MachineFile] = []
        while True:
            query = present(path=path, depth=depth, limit=PAGE, after=found[-1].path if found else None)
            page = self._connection.call(routes.LIST_FILES, self._machine_id, query=query)
            found += page.entries
            if not page.has_more:
                return found

    def info(self, path: str) -> MachineFile:
        return self._connection.call(routes.FILE_INFO, self._machine_id, query={"path": path})

    def get_info(self, path: str) -> MachineFile:
        """The same as `info`."""
        return self.info(path)

    def exists(self, path: str) -> bool:
        try:
            self.info(path)
        except NotFoundError as failure:
            if failure.code != "file_not_found":
                raise
            return False
        return True

    def make_dir(self, path: str, *, mode: Optional[str] = None) -> MachineFile:
        """With those above it. Fine where it is there."""
        return self._connection.call(routes.MAKE_DIR, self._machine_id, body=present(path=path, mode=mode))

    def rename(self, path: str, new_path: str) -> MachineFile:
        body = {"path": path, "new_path": new_path}
        return self._connection.call(routes.RENAME_FILE, self._machine_id, body=body, once=True)

    def remove(self, path: str, *, recursive: bool = False) -> None:
        """A file, or a folder: one that is not empty with `recursive`."""
        self._connection.call(
            routes.REMOVE_FILE, self._machine_id, query=present(path=path, recursive=recursive or None), once=True
        )

    def search(
        self,
        path: str,
        *,
        text: Optional[str] = None,
        name: Optional[str] = None,
        case_sensitive: Optional[bool] = None,
        limit: Optional[int] = None,
    ) -> SearchResult:
        """Files below a folder by name (`*`, `?`), or lines with a text in them. Text is looked for as it stands."""
        body = present(path=path, text=text, name=name, case_sensitive=case_sensitive, limit=limit)
        return self._connection.call(routes.SEARCH_FILES, self._machine_id, body=body)

    def replace(
        self,
        path: str,
        text: str,
        replacement: str,
        *,
        name: Optional[str] = None,
        case_sensitive: Optional[bool] = None,
        dry_run: bool = False,
    ) -> ReplaceResult:
        """Another text in place of one, in all files that have it; with `dry_run` it is only told what that would be."""
        body = present(
            path=path, text=text, replacement=replacement, name=name, case_sensitive=case_sensitive, dry_run=dry_run or None
        )
        return self._connection.call(routes.REPLACE_IN_FILES, self._machine_id, body=body, once=True)

    def watch_dir(self, path: str, *, recursive: bool = False) -> DirWatch:
        """What happens in a folder from now on, with `recursive` also below it."""
        watch = DirWatch(self._connection.config, f"/v1/machines/{self._machine_id}", path, recursive)
        watch.begin()
        return watch

    def set_permissions(self, path: str, mode: str) -> MachineFile:
        """Octal, such as "0644"."""
        return self._connection.call(routes.SET_PERMISSIONS, self._machine_id, body={"path": path, "mode": mode})


def chunks_of(response: httpx.Response) -> Generator[bytes, None, None]:
    """Reading is what moves it on. A file that is cut short raises."""
    try:
        for chunk in response.iter_bytes():
            yield chunk
    except (httpx.HTTPError, httpx.StreamError, OSError) as cause:
        raise error_of(error_of_broken_call(cause)) from cause
    finally:
        response.close()

"""`machine.files`: files of a running machine, without its shell."""

from __future__ import annotations

from pathlib import Path
from typing import AsyncGenerator, AsyncIterator, Callable, Iterable, List, Literal, Optional, Sequence, Set, Tuple, Union, overload

import httpx

from ..._errors import error_of_broken_call
from ..._machines import routes
from ..._machines.errors import BatchWriteError, ConflictError, MachineError, NotFoundError, error_of
from ..._machines.models import MachineFile, ReplaceResult, SearchResult
from ..._machines.uploads import UploadedDir, local_entries
from ..._options import present
from ..blocking import in_thread
from .sessions import AsyncDirWatch
from .uploads import AsyncUploads

# Of a list, as many as the server gives at once.
PAGE = 1000
# As deep as the server lists.
MAX_DEPTH = 64
# What is no longer goes in one request.
SMALL_BYTES = 4 * 1024 * 1024


class AsyncMachineFiles(AsyncUploads):

    @overload
    async def read(self, path: str, *, format: Literal["text"] = "text") -> str: ...

    @overload
    async def read(self, path: str, *, format: Literal["bytes"]) -> bytes: ...

    @overload
    async def read(self, path: str, *, format: Literal["stream"]) -> AsyncIterator[bytes]: ...

    async def read(self, path: str, *, format: str = "text") -> Union[str, bytes, AsyncIterator[bytes]]:
        """Its text, as UTF-8 with U+FFFD for what is none, its `bytes`, or a `stream` of them of any length."""
        response = await self._connection.open(routes.READ_FILE, self._machine_id, query={"path": path})
        if format == "stream":
            return chunks_of(response)
        whole = b"".join([chunk async for chunk in chunks_of(response)])
        return whole if format == "bytes" else whole.decode(errors="replace")

    async def write(self, path: str, data: Union[str, bytes], *, mode: Optional[str] = None) -> MachineFile:
        """Whole or not at all, with the folders above it. Text is written as UTF-8."""
        content = data.encode() if isinstance(data, str) else data
        query = present(path=path, mode=mode)
        return await self._connection.call(routes.WRITE_FILE, self._machine_id, query=query, content=content)

    async def write_files(self, files: Iterable[Tuple[str, Union[str, bytes]]]) -> List[MachineFile]:
        """Several, one after the other. Raises a BatchWriteError when some were not written."""
        written: List[MachineFile] = []
        failures: List[Tuple[str, MachineError]] = []
        for path, data in files:
            try:
                written.append(await self.write(path, data))
            except MachineError as failure:
                failures.append((path, failure))
        if failures:
            raise BatchWriteError([each.path for each in written], failures)
        return written

    async def upload_dir(
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
        entries = await in_thread(local_entries, folder, path, ignore)
        contents = [entry for entry in entries if not entry.is_folder]
        there: Set[str] = set() if on_conflict == "overwrite" else await self._paths_in(path)
        skipped = [entry.path for entry in contents if entry.path in there]
        if on_conflict == "fail" and skipped:
            more = f" and {len(skipped) - 1} more" if len(skipped) > 1 else ""
            raise ConflictError(f"{skipped[0]}{more} are there; nothing was sent", code="upload_conflict")
        await self.make_dir(path)
        for entry in entries:
            if entry.is_folder:
                await self.make_dir(entry.path, mode=entry.mode)
        wanted = [entry for entry in contents if entry.path not in there]
        for done, entry in enumerate(wanted, 1):
            if entry.size > SMALL_BYTES:
                await self.upload_file(entry.source, entry.path, mode=entry.mode)
            else:
                await self.write(entry.path, await in_thread(Path(entry.source).read_bytes), mode=entry.mode)
            if on_progress is not None:
                on_progress(entry.path, done, len(wanted))
        return UploadedDir([entry.path for entry in wanted], skipped)

    async def _paths_in(self, path: str) -> Set[str]:
        if not await self.exists(path):
            return set()
        return {each.path for each in await self.list(path, depth=MAX_DEPTH)}

    async def list(self, path: str, *, depth: int = 0) -> List[MachineFile]:
        """What is in a folder, and with `depth` in the folders below it, in the order of paths."""
        found: List[MachineFile] = []
        while True:
            query = present(path=path, depth=depth, limit=PAGE, after=found[-1].path if found else None)
            page = await self._connection.call(routes.LIST_FILES, self._machine_id, query=query)
            found += page.entries
            if not page.has_more:
                return found

    async def info(self, path: str) -> MachineFile:
        return await self._connection.call(routes.FILE_INFO, self._machine_id, query={"path": path})

    async def get_info(self, path: str) -> MachineFile:
        """The same as `info`."""
        return await self.info(path)

    async def exists(self, path: str) -> bool:
        try:
            await self.info(path)
        except NotFoundError as failure:
            if failure.code != "file_not_found":
                raise
            return False
        return True

    async def make_dir(self, path: str, *, mode: Optional[str] = None) -> MachineFile:
        """With those above it. Fine where it is there."""
        return await self._connection.call(routes.MAKE_DIR, self._machine_id, body=present(path=path, mode=mode))

    async def rename(self, path: str, new_path: str) -> MachineFile:
        body = {"path": path, "new_path": new_path}
        return await self._connection.call(routes.RENAME_FILE, self._machine_id, body=body, once=True)

    async def remove(self, path: str, *, recursive: bool = False) -> None:
        """A file, or a folder: one that is not empty with `recursive`."""
        await self._connection.call(
            routes.REMOVE_FILE, self._machine_id, query=present(path=path, recursive=recursive or None), once=True
        )

    async def search(
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
        return await self._connection.call(routes.SEARCH_FILES, self._machine_id, body=body)

    async def replace(
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
        return await self._connection.call(routes.REPLACE_IN_FILES, self._machine_id, body=body, once=True)

    async def watch_dir(self, path: str, *, recursive: bool = False) -> AsyncDirWatch:
        """What happens in a folder from now on, with `recursive` also below it."""
        watch = AsyncDirWatch(self._connection.config, f"/v1/machines/{self._machine_id}", path, recursive)
        await watch.begin()
        return watch

    async def set_permissions(self, path: str, mode: str) -> MachineFile:
        """Octal, such as "0644"."""
        return await self._connection.call(routes.SET_PERMISSIONS, self._machine_id, body={"path": path, "mode": mode})


async def chunks_of(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """Reading is what moves it on. A file that is cut short raises."""
    try:
        async for chunk in response.aiter_bytes():
            yield chunk
    except (httpx.HTTPError, httpx.StreamError, OSError) as cause:
        raise error_of(error_of_broken_call(cause)) from cause
    finally:
        await response.aclose()

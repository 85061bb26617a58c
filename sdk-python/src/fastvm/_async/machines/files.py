"""`machine.files`: files of a running machine, without its shell."""

from __future__ import annotations

from typing import AsyncGenerator, AsyncIterator, Iterable, List, Literal, Optional, Tuple, Union, overload

import httpx

from ..._errors import error_of_broken_call
from ..._machines import routes
from ..._machines.errors import BatchWriteError, MachineError, NotFoundError, error_of
from ..._machines.models import MachineFile, ReplaceResult, SearchResult
from ..._options import present
from .sessions import AsyncDirWatch
from .uploads import AsyncUploads

# Of a list, as many as the server gives at once.
PAGE = 1000


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

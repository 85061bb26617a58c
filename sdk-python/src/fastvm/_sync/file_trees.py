# Made by tools/unasync.py from _async/file_trees.py; not to be edited.
"""What is done with files, be they those of a VM or of a volume."""

from __future__ import annotations

from typing import Any, Generator, Iterator, List, Literal, Mapping, NamedTuple, Optional, Union, overload

import httpx

from .._config import VM_WORK_SECONDS, Timeout
from .._errors import NotFoundError, error_of_broken_call
from .._exec import Stdin
from .._generated.models import FileInfo
from .._generated.models import FileList as FileListModel
from .._options import CallOptions, Headers, Query, present
from .._refs import FilesOwner
from .._request import id_of
from .._route import Route
from .chunks import chunks_of
from .http import BYTES, Http

FileList = List[FileInfo]


class FileRoutes(NamedTuple):
    read: Route[None]
    write: Route[FileInfo]
    list: Route[FileListModel]
    stat: Route[FileInfo]
    make_dir: Route[FileInfo]
    remove: Route[None]
    rename: Route[FileInfo]


class FileTrees:
    def __init__(self, http: Http, routes: FileRoutes) -> None:
        self._http = http
        self._routes = routes

    @overload
    def read(
        self,
        id: FilesOwner,
        path: str,
        *,
        format: Literal["text"] = "text",
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> str: ...

    @overload
    def read(
        self,
        id: FilesOwner,
        path: str,
        *,
        format: Literal["bytes"],
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> bytes: ...

    @overload
    def read(
        self,
        id: FilesOwner,
        path: str,
        *,
        format: Literal["stream"],
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> Iterator[bytes]: ...

    def read(
        self,
        id: FilesOwner,
        path: str,
        *,
        format: str = "text",
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> Union[str, bytes, Iterator[bytes]]:
        """
        As text, which is UTF-8, as bytes, or in pieces as they come. Raises NotFoundError with the code `file_not_found`.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        response = self._http.open(
            self._routes.read,
            (id_of(id),),
            query={"path": path},
            options=options,
            default_seconds=VM_WORK_SECONDS,
            accept=BYTES,
            stream=True,
        )
        if format == "stream":
            return pieces_of(response)
        content = b"".join([piece for piece in pieces_of(response)])
        return content if format == "bytes" else content.decode(errors="replace")

    def write(
        self,
        id: FilesOwner,
        path: str,
        content: Stdin,
        *,
        mode: Optional[str] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> FileInfo:
        """
        Text, bytes, a file that was opened to read bytes, or something that gives bytes: whole or not at all. Folders
        above it are made. `mode` is octal; by default it is that of the file which is replaced, else `0644`. What is not
        in memory is sent as it is read, and once only.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        data = content.encode() if isinstance(content, str) else content
        if isinstance(data, (bytearray, memoryview)):
            data = bytes(data)
        return self._http.call(
            self._routes.write,
            id_of(id),
            query={"path": path, "mode": mode},
            content=data if isinstance(data, bytes) else chunks_of(data),
            options=options,
            default_seconds=VM_WORK_SECONDS,
        )

    def list(
        self,
        id: FilesOwner,
        path: str,
        *,
        depth: Optional[int] = None,
        page_size: Optional[int] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> FileList:
        """
        All that is in a folder, in the order of paths, links not followed. `depth` 2: with what is in its folders, and
        so on; 0: the folder itself. `page_size`: entries of each answer; all of them are asked for.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        found: FileList = []
        while True:
            query = {"path": path, "depth": depth, "limit": page_size, "after": found[-1].path if found else None}
            page = self._http.call(self._routes.list, id_of(id), query=query, options=options)
            found += page.entries
            if not page.has_more or not page.entries:
                return found

    def stat(
        self,
        id: FilesOwner,
        path: str,
        *,
        follow_links: Optional[bool] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> FileInfo:
        """Of a link the link, unless `follow_links`."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        query = {"path": path, "followLinks": follow_links}
        return self._http.call(self._routes.stat, id_of(id), query=query, options=options)

    def exists(
        self,
        id: FilesOwner,
        path: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> bool:
        """Whether there is a file, a folder or a link of that name."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        try:
            self._http.call(self._routes.stat, id_of(id), query={"path": path}, options=options)
        except NotFoundError as error:
            if error.code != "file_not_found":
                raise
            return False
        return True

    def make_dir(
        self,
        id: FilesOwner,
        path: str,
        *,
        mode: Optional[str] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> FileInfo:
        """
        With those above it. `mode` is octal, by default `0755`. Raises ConflictError with the code `file_exists` for what
        is there.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(path=path, mode=mode)
        return self._http.call(self._routes.make_dir, id_of(id), body=body, options=options, once=True)

    def remove(
        self,
        id: FilesOwner,
        path: str,
        *,
        recursive: Optional[bool] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> None:
        """A file, a link or an empty folder; with `recursive` a folder and all that is in it."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(path=path, recursive=recursive)
        self._http.call(self._routes.remove, id_of(id), body=body, options=options, once=True)

    def rename(
        self,
        id: FilesOwner,
        path: str,
        new_path: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> FileInfo:
        """Replaces a file that is there. Not to another filesystem."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = {"path": path, "new_path": new_path}
        return self._http.call(self._routes.rename, id_of(id), body=body, options=options, once=True)


def pieces_of(response: httpx.Response) -> Generator[bytes, None, None]:
    try:
        for piece in response.iter_bytes():
            yield piece
    except (httpx.HTTPError, httpx.StreamError, OSError) as cause:
        raise error_of_broken_call(cause) from cause
    finally:
        response.close()

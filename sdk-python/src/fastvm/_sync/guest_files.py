# Made by tools/unasync.py from _async/guest_files.py; not to be edited.
"""`client.vms.files`: files of a running VM, with no shell in it. Relative paths begin at /root."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from .._config import VM_WORK_SECONDS, Timeout
from .._exec import NDJSON
from .._generated import routes
from .._generated.models import FileInfo
from .._options import CallOptions, Headers, Query
from .._refs import VMRef
from .._request import id_of
from .file_trees import FileTrees, FileRoutes
from .file_watch import FileWatch
from .http import Http

ROUTES = FileRoutes(
    read=routes.READ_FILE,
    write=routes.WRITE_FILE,
    list=routes.LIST_FILES,
    stat=routes.STAT_FILE,
    make_dir=routes.MAKE_DIR,
    remove=routes.REMOVE_FILE,
    rename=routes.RENAME_FILE,
)


class GuestFiles(FileTrees):
    def __init__(self, http: Http) -> None:
        super().__init__(http, ROUTES)

    def set_mode(
        self,
        id: VMRef,
        path: str,
        mode: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> FileInfo:
        """Octal, such as `0600`."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = {"path": path, "mode": mode}
        return self._http.call(routes.SET_FILE_MODE, id_of(id), body=body, options=options, once=True)

    def watch(
        self,
        id: VMRef,
        path: str,
        *,
        recursive: Optional[bool] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> FileWatch:
        """
        Returns when the folder is watched: all that happens from then on is told to who iterates. `recursive`: with all
        folders below.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        response = self._http.open(
            routes.WATCH_FILES,
            (id_of(id),),
            query={"path": path, "recursive": recursive},
            options=options,
            default_seconds=VM_WORK_SECONDS,
            accept=NDJSON,
            stream=True,
        )
        return FileWatch(response)

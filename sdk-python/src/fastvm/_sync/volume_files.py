# Made by tools/unasync.py from _async/volume_files.py; not to be edited.
"""`client.volumes.files`: files of a volume, whether a VM has it or not. Paths are absolute, `/` being the volume."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from .._config import VM_WORK_SECONDS, Timeout
from .._exec import NDJSON
from .._generated import routes
from .._generated.models import FileInfo
from .._options import CallOptions, Headers, Query
from .._refs import VolumeRef
from .._request import id_of
from .file_trees import FileTrees, FileRoutes
from .file_watch import FileWatch
from .http import Http

ROUTES = FileRoutes(
    read=routes.READ_VOLUME_FILE,
    write=routes.WRITE_VOLUME_FILE,
    list=routes.LIST_VOLUME_FILES,
    stat=routes.STAT_VOLUME_FILE,
    make_dir=routes.MAKE_VOLUME_DIR,
    remove=routes.REMOVE_VOLUME_FILE,
    rename=routes.RENAME_VOLUME_FILE,
)


class VolumeFiles(FileTrees):
    def __init__(self, http: Http) -> None:
        super().__init__(http, ROUTES)

    def copy(
        self,
        id: VolumeRef,
        path: str,
        new_path: str,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> FileInfo:
        """One file, with its permissions; what is there is replaced."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = {"path": path, "new_path": new_path}
        return self._http.call(routes.COPY_VOLUME_FILE, id_of(id), body=body, options=options, once=True)

    def watch(
        self,
        id: VolumeRef,
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
        Returns when the folder is watched: what happens from then on, whoever does it, is told to who iterates. It is
        looked at once a second; a rename is a `remove` and a `create`. `recursive`: with all folders below.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        response = self._http.open(
            routes.WATCH_VOLUME_FILES,
            (id_of(id),),
            query={"path": path, "recursive": recursive},
            options=options,
            default_seconds=VM_WORK_SECONDS,
            accept=NDJSON,
            stream=True,
        )
        return FileWatch(response)

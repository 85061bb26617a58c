# Made by tools/unasync.py from _async/machines/uploads.py; not to be edited.
"""Files in parts, which go on where they were after whatever failed; files and logins for who has no key."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO, Callable, List, Optional, Union

from ..._machines import routes
from ..._machines.errors import FileUploadError, MachineError
from ..._machines.models import MachineFile, MachineUpload, TransferUrl
from ..._machines.uploads import checksum_of, local_file
from ..._options import present
from .connection import Connection, new_key

Progress = Callable[[int, int], None]


class Uploads:
    """What `machine.files` has of it."""

    def __init__(self, connection: Connection, machine_id: str) -> None:
        self._connection = connection
        self._machine_id = machine_id

    def upload_file(
        self,
        source: Union[str, Path, bytes],
        path: str,
        *,
        mode: Optional[str] = None,
        on_conflict: Optional[str] = None,
        part_size: Optional[int] = None,
        upload_id: Optional[str] = None,
        on_progress: Optional[Progress] = None,
    ) -> MachineFile:
        """
        A local file, or bytes, in parts with their checksums: whole or not at all. What fails is a FileUploadError; with its
        `upload_id` what came is not sent again.
        """
        with local_file(source) as (content, size):
            upload = self._begin(path, size, mode, on_conflict, part_size, upload_id)
            try:
                if upload.status != "completed":
                    self._send(upload, content, on_progress)
                body = {"sha256": checksum_of(content)}
                done = self._connection.call(
                    routes.COMPLETE_UPLOAD, self._machine_id, upload.id, body=body, key=new_key()
                )
            except MachineError as failure:
                raise FileUploadError(
                    failure.message,
                    upload_id=upload.id,
                    code=failure.code,
                    status_code=failure.status_code,
                    request_id=failure.request_id,
                    retryable=failure.retryable,
                    suggested_action=failure.suggested_action,
                    field=failure.field,
                ) from failure
            return done.file

    def get_upload(self, upload_id: str) -> MachineUpload:
        """Which parts of it came."""
        return self._connection.call(routes.GET_UPLOAD, self._machine_id, upload_id)

    def list_uploads(self) -> List[MachineUpload]:
        """Oldest first."""
        page = self._connection.call(routes.LIST_UPLOADS, self._machine_id)
        return page.uploads

    def abort_upload(self, upload_id: str) -> None:
        """Forgets what came of it."""
        self._connection.call(routes.ABORT_UPLOAD, self._machine_id, upload_id, once=True)

    def upload_url(
        self,
        path: str,
        *,
        expires_in_seconds: Optional[int] = None,
        mode: Optional[str] = None,
        max_bytes: Optional[int] = None,
    ) -> TransferUrl:
        """For somebody without a key, who writes this one file."""
        body = present(path=path, expires_in_seconds=expires_in_seconds, mode=mode, max_bytes=max_bytes)
        return self._connection.call(routes.UPLOAD_URL, self._machine_id, body=body)

    def download_url(self, path: str, *, expires_in_seconds: Optional[int] = None) -> TransferUrl:
        """For somebody without a key, who reads this one file."""
        body = present(path=path, expires_in_seconds=expires_in_seconds)
        return self._connection.call(routes.DOWNLOAD_URL, self._machine_id, body=body)

    def _begin(
        self,
        path: str,
        size: int,
        mode: Optional[str],
        on_conflict: Optional[str],
        part_size: Optional[int],
        upload_id: Optional[str],
    ) -> MachineUpload:
        if upload_id is None:
            body = present(path=path, size=size, mode=mode, on_conflict=on_conflict, part_size=part_size)
            return self._connection.call(routes.CREATE_UPLOAD, self._machine_id, body=body, key=new_key())
        upload = self.get_upload(upload_id)
        if (upload.path, upload.size) != (path, size):
            what = f"the upload {upload_id} is of {upload.size} bytes for {upload.path}"
            raise FileUploadError(what, upload_id=upload_id, code="invalid_request")
        return upload

    def _send(self, upload: MachineUpload, content: BinaryIO, on_progress: Optional[Progress]) -> None:
        there = {part.number: part.sha256 for part in upload.parts}
        content.seek(0)
        sent = 0
        for number in range(1, upload.part_count + 1):
            part = content.read(upload.part_size)
            sha256 = hashlib.sha256(part).hexdigest()
            if there.get(number) != sha256:
                self._connection.call(
                    routes.PUT_PART, self._machine_id, upload.id, str(number), query={"sha256": sha256}, content=part
                )
            sent += len(part)
            if on_progress is not None:
                on_progress(sent, upload.size)

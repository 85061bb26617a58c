"""`client.volumes`: one method per call of the API's volume routes."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from .._config import VM_WORK_SECONDS, Timeout
from .._generated import routes
from .._generated.models import DeleteResponse, Volume, VolumeAttachment
from .._options import CallOptions, Headers, Query, present
from .._refs import VolumeRef
from .._request import id_of
from .http import AsyncHttp
from .volume_files import AsyncVolumeFiles

VolumeList = List[Volume]
Attachments = List[VolumeAttachment]


class AsyncVolumes:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http
        self.files = AsyncVolumeFiles(http)

    async def list(
        self,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> VolumeList:
        """Newest first."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.LIST_VOLUMES, options=options)

    async def create(
        self,
        name: str,
        size_gi_b: int,
        *,
        access_mode: Optional[str] = None,
        kind: Optional[str] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> Volume:
        """Returns when it is ready; its bytes are reserved on the host then. `access_mode` is `rw` or `ro`, `kind` is
        `directory` or `disk`. Never repeated by itself.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(name=name, size_gi_b=size_gi_b, access_mode=access_mode, kind=kind)
        return await self._http.call(routes.CREATE_VOLUME, body=body, options=options, default_seconds=VM_WORK_SECONDS, once=True)

    async def retrieve(
        self,
        id: VolumeRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> Volume:
        """By its id, its name, or itself."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.GET_VOLUME, id_of(id), options=options)

    async def update(
        self,
        id: VolumeRef,
        *,
        name: Optional[str] = None,
        size_gi_b: Optional[int] = None,
        access_mode: Optional[str] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> Volume:
        """Only what is given changes. It grows while VMs use it."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(name=name, size_gi_b=size_gi_b, access_mode=access_mode)
        return await self._http.call(routes.UPDATE_VOLUME, id_of(id), body=body, options=options)

    async def delete(
        self,
        id: VolumeRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> DeleteResponse:
        """With all that is in it. Raises ConflictError with the code `volume_busy` while a VM has it."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.DELETE_VOLUME, id_of(id), options=options)

    async def attachments(
        self,
        id: VolumeRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> Attachments:
        """The VMs that have it."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.LIST_VOLUME_ATTACHMENTS, id_of(id), options=options)

"""`client.vms.volumes`: what a VM has of volumes."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from .._config import Timeout
from .._generated import routes
from .._generated.models import Detachment, VmVolume
from .._options import CallOptions, Headers, Query, present
from .._refs import VMRef, VolumeRef
from .._request import id_of
from .http import AsyncHttp


class AsyncVmVolumes:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list(
        self,
        id: VMRef,
        *,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> List[VmVolume]:
        """As they are now."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.LIST_VM_VOLUMES, id_of(id), options=options)

    async def attach(
        self,
        id: VMRef,
        volume_id: Optional[VolumeRef],
        mount_path: str,
        *,
        read_only: Optional[bool] = None,
        tmpfs: Optional[Mapping[str, Any]] = None,
        host: Optional[Mapping[str, Any]] = None,
        image: Optional[Mapping[str, Any]] = None,
        noexec: Optional[bool] = None,
        nosuid: Optional[bool] = None,
        nodev: Optional[bool] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> VmVolume:
        """In a running VM at once; a paused one has it when it goes on. `mount_path` is a folder beneath `/mnt/` or `/data/`.
        In place of a volume (`None`) one of `tmpfs` (`{"sizeMiB": 64}`), `host` and `image` (both with `path`). Never
        repeated by itself.
        """
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        body = present(
            volume_id=None if volume_id is None else id_of(volume_id),
            mount_path=mount_path,
            read_only=read_only,
            tmpfs=tmpfs,
            host=host,
            image=image,
            noexec=noexec,
            nosuid=nosuid,
            nodev=nodev,
        )
        return await self._http.call(routes.ATTACH_VOLUME, id_of(id), body=body, options=options, once=True)

    async def detach(
        self,
        id: VMRef,
        volume_id: VolumeRef,
        *,
        force: Optional[bool] = None,
        timeout: Timeout = None,
        max_retries: Optional[int] = None,
        extra_headers: Optional[Headers] = None,
        extra_query: Optional[Query] = None,
        extra_body: Optional[Mapping[str, Any]] = None,
    ) -> Detachment:
        """Raises InternalServerError with the code `guest_umount_busy` while the VM uses it, unless `force`; it stays then."""
        options = CallOptions(timeout, max_retries, extra_headers, extra_query, extra_body)
        return await self._http.call(routes.DETACH_VOLUME, id_of(id), id_of(volume_id), query={"force": force}, options=options)
